"""Every page there is, by door, with something to show: for looking at them, and for tests over all of them."""

from tests.running import Running


def numbers(shop: Running) -> dict[str, str]:
    """Things of the demo that pages are about."""
    names = (
        "cart",
        "ordered",
        "broken",
        "customer",
        "order",
        "variant",
        "token",
        "staff",
        "method",
        "campaign",
        "step",
        "shop",
        "voucher",
        "message",
        "named",
        "key",
        "outside",
        "outside_order",
        "connection",
        "endpoint",
        "delivery",
        "product",
        "outside_product",
    )
    told = shop.ask(
        "from ghostcart.carts.models import Cart; from ghostcart.customers.models import Customer;"
        "from ghostcart.orders.models import Order; from ghostcart.catalog.models import Product, Variant;"
        "from ghostcart.backoffice.models import User; from ghostcart.shops.models import ShippingMethod, Shop;"
        "from ghostcart.recovery import campaigns; from ghostcart.lib import clock;"
        "from ghostcart.vouchers.models import Voucher; from tests.mail import letters;"
        "from ghostcart.connectors import keys;"
        "from tests.journeys.attached import attached;"
        "from tests.connectors.webhooks import showing;"
        "live = Cart.objects.filter(deleted_at=None, shop__slug='fern', source='store');"
        "order = Order.objects.filter(shop__slug='fern', source='store', customer__isnull=False).first();"
        "key = keys.create(order.shop, name='ERP', scopes=['carts:read'], actor='staff:1', now=clock.now())[0];"
        "campaign = campaigns.create(Shop.objects.get(slug='fern'), 'abandoned', 'Ghosts', clock.now());"
        "print(live.filter(ordered_at=None, merged_at=None, line_count__gt=1).order_by('-pk')[0].pk,"
        " live.filter(ordered_at__isnull=False).order_by('-pk')[0].pk,"
        " live.filter(lines__product=None, line_count__gt=0).order_by('-pk').values_list('pk', flat=True).first() or 1,"
        " order.customer_id, order.pk,"
        " Variant.objects.filter(shop__slug='fern', stock__gt=20).order_by('pk')[0].product.slug, order.token,"
        " User.objects.exclude(is_superuser=True)[0].pk, ShippingMethod.objects.first().pk,"
        " campaign.pk, campaigns.steps(campaign)[1].pk,"
        " campaign.shop_id, Voucher.objects.filter(shop__slug='fern').order_by('-used')[0].pk,"
        " letters.letter(order.shop, order.customer, at=clock.now()).message.pk,"
        " live.filter(ordered_at=None, merged_at=None, line_count__gt=0, customer__isnull=False)[0].pk,"
        " key.pk, *attached(), *showing.some(campaign.shop), Product.objects.filter(shop__slug='fern').first().pk,"
        " Product.objects.exclude(source='').first().pk, sep='|')"
    )
    return dict(zip(names, told.split("|"), strict=True))


def mailed(shop: Running, cart: str, language: str = "it") -> dict[str, str]:
    """{purpose: path} of the links of a mail about this cart, sent an hour ago, with a voucher."""
    told = shop.ask(f"from tests.mail.letters import about; print(*about({cart}, '{language}'))")
    return dict(one.split("|") for one in told.split())


def way_back(shop: Running, language: str = "it") -> str:
    """Where the link of a mail leads that is about a cart of another shop."""
    return shop.ask(f"from tests.mail.letters import about_elsewhere; print(about_elsewhere('{language}'))").strip()


