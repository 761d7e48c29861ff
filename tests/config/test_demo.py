"""The demo's fill: reproducible, complete, and true to the rules that real carts follow."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.models import F

from ghostcart.backoffice.models import Role, User
from ghostcart.carts import storage
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher, Device, Status
from ghostcart.carts.timeline import fold
from ghostcart.catalog.models import Product, Variant
from ghostcart.config.demo import shops
from ghostcart.config.demo.fill import DemoInTheWay, fill
from ghostcart.config.demo.walks import UNKNOWN_CURRENCY
from ghostcart.customers.models import Address, Consent, Customer
from ghostcart.customers.queries import search
from ghostcart.lib.texts import LANGUAGES
from ghostcart.orders.models import Order, OrderLine, OrderStatus
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop
from ghostcart.shops.rules import NEVER
from ghostcart.vouchers.models import Voucher, VoucherRedemption

NOW = datetime(2026, 9, 2, 15, 30, tzinfo=UTC)  # no change of summer time in the 90 days before
CARTS = 120
pytestmark = pytest.mark.django_db


def quiet(step, done, of):
    pass


def make(now=NOW, **more):
    shop_rules.forget()
    return fill(now, report=quiet, **{"carts": CARTS, **more})


@pytest.fixture
def demo(db):
    assert make()
    yield
    shop_rules.forget()


def everything():
    models = (Shop, Product, Variant, Customer, Consent, Address, Voucher, VoucherRedemption, Cart, CartLine,
              CartVoucher, CartEvent, Device, Order, OrderLine, User)  # fmt: skip
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def rows(now, **more):
    """What a fill tells, without ids, and with times as distances from `now`."""
    with transaction.atomic():
        make(now, **more)
        carts = {cart.pk: place for place, cart in enumerate(Cart.objects.order_by("pk"))}
        told = [
            [
                (cart.shop.slug, cart.customer_label, cart.language, cart.currency, cart.version, cart.total_minor,
                 cart.order_number, cart.shipping_name, cart.bot_reasons, now - cart.created_at,
                 now - cart.last_activity_at, cart.deleted_at and now - cart.deleted_at)
                for cart in Cart.objects.select_related("shop").order_by("pk")
            ],
            [(carts[e.cart_id], e.kind, e.cart_version, now - e.at) for e in CartEvent.objects.order_by("pk")],
            [(carts[line.cart_id], line.key, line.quantity) for line in CartLine.objects.order_by("cart", "position")],
            [(c.email, c.phone, c.is_guest, now - c.registered_at) for c in Customer.objects.order_by("pk")],
            [(o.number, o.token, o.status, o.payment, o.address) for o in Order.objects.order_by("pk")],
            [(d.token_hash, d.user_agent, now - d.seen_at) for d in Device.objects.order_by("pk")],
            list(Voucher.objects.order_by("pk").values_list("code", "used", "quantity")),
        ]  # fmt: skip
        transaction.set_rollback(True)
    return told


# -- the fill itself ---------------------------------------------------------------------------------


def test_a_second_fill_changes_nothing(demo):
    before = everything()
    assert make(NOW + timedelta(days=1)) is False
    assert everything() == before


def test_a_lost_picture_is_drawn_again_and_nothing_else(demo, settings):
    path = settings.MEDIA_ROOT / "fern" / "frn-mug-sage.svg"
    text = path.read_text()
    path.unlink()
    assert make() is False
    assert path.read_text() == text


def test_the_same_seed_tells_the_same_story_at_any_time():
    first = rows(NOW)
    assert rows(NOW) == first
    assert rows(NOW + timedelta(days=7)) == first
    assert rows(NOW, seed=8) != first


def test_a_fill_that_is_broken_off_leaves_nothing():
    def break_off(step, done, of):
        if step == "storing" and done == of:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        fill(NOW, report=break_off, carts=CARTS)
    assert not Shop.objects.exists()
    assert not User.objects.exists()


def test_a_real_shop_of_the_same_name_is_left_alone():
    Shop.objects.create(slug="fern", name="Real", created_at=NOW)
    with pytest.raises(DemoInTheWay):
        make()
    assert Shop.objects.count() == 1


@pytest.mark.parametrize("few", [{"carts": 10}, {"days": 2}])
def test_too_little_is_refused(few):
    with pytest.raises(ValueError, match="at least"):
        make(**few)
    assert not Shop.objects.exists()


# -- what is in it -----------------------------------------------------------------------------------


def test_both_shops_sell_all_of_the_catalogue_with_pictures(demo, settings):
    for plan in shops.catalogue():
        shop = Shop.objects.get(slug=plan["slug"])
        assert shop.is_demo
        assert shop.currencies == plan["currencies"]
        assert shop.languages == list(LANGUAGES)
        assert shop.products.count() == len(plan["products"])
        for variant in shop.variants.all():
            assert set(variant.prices.values_list("currency", flat=True)) == set(shop.currencies)
            assert variant.picture == f"{shop.slug}/{variant.sku.lower()}.svg"
            assert (settings.MEDIA_ROOT / variant.picture).read_text().startswith("<svg")
        for method in shop.shipping_methods.all():
            assert method.prices_minor.keys() == set(shop.currencies)
            assert method.names.keys() == set(LANGUAGES)
    assert [shop.order_prefix for shop in Shop.objects.all()] == ["FRN-", "OTT-"]


def test_a_third_of_the_carts_is_ordered_and_every_kind_is_there(demo):
    carts = list(Cart.objects.all())
    statuses = Counter(cart.status(NOW) for cart in carts)
    assert len(carts) == CARTS
    assert 0.27 <= statuses[Status.ORDERED] / CARTS <= 0.4
    assert set(statuses) == set(Status)
    assert {cart.language for cart in carts} == set(LANGUAGES)
    assert {cart.currency for cart in carts} == {"EUR", "CHF", "GBP", UNKNOWN_CURRENCY}
    assert all(cart.is_demo for cart in carts)
    assert 3 <= sum(cart.is_suspected_bot for cart in carts) <= CARTS // 10
    assert all(cart.bot_reasons for cart in carts if cart.is_suspected_bot)
    assert not any(cart.ordered_at for cart in carts if cart.is_suspected_bot)
    assert any(cart.customer_id is None and not cart.customer_label for cart in carts)
    assert max(Counter(cart.customer_id for cart in carts if cart.customer_id).values()) > 1


def test_nothing_happens_in_the_future_and_something_happened_just_now(demo):
    for cart in Cart.objects.all():
        times = (cart.created_at, cart.last_activity_at, cart.seen_at)
        assert times[0] >= NOW - timedelta(days=91)
        assert list(times) == sorted(times)
        assert max(filter(None, (*times, cart.ordered_at, cart.merged_at, cart.deleted_at))) <= NOW
    assert not CartEvent.objects.filter(at__gt=NOW).exists()
    assert Cart.objects.filter(last_activity_at__gt=NOW - timedelta(minutes=5)).exists()
    assert Device.objects.filter(seen_at__gt=NOW - timedelta(minutes=5), cart=None).exists()


def test_staff_can_see_how_broken_records_look(demo):
    assert CartLine.objects.filter(product=None, variant=None).exists()
    assert Cart.objects.filter(customer=None).exclude(customer_label="").exists()
    assert Order.objects.filter(customer=None).exists()
    assert Cart.objects.filter(currency=UNKNOWN_CURRENCY).count() == 1
    assert not Product.objects.filter(slug="beeswax-candle").exists()


def test_people_are_made_up_findable_and_asked_for_consent(demo):
    people = list(Customer.objects.all())
    assert {person.language for person in people} <= set(LANGUAGES)
    assert {person.is_guest for person in people} == {True, False}
    assert all(person.is_demo for person in people)
    assert all(person.email.partition("@")[2] in {"example.com", "example.net", "example.org"} for person in people)
    shop_ids = list(Shop.objects.values_list("pk", flat=True))
    for person in people[:20]:
        assert person in search(shop_ids, f"{person.last_name.upper()} {person.first_name}")
        assert person.registered_at <= person.last_seen_at <= NOW
    assert all(consent.text and consent.text_version for consent in Consent.objects.all())
    assert Consent.objects.filter(is_given=True).exists()


def test_the_well_known_password_opens_nothing_outside_of_a_demo(demo):
    assert {user.role_in(Shop.objects.get(slug="otter").pk) for user in User.objects.all()} == {
        Role.OWNER, Role.MANAGER, Role.AGENT, None
    }  # fmt: skip
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert not Customer.objects.exclude(password="").exists()


def test_in_a_demo_staff_and_accounts_sign_in(settings, monkeypatch):
    settings.IS_DEMO = True
    monkeypatch.delenv("GHOSTCART_DEMO_PASSWORD", raising=False)
    make()
    owner = User.objects.get(email="owner@demo.example")
    assert owner.check_password(shops.DEMO_PASSWORD)
    assert owner.is_superuser
    assert Customer.objects.filter(is_guest=False).first().knows_password(shops.DEMO_PASSWORD)


# -- as real carts are -------------------------------------------------------------------------------


def test_every_cart_follows_from_its_log(demo):
    for cart in Cart.objects.all():
        events = list(cart.events.order_by("id"))
        past = fold(events)
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert [event.cart_version for event in events] == sorted(event.cart_version for event in events)
        assert events[-1].cart_version == cart.version
        assert [(line.key, line.quantity, line.unit_price_micros, line.name, line.is_gift) for line in past.lines] == [
            (line.key, line.quantity, line.unit_price_micros, line.name, line.is_gift) for line in cart.lines.all()
        ]
        assert (past.total_minor, past.item_count, past.currency) == (cart.total_minor, cart.item_count, cart.currency)
        assert past.order_number == cart.order_number
        assert past.merged_into == cart.merged_into_id
        assert past.is_deleted == (cart.deleted_at is not None)
    everything_logged = list(CartEvent.objects.order_by("id").values_list("at", flat=True))
    assert everything_logged == sorted(everything_logged)


def test_every_head_agrees_with_the_pricing(demo):
    stored = {cart.pk: cart for cart in Cart.objects.all()}
    for number, cart in storage.read_carts(list(stored), lock=False).items():
        head = stored[number]
        cart.work_out()
        for name in ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor"):
            assert getattr(cart.totals, name) == getattr(head, name), (number, name)
        assert {line.key: line.total_minor for line in cart.totals.lines} == {
            line.key: line.total_minor for line in cart.lines.values()
        }
        assert head.item_count == sum(line.quantity for line in cart.lines.values())
        assert head.line_count == len(cart.lines)
        assert head.bot_score == cart.bot_score
        assert head.abandon_after == (head.last_activity_at + timedelta(days=1) if head.line_count else NEVER)


def test_every_order_equals_its_cart_and_is_numbered_in_turn(demo):
    same = ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "currency", "customer_id",
            "customer_label", "language", "shipping_name")  # fmt: skip
    line = ("key", "sku", "name", "quantity", "unit_price_micros", "total_minor", "tax_rate_ppm", "is_gift")
    for order in Order.objects.select_related("cart"):
        cart = order.cart
        assert [getattr(order, name) for name in same] == [getattr(cart, name) for name in same]
        assert (cart.order_id, cart.order_number, cart.ordered_at) == (order.pk, order.number, order.placed_at)
        assert list(order.lines.values_list(*line[1:])) == list(cart.lines.values_list(*line[1:]))
        assert order.address.keys() == {"first_name", "last_name", "street", "postcode", "city", "country"}
        assert order.email
    assert Order.objects.count() == Cart.objects.filter(ordered_at__isnull=False).count()
    for shop in Shop.objects.all():
        numbers = list(shop.orders.order_by("placed_at").values_list("number", flat=True))
        assert numbers == [f"{shop.order_prefix}{place:06d}" for place in range(1, len(numbers) + 1)]
        assert shop.next_order_number == len(numbers) + 1


def test_redemptions_match_the_orders(demo):
    for order in Order.objects.all():
        redeemed = {row.voucher.code: row for row in VoucherRedemption.objects.filter(order_id=order.pk)}
        assert {code: row.amount_minor for code, row in redeemed.items()} == {
            voucher["code"]: voucher["amount_minor"] for voucher in order.vouchers
        }
        given_back = order.status in (OrderStatus.CANCELLED, OrderStatus.REFUNDED)
        assert all((row.reversed_at is not None) == given_back for row in redeemed.values())
        assert not order.cart.vouchers.exclude(refusal="").exists()
    for voucher in Voucher.objects.all():
        assert voucher.used == voucher.redemptions.filter(reversed_at=None).count()
    assert VoucherRedemption.objects.count() > 2


def test_there_is_a_voucher_of_every_kind_one_expired_and_one_used_up(demo):
    for shop in Shop.objects.all():
        vouchers = Voucher.objects.filter(shop=shop)
        assert {voucher.code for voucher in vouchers} == shops.VOUCHERS.keys()
        assert {voucher.kind for voucher in vouchers} == {"percent", "amount", "free_shipping", "gift"}
        assert vouchers.get(code=shops.EXPIRED).valid_until < NOW
        assert vouchers.filter(code=shops.USED_UP, used__gte=F("quantity")).exists()
        assert vouchers.get(code="SURPRISE").gift_variant.stock > 0


def test_merged_carts_lead_to_the_cart_of_an_account(demo):
    merged = list(Cart.objects.filter(merged_at__isnull=False))
    assert len(merged) >= 3
    for cart in merged:
        assert cart.merged_into is not None
        assert cart.merged_into.merged_at is None
        assert {device.cart_id for device in Device.objects.filter(cart=cart.merged_into)} == {cart.merged_into_id}
        assert Device.objects.filter(cart=cart.merged_into).count() == 2
