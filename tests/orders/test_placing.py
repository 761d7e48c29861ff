"""Making an order of a cart: all of it or nothing."""

import pytest

from ghostcart.carts import changes
from ghostcart.carts.errors import CartChanged, CartClosed, CartEmpty, SoldOut, UnknownShippingMethod
from ghostcart.carts.models import Cart, Status
from ghostcart.catalog.models import Variant
from ghostcart.customers import queries as customers
from ghostcart.orders import intake, services
from ghostcart.orders.errors import AddressIncomplete, CardDeclined, UnknownPayment
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.errors import VoucherRefused
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import Kind
from tests import factories, outside
from tests.factories import ADDRESS, NOON, Shopper
from tests.races import order, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return factories.shop(is_demo=True)


@pytest.fixture
def shopper(shop):
    filled = Shopper(shop)
    filled.add("MUG", 2)
    filled.add("LAMP")
    return filled


def voucher(shop, code="SPRING", **more):
    return vouchers.create(shop_id=shop.pk, code=code, now=NOON, **({"kind": Kind.PERCENT, "percent_bp": 1000} | more))


def test_the_order_is_the_cart_as_it_was(shop, shopper, ada):
    voucher(shop)
    shopper.do(changes.ApplyVoucher, code="SPRING")
    cart = shopper.cart
    placed = order(shopper, ada)
    cart.refresh_from_db()

    for name in ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "currency"):
        assert getattr(placed, name) == getattr(cart, name), name
    copied = ("sku", "name", "option", "unit_price_micros", "quantity", "total_minor")
    assert list(placed.lines.values_list(*copied)) == list(cart.lines.values_list(*copied))
    assert placed.vouchers == [{"code": "SPRING", "name": "", "amount_minor": 1050}]
    assert (placed.number, placed.status, placed.email) == ("T-000001", "pending", "ada@example.com")
    assert (cart.status(NOON), cart.order_number, cart.order_id) == (Status.ORDERED, "T-000001", placed.pk)
    assert [event.kind for event in cart.events.all()][-2:] == ["checkout_started", "ordered"]


def test_where_it_goes_is_kept_for_the_next_order(shop, shopper, ada):
    order(shopper, ada)
    shopper.add("MUG")
    order(shopper, ada, address=ADDRESS | {"city": "Roma"})
    assert [one.city for one in ada.addresses.all()] == ["Roma", "Torino"]
    assert customers.last_address(ada).city == "Roma"


def test_a_number_that_another_shop_gave_is_passed_by(shop, shopper, ada):
    """Else nobody could order any more: each try would take the same number."""
    told = outside.order("9", "1", outside.line("mug"), number="T-000001")
    intake.take(shop.pk, outside.SOURCE, [told], NOON)
    assert order(shopper, ada).number == "T-000002"


def test_stock_and_vouchers_are_used(shop, shopper, ada):
    code = voucher(shop, quantity=1)
    shopper.do(changes.ApplyVoucher, code="SPRING")
    placed = order(shopper, ada)
    assert (stock("MUG"), stock("LAMP")) == (998, 999)
    assert Voucher.objects.get().used == 1
    assert code.redemptions.get().order_id == placed.pk


def test_a_gift_is_taken_from_stock_too(shop, shopper, ada):
    card = factories.product(shop, "CARD", stock=1)
    voucher(shop, kind=Kind.GIFT, percent_bp=0, gift_variant_id=card.pk)
    shopper.do(changes.ApplyVoucher, code="SPRING")
    placed = order(shopper, ada)
    assert stock("CARD") == 0
    assert placed.lines.get(is_gift=True).total_minor == 0


def test_a_voucher_that_takes_nothing_is_not_used_up(shop, shopper, ada):
    voucher(shop, minimum_minor=100_000, currency="EUR", quantity=1)
    shopper.do(changes.ApplyVoucher, code="SPRING")
    order(shopper, ada)
    assert Voucher.objects.get().used == 0


