"""The page of one cart: what it shows, at any moment of its life, and that looking changes nothing."""

from datetime import timedelta

import pytest
from django.core import serializers
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes, ingest
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher, Device
from ghostcart.catalog.models import Product
from ghostcart.customers.models import Customer, Person
from ghostcart.lib import clock
from ghostcart.orders import services as orders
from ghostcart.orders.services import Payment
from ghostcart.vouchers.models import Voucher
from tests import factories
from tests.backoffice.cast import cart, manager, signed_in
from tests.factories import ADDRESS, NOON, Shopper

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def shopper(shop):
    person = Shopper(shop)
    person.add("MUG", 2)
    person.add("LAMP")
    return person


def address(made, name="cart", *more):
    return reverse(f"backoffice:{name}", args=[made.pk, *more])


def text_of(page):
    assert page.status_code == 200
    return " ".join(page.text.split())


def test_the_summary_has_lines_sums_and_the_tax_mode(shop, shopper):
    text = text_of(manager(shop).get(address(shopper.cart)))
    for part in (
        "Cart summary",
        "Mug",
        "One size",
        "R-MUG",
        "€12.50",
        "€25.00",
        "1,000",
        "€105.00",
        "Prices include tax.",
        "All amounts in EUR.",
    ):
        assert part in text, part


def test_prices_without_tax_are_called_so():
    shop = factories.shop(prices_include_tax=False)
    shopper = Shopper(shop)
    shopper.add("MUG")
    assert "Prices are without tax." in text_of(manager(shop).get(address(shopper.cart)))


def test_gifts_stand_apart_and_vouchers_say_what_they_take(shop, shopper):
    common = {"shop": shop, "created_at": NOON}
    Voucher.objects.create(code="TEN", kind="percent", percent_bp=1000, **common)
    Voucher.objects.create(code="GIFT", kind="gift", gift_variant=factories.product(shop, "CUP"), **common)
    Voucher.objects.create(code="RICH", kind="free_shipping", minimum_minor=999_900, currency="EUR", **common)
    for code in ("TEN", "GIFT", "RICH"):
        shopper.do(changes.ApplyVoucher, code=code)
    text = text_of(manager(shop).get(address(shopper.cart)))
    gifts = text[text.index('class="gifts"') :]
    assert "Gifts" in gifts
    assert "Cup" in gifts
    assert "−€10.50" in text
    assert "The products do not reach the minimum amount." in text


def test_the_customer_with_address_orders_and_spending(shop, shopper):
    ada = factories.customer(shop)
    before = Shopper(shop)
    before.add("MUG")
    orders.place(
        before.change(changes.Touch),
        customer=ada,
        address=ADDRESS,
        payment=Payment("transfer"),
        shipping_method="standard",
    )
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    text = text_of(manager(shop).get(address(shopper.cart)))
    for part in (
        "Ada Byron",
        "mailto:ada@example.com",
        "Known since",
        "Valid orders</dt><dd>1",
        "€17.40",
        "Other carts of this customer",
    ):
        assert part in text, part


def test_without_an_order_one_can_be_made_by_those_who_may(shop, shopper):
    link = address(shopper.cart, "cart-order")
    for role, is_offered in ((Role.VIEWER, False), (Role.AGENT, True)):
        text = text_of(signed_in(role, shop).get(address(shopper.cart)))
        assert "No order yet." in text
        assert (link in text) == is_offered


def test_an_ordered_cart_shows_its_order_and_no_deletion(shop, shopper):
    orders.place(
        shopper.change(changes.Touch), customer=factories.customer(shop), address=ADDRESS,
        payment=Payment("transfer"), shipping_method="standard",
    )  # fmt: skip
    made = Cart.objects.get()
    text = text_of(manager(shop).get(address(made)))
    assert made.order_number in text
    assert reverse("backoffice:order", args=[made.order_id]) in text
    assert 'name="only"' not in text
    assert "No order yet" not in text
    assert "Via Roma 1" in text


def test_the_other_carts_are_the_person_s_under_every_address(shop):
    person = Person.objects.create(shop=shop, created_at=NOON)
    work, home = factories.customer(shop, "ada@work.example"), factories.customer(shop, "ada@home.example")
    Customer.objects.filter(pk__in=[work.pk, home.pk]).update(person=person)
    stranger = factories.customer(shop, "eve@example.com")
    shown, other = cart(shop, label="Ada at work", customer=work), cart(shop, label="Ada at home", customer=home)
    foreign = cart(shop, label="Eve", customer=stranger)
    text = text_of(manager(shop).get(address(shown)))
    assert address(other) in text
    assert "Ada at home" in text
    assert address(foreign) not in text


def test_merged_carts_point_at_each_other(shop):
    into = cart(shop)
    gone = cart(shop, merged_into=into, merged_at=NOON)
    client = manager(shop)
    assert f"#{gone.pk}" in text_of(client.get(address(into)))
    assert address(into) in text_of(client.get(address(gone)))


def test_broken_records_have_badges(shop, shopper):
    person = factories.customer(shop)
    shopper.do(changes.Identify, customer_id=person.pk, label=person.label)
    Product.objects.all().delete()
    Customer.objects.filter(pk=person.pk).delete()
    Cart.objects.update(currency="XXQ", bot_reasons=["?", None], bot_score=60, order_number="")
    text = text_of(manager(shop).get(address(shopper.cart)))
    assert text.count("Product deleted") == 2
    for part in ("Customer deleted", "Unknown currency", "Suspected bot"):
        assert part in text, part


