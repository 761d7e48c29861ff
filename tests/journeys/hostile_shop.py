"""A shop in which everything that a shopper, another shop or a mail server can write was written by somebody hostile.

Written straight into the tables: whatever is refused or tidied on its way in today, it must do no harm if it is there.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import CharField, Model

from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import changes
from ghostcart.carts.models import Cart, CartLine, CartVoucher, Device
from ghostcart.catalog.models import Product, Variant
from ghostcart.connectors import keys
from ghostcart.connectors.models import Connection
from ghostcart.connectors.webhooks.models import Attempt, WebhookEndpoint
from ghostcart.customers import services as customers
from ghostcart.customers.models import Address, Consent, Customer
from ghostcart.customers.services import Consented
from ghostcart.lib import clock
from ghostcart.mail import suppression
from ghostcart.mail.models import EventKind, Message, MessageEvent, Suppression
from ghostcart.orders.models import Order, OrderLine
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Call, Campaign, Decision
from ghostcart.shops.models import Shop
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.connectors.webhooks import showing
from tests.hostile import SCRIPTS
from tests.mail.letters import letter
from tests.races import order

NAME = "Thorn"


def write(thing: Model, **values: Any) -> None:
    """Into the table, cut to what a column takes."""
    for name, value in values.items():
        column = type(thing)._meta.get_field(name)
        if isinstance(column, CharField) and isinstance(value, str):
            values[name] = value[: column.max_length]
    type(thing)._default_manager.filter(pk=thing.pk).update(**values)


def paths() -> list[str]:
    """The pages on which all of it is shown."""
    shop = Shop.objects.filter(name__startswith=NAME).first() or made()
    of: dict[str, Any] = {
        "shop": shop.pk,
        "campaign": Campaign.objects.filter(shop=shop).first().pk,  # type: ignore[union-attr]
        "voucher": Voucher.objects.filter(shop=shop).first().pk,  # type: ignore[union-attr]
        "endpoint": WebhookEndpoint.objects.filter(shop=shop).first().pk,  # type: ignore[union-attr]
    }
    of["step"] = campaigns.steps(Campaign.objects.get(pk=of["campaign"]))[0].pk
    found = [
        "/", "/carts/?shop={shop}&size=100", "/carts/deleted/", "/carts/clean-up/", "/customers/?size=100",
        "/orders/?size=100", "/vouchers/?size=100", "/vouchers/{voucher}/", "/vouchers/new/{shop}/",
        "/messages/?size=100", "/messages/no-mail/", "/calls/", "/campaigns/", "/campaigns/{campaign}/",
        "/campaigns/{campaign}/audience/",
        "/campaigns/{campaign}/start/", "/campaigns/{campaign}/steps/{step}/",
        "/campaigns/{campaign}/steps/{step}/edit/",
        "/report/", "/report/ledger/?shop={shop}", "/settings/{shop}/", "/settings/{shop}/mail/",
        "/settings/{shop}/keys/",
        "/connections/", "/webhooks/", "/webhooks/{endpoint}/", "/staff/", "/profile/",
    ]  # fmt: skip
    found += [f"/carts/{one}/" for one in Cart.objects.filter(shop=shop).values_list("pk", flat=True)]
    found += [f"/customers/{one}/" for one in Customer.objects.filter(shop=shop).values_list("pk", flat=True)]
    found += [f"/orders/{one}/" for one in Order.objects.filter(shop=shop).values_list("pk", flat=True)]
    found += [f"/messages/{one}/" for one in Message.objects.filter(shop=shop).values_list("pk", flat=True)]
    found += [f"/webhooks/deliveries/{one}/" for one in
              Attempt.objects.filter(delivery__endpoint__shop=shop).values_list("delivery", flat=True)]  # fmt: skip
    return [f"/backoffice{one.format(**of)}" for one in dict.fromkeys(found)]


@transaction.atomic
def made() -> Shop:
    now = clock.now()
    shop = factories.shop(name=NAME, currencies=["EUR"])
    for owner in User.objects.filter(memberships__role=Role.OWNER).distinct():
        Membership.objects.get_or_create(user=owner, shop=shop, defaults={"role": Role.OWNER})
    campaign = campaigns.create(shop, "abandoned", "Thorns", now)
    for number, text in enumerate(SCRIPTS):
        write(Product.objects.get(shop=shop, slug="mug"), names={"en": text, "it": text, "de": text})
        write(Variant.objects.get(shop=shop, sku="MUG"), options={"en": text, "it": text})
        one_person(shop, campaign, number, text, now - timedelta(hours=30, minutes=number))
    write(shop, name=f"{NAME} {SCRIPTS[0]}", mail_imprint=SCRIPTS[1], mail_name=SCRIPTS[2])
    write(campaign, name=SCRIPTS[3])
    write(keys.create(shop, name="ERP", scopes=["carts:read"], actor="staff:1", now=now)[0], name=SCRIPTS[4])
    for place, endpoint in enumerate({showing.some(shop)[0]}):
        write(WebhookEndpoint.objects.get(pk=endpoint), description=SCRIPTS[5 + place])
        for attempt in Attempt.objects.filter(delivery__endpoint=endpoint):
            write(attempt, answer=" ".join(SCRIPTS), error="x", detail=SCRIPTS[1])
    Connection.objects.create(
        shop=shop, kind="prestashop", address="mysql://reader@db.invalid/x", created_at=now, state="paused",
        trouble=f"missing_right:{SCRIPTS[1]}"[:200], trouble_at=now, found={"version": SCRIPTS[1]},
    )  # fmt: skip
    return shop


def one_person(shop: Shop, campaign: Campaign, number: int, text: str, at: Any) -> None:
    email = f"thorn{number}@example.com"
    agreed = Consented(True, text, "1")
    person = customers.identify(shop.pk, email=email, first_name="x", phone="1", consent=agreed, now=at)
    customers.keep_address(person, factories.ADDRESS, at)
    shopper = factories.Shopper(shop, at=at)
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=person.pk, label=text[:120])
    voucher = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=500, names={"en": text}, now=at)
    shopper.do(changes.ApplyVoucher, code=voucher.code)
    cart = shopper.cart
    mail = letter(shop, person, cart=cart, at=at, language="en").message
    MessageEvent.objects.create(message=mail, shop=shop, kind=EventKind.BOUNCED, cause=text[:200], at=at)
    suppression.suppress(shop.pk, email, reason="staff", source="x", now=at)
    person.refresh_from_db()
    about = {"shop": shop, "cart": cart, "at": at}
    Call.objects.create(outcome="later", note=text, actor="staff:1", again_at=at, **about)
    Decision.objects.create(campaign=campaign, person=person.person, verdict="enrolled", actor="key:1", **about)
    if number % 3 == 0:
        placed = order(shopper, person)
        write(placed, address=dict.fromkeys(factories.ADDRESS, text), email=text, shipping_name=text,
              customer_label=text, vouchers=[{"code": text, "name": text, "amount_minor": 1}])  # fmt: skip
        OrderLine.objects.filter(order=placed).update(name=text, option=text, sku=text[:64])
    # and now whatever was tidied on its way in
    write(person, first_name=text, last_name=text, phone=text, note=text, email=f"{email} {text}", language="en",
          search_text=f"{text} {email}")  # fmt: skip
    for kept in (*Address.objects.filter(customer=person), *Consent.objects.filter(customer=person)):
        fields = {one.name for one in kept._meta.concrete_fields} & {"street", "city", "first_name", "source", "text"}
        write(kept, **dict.fromkeys(fields, text))
    write(voucher, code=f"{number}{text}")
    write(mail, subject=text, answer=text, address=text, template={"subject": text, "body": "x"},
          facts={"customer": {"first_name": text, "name": text}})  # fmt: skip
    write(Suppression.objects.latest("pk"), address=text, source=text)
    write(cart, customer_label=text, shipping_name=text, bot_reasons=[text], bot_score=60)
    CartLine.objects.filter(cart=cart).update(name=text, option=text, sku=text[:64], picture=text[:200])
    CartVoucher.objects.filter(cart=cart).update(name=text[:120])
    Device.objects.filter(cart=cart).update(user_agent=text[:200], page=text[:200])