def facts():
    counted = tuple(model.objects.count() for model in (Order, VoucherRedemption))
    return counted, list(Variant.objects.order_by("pk").values_list("stock", flat=True)), list(Cart.objects.values())


def spoil_stock(shop):
    Variant.objects.filter(sku="LAMP").update(stock=0)


def spoil_voucher(shop):
    Voucher.objects.update(is_active=False)


@pytest.mark.parametrize(
    ("spoil", "more", "error"),
    [
        (spoil_stock, {}, SoldOut),
        (spoil_voucher, {}, VoucherRefused),
        (None, {"payment": Payment("demo_card", "fail")}, CardDeclined),
        (None, {"payment": Payment("barter")}, UnknownPayment),
        (None, {"address": ADDRESS | {"city": " "}}, AddressIncomplete),
        (None, {"shipping_method": "pigeon"}, UnknownShippingMethod),
        (None, {"expected_version": 1}, CartChanged),
    ],
)
def test_a_refused_order_leaves_everything_as_it_was(shop, shopper, ada, spoil, more, error):
    voucher(shop)
    shopper.do(changes.ApplyVoucher, code="SPRING")
    if spoil:
        spoil(shop)
    before = facts()
    with pytest.raises(error):
        order(shopper, ada, **more)
    assert facts() == before


def test_a_voucher_of_another_customer_is_refused(shop, shopper, ada):
    voucher(shop, per_customer=1)
    shopper.do(changes.Identify, customer_id=ada.pk, label="Ada")
    shopper.do(changes.ApplyVoucher, code="SPRING")
    first = order(shopper, ada)
    shopper.add("MUG")
    bob = factories.customer(shop, "bob@example.com")
    shopper.do(changes.Identify, customer_id=bob.pk, label="Bob")
    shopper.do(changes.ApplyVoucher, code="SPRING")
    with pytest.raises(VoucherRefused) as refused:
        order(shopper, ada)
    assert refused.value.code == "voucher_used_by_customer"
    services.set_status(first, "cancelled", "staff:1", NOON)
    assert order(shopper, ada).discount_minor == 125


def test_an_empty_cart_cannot_be_ordered(shop, ada):
    shopper = Shopper(shop)
    with pytest.raises(CartEmpty):
        order(shopper, ada)
    shopper.add("MUG")
    shopper.do(changes.RemoveLine, key="MUG")
    with pytest.raises(CartEmpty):
        order(shopper, ada)
    assert not Order.objects.exists()


def test_the_same_key_gives_the_same_order(shopper, ada):
    assert order(shopper, ada, key="once") == order(shopper, ada, key="once")
    assert Order.objects.count() == 1


def test_staff_place_an_order_for_the_shopper_once(shop, shopper, ada):
    by_phone = changes.Change(shop_id=shop.pk, at=NOON, cart_id=shopper.cart.pk, actor="staff:7")
    details = {"customer": ada, "address": ADDRESS, "payment": Payment("by_phone"), "shipping_method": "express"}
    placed = services.place(by_phone, **details)
    assert (placed.placed_by, placed.payment, placed.shipping_minor) == ("staff:7", "by_phone", 1290)
    with pytest.raises(CartClosed):
        services.place(by_phone, **details)


def test_a_deleted_cart_cannot_be_ordered(shopper, ada):
    Cart.objects.update(deleted_at=NOON)
    with pytest.raises(CartEmpty):
        order(shopper, ada)


def test_only_a_demonstration_takes_the_card_that_is_none():
    """Whoever opens a real shop gets paid, or is told that nobody has paid yet."""
    shopper, ada = Shopper(made := factories.shop()), factories.customer(made)
    shopper.add("MUG")
    with pytest.raises(UnknownPayment):
        order(shopper, ada, payment=Payment("demo_card"))
    assert not Order.objects.filter(shop=made).exists()
    assert order(shopper, ada, payment=Payment("transfer")).status == "pending"