def test_a_cart_of_two_hundred_lines_and_a_long_history(shop, shopper):
    made = shopper.cart
    line = CartLine.objects.filter(cart=made).first()
    for number in range(198):
        line.pk, line.key, line.position, line.product, line.variant = None, f"K{number}", 10 + number, None, None
        line.save(force_insert=True)
        CartEvent.objects.create(
            shop=shop, cart=made, cart_version=number, kind="checkout_started", actor="staff:999", at=NOON, data={}
        )
    text = text_of(manager(shop).get(address(made)))
    assert text.count("Product deleted") == 198
    assert "Show 150 earlier entries" in text
    assert text_of(manager(shop).get(address(made), {"all": 1})).count("started the checkout") == 198


def test_an_empty_cart_without_a_history(shop):
    text = text_of(manager(shop).get(address(cart(shop))))
    assert "There is nothing in this cart any more." in text
    assert "Nothing is known about how this cart came about." in text


# -- the timeline ------------------------------------------------------------------------------------


def test_the_timeline_tells_who_did_what_with_names(shop, shopper):
    grace = factories.staff(Role.MANAGER, shop, name="Grace")
    ingest.record(
        changes.RemoveLine(
            shop_id=shop.pk, at=NOON + timedelta(minutes=1), cart_id=shopper.cart.pk, actor=grace.actor, key="LAMP"
        )
    )
    text = text_of(manager(shop).get(address(shopper.cart))).replace("\u2068", "").replace("\u2069", "")
    assert "A visitor added 2 × Mug (One size). The cart now comes to €29.90." in text
    assert "Grace removed 1 × Lamp (One size). The cart now comes to €29.90." in text


def test_the_cart_as_it_was_at_any_entry(shop, shopper):
    first, second = CartEvent.objects.order_by("id")
    shopper.do(changes.RemoveLine, key="MUG")
    client = manager(shop)
    then = text_of(client.get(address(shopper.cart, "cart-at", first.pk)))
    assert "Mug" in then
    assert "Lamp" not in then
    assert "€29.90" in then
    then = text_of(client.get(address(shopper.cart, "cart-at", second.pk)))
    assert "Mug" in then
    assert "Lamp" in then
    assert "€109.90" in then
    whole = text_of(client.get(address(shopper.cart), {"at": first.pk}))
    assert 'id="cart-moment" aria-live="polite"><div class="card-body moment">' in whole.replace("> <", "><")


def test_entries_of_another_cart_are_no_moments_of_this_one(shop, shopper):
    other = Shopper(shop)
    other.add("MUG")
    number = CartEvent.objects.get(cart=other.cart).pk
    client = manager(shop)
    assert client.get(address(shopper.cart, "cart-at", number)).status_code == 404
    for text in (number, "x", "", "9" * 30, "²"):
        assert client.get(address(shopper.cart), {"at": text}).status_code == 200


# -- live, and looking -------------------------------------------------------------------------------


def test_the_fragment_renews_blocks_that_are_on_the_page(shop, shopper):
    client = manager(shop)
    page, fragment = client.get(address(shopper.cart)), client.get(address(shopper.cart, "cart-fragment"))
    for name in (
        "cart-status",
        "cart-actions",
        "cart-summary",
        "cart-timeline",
        "cart-customer",
        "cart-order",
        "cart-facts",
    ):
        assert page.text.count(f'id="{name}"') == fragment.text.count(f'id="{name}"') == 1, name
    assert f'data-live-cart="{shopper.cart.pk}" data-live-url="{address(shopper.cart, "cart-fragment")}"' in page.text


def test_looking_never_writes(shop, shopper):
    models = (Cart, CartLine, CartVoucher, CartEvent, Device, Customer)

    def everything():
        return [serializers.serialize("json", model.objects.order_by("pk")) for model in models]

    made = shopper.cart
    event = CartEvent.objects.first().pk
    before, client = everything(), manager(shop)
    for name, *more in (("cart",), ("cart-fragment",), ("cart-others",), ("cart-at", event)):
        assert client.get(address(made, name, *more)).status_code == 200
        assert client.head(address(made, name, *more)).status_code == 200
    client.get(reverse("backoffice:cart-list"))
    client.get(reverse("backoffice:cart-figures"))
    assert everything() == before


@pytest.mark.parametrize("name", ["cart", "cart-fragment", "cart-others"])
def test_carts_that_are_gone_or_not_one_s_own_are_not_found(shop, name):
    client = manager(shop)
    for made in (cart(shop, deleted_at=NOON), cart(factories.shop()), Cart(pk=10**15)):
        assert client.get(address(made, name)).status_code == 404


def test_what_a_shopper_typed_is_only_text(shop, shopper):
    evil = "<script>alert(1)</script>"
    person = factories.customer(shop, first_name=evil, last_name=evil)
    shopper.do(changes.Identify, customer_id=person.pk, label=person.label)
    CartLine.objects.update(name=evil, option=evil)
    CartEvent.objects.update(data={"line": {"key": "x", "name": evil, "quantity": 1}, "customer": {"label": evil}})
    client = manager(shop)
    for page in (
        client.get(address(shopper.cart), {"at": CartEvent.objects.last().pk}),
        client.get(address(shopper.cart, "cart-fragment")),
    ):
        assert "<script>alert" not in page.text
