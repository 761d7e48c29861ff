"""For the pages on attached shops: a connection in trouble, whose import is under way, with a ghost and an order."""

from datetime import timedelta

from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import intake
from ghostcart.carts.models import Cart
from ghostcart.carts.snapshots import VoucherSnapshot
from ghostcart.catalog import intake as catalog_intake
from ghostcart.connectors.models import Connection, State
from ghostcart.customers import intake as customer_intake
from ghostcart.lib import clock
from ghostcart.orders import intake as order_intake
from ghostcart.orders.models import Order
from ghostcart.shops.models import Shop
from tests import outside

SOURCE = "prestashop"


def attached() -> tuple[int, int, int]:
    """The numbers of a ghost cart, an order and the connection, in a shop of its own: what is kept elsewhere cannot be
    changed here, and the demo's shops are changed by other journeys."""
    now = clock.now()
    shop, _ = Shop.objects.get_or_create(
        slug="abroad", defaults={"name": "Abroad", "currencies": ["EUR"], "created_at": now}
    )
    for owner in User.objects.filter(memberships__role=Role.OWNER).distinct():
        Membership.objects.get_or_create(user=owner, shop=shop, defaults={"role": Role.OWNER})
    started = now - timedelta(days=3)
    catalog_intake.take(shop.pk, SOURCE, [outside.product("a-mug", url="https://shop.invalid/mug")])
    customer_intake.take(shop.pk, SOURCE, [outside.customer("7", "outside@example.com")], now)
    line = outside.line("a-mug", 2, picture="https://shop.invalid/img/p/1/1.jpg")
    times = {"created_at": started, "at": started, "customer": "7"}
    ghost = outside.cart("801", line, outside.line("gone"), is_estimated=True,
                         vouchers=[VoucherSnapshot("WELCOME", "Welcome", 200)], **times)  # fmt: skip
    intake.take(shop.pk, SOURCE, [ghost, outside.cart("802", line, **times)], now, is_history=True)
    order_intake.take(shop.pk, SOURCE, [outside.order("55", "802", line, placed_at=started)], now, is_history=True)
    connection, _ = Connection.objects.get_or_create(
        shop=shop, kind=SOURCE,
        defaults={
            "address": "mysql://reader@db.invalid:3306/presta", "created_at": now, "state": State.IMPORTING,
            "done": 400, "total": 1000, "trouble": "access_denied", "trouble_at": now,
            "claimed_until": now + timedelta(days=1), "claimed_by": "nobody", "found": {"version": "8.1.7"},
        },
    )  # fmt: skip
    cart = Cart.objects.get(shop=shop, source=SOURCE, external_id="801")
    return cart.pk, Order.objects.get(shop=shop, source=SOURCE, external_id="55").pk, connection.pk