def backoffice(shop: Running) -> dict[str, str]:
    """{name: path} of the staff's pages."""
    of = numbers(shop)
    return {
        "live": "/backoffice/",
        "search": "/backoffice/search/?q=a",
        "search-none": "/backoffice/search/?q=zzzzzz",
        "set-up": "/backoffice/set-up/",
        "set-up-another": "/backoffice/set-up/?another=1",
        "carts": "/backoffice/carts/",
        "carts-none": "/backoffice/carts/?id=999999",
        "cart": f"/backoffice/carts/{of['cart']}/",
        "cart-ordered": f"/backoffice/carts/{of['ordered']}/",
        "cart-broken": f"/backoffice/carts/{of['broken']}/",
        "carts-deleted": "/backoffice/carts/deleted/",
        "clean-up": "/backoffice/carts/clean-up/",
        "cart-change": f"/backoffice/carts/{of['cart']}/change/",
        "products": "/backoffice/products/",
        "products-none": "/backoffice/products/?q=nothing-like-it",
        "product-made": f"/backoffice/products/{of['product']}/",
        "product-outside": f"/backoffice/products/{of['outside_product']}/",
        "product-edit": f"/backoffice/products/{of['product']}/edit/",
        "product-new": f"/backoffice/products/new/{of['shop']}/",
        "shop-pages": f"/backoffice/settings/{of['shop']}/pages/de/",
        "order-from-cart": f"/backoffice/carts/{of['cart']}/order/",
        "customers": "/backoffice/customers/",
        "customer": f"/backoffice/customers/{of['customer']}/",
        "customer-erase": f"/backoffice/customers/{of['customer']}/erase/",
        "orders": "/backoffice/orders/",
        "order": f"/backoffice/orders/{of['order']}/",
        "campaigns": "/backoffice/campaigns/",
        "campaign-new": "/backoffice/campaigns/new/",
        "campaign": f"/backoffice/campaigns/{of['campaign']}/",
        "campaign-start": f"/backoffice/campaigns/{of['campaign']}/start/",
        "campaign-audience": f"/backoffice/campaigns/{of['campaign']}/audience/",
        "campaign-settings": f"/backoffice/campaigns/{of['campaign']}/settings/",
        "campaign-step": f"/backoffice/campaigns/{of['campaign']}/steps/{of['step']}/",
        "campaign-step-edit": f"/backoffice/campaigns/{of['campaign']}/steps/{of['step']}/edit/",
        "messages": "/backoffice/messages/",
        "message": f"/backoffice/messages/{of['message']}/",
        "no-mail": "/backoffice/messages/no-mail/",
        "calls": "/backoffice/calls/",
        "write": f"/backoffice/carts/{of['named']}/write/",
        "report": "/backoffice/report/",
        "report-mails": f"/backoffice/report/{of['shop']}/mails/",
        "report-people": f"/backoffice/report/{of['campaign']}/people/",
        "ledger": f"/backoffice/report/ledger/?shop={of['shop']}",
        "mail-settings": f"/backoffice/settings/{of['shop']}/mail/",
        "keys": f"/backoffice/settings/{of['shop']}/keys/",
        "key-new": f"/backoffice/settings/{of['shop']}/keys/new/",
        "key": f"/backoffice/settings/{of['shop']}/keys/{of['key']}/",
        "webhooks": "/backoffice/webhooks/",
        "webhook-new": f"/backoffice/webhooks/new/{of['shop']}/",
        "webhook": f"/backoffice/webhooks/{of['endpoint']}/",
        "webhook-none": f"/backoffice/webhooks/{of['endpoint']}/?state=sending",
        "webhook-edit": f"/backoffice/webhooks/{of['endpoint']}/edit/",
        "webhook-delivery": f"/backoffice/webhooks/deliveries/{of['delivery']}/",
        "vouchers": "/backoffice/vouchers/",
        "vouchers-none": "/backoffice/vouchers/?q=nothing-like-it",
        "voucher": f"/backoffice/vouchers/{of['voucher']}/",
        "voucher-new": f"/backoffice/vouchers/new/{of['shop']}/",
        "campaign-replay": f"/backoffice/campaigns/{of['campaign']}/replay/?days=90",
        "settings": "/backoffice/settings/",
        "connections": "/backoffice/connections/",
        "connection-new": "/backoffice/connections/attach/",
        "connection-address": f"/backoffice/connections/{of['connection']}/address/",
        "connection-detach": f"/backoffice/connections/{of['connection']}/detach/",
        "carts-outside": "/backoffice/carts/?source=prestashop",
        "cart-outside": f"/backoffice/carts/{of['outside']}/",
        "order-outside": f"/backoffice/orders/{of['outside_order']}/",
        "staff": "/backoffice/staff/",
        "components": "/backoffice/components/",
        "profile": "/backoffice/profile/",
        "password": "/backoffice/account/password/",
        "second-factor": "/backoffice/account/second-factor/",
        "not-found": "/backoffice/nothing-here/",
    }


def storefront(shop: Running, language: str) -> dict[str, str]:
    """{name: path} of the shoppers' pages."""
    of = numbers(shop)
    base = f"/fern/{language}"
    mail = mailed(shop, of["cart"], language)
    return {
        "shop": f"{base}/",
        "category": f"{base}/c/kitchen/",
        "product": f"{base}/p/{of['variant']}/",
        "cart-page": f"{base}/cart/",
        "checkout": f"{base}/checkout/",
        "thanks": f"{base}/thanks/{of['token']}/",
        "account": f"{base}/account/",
        "sign-in": f"{base}/account/sign-in/",
        "register": f"{base}/account/register/",
        "imprint": f"{base}/info/imprint/",
        "other-shop": f"/otter/{language}/",
        "shop-not-found": f"{base}/p/nothing-here/",
        "restore": mail["restore"],
        "way-back": way_back(shop, language),
        "stop": mail["stop"],
        "preferences": mail["preferences"],
        "gone": "/m/back/gone/",
    }
