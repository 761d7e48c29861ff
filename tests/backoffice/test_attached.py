"""Carts and orders that another shop keeps: shown with their numbers there, changed nowhere here."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes, ingest, intake, queries
from ghostcart.carts.errors import CartElsewhere
from ghostcart.carts.models import Cart, Device
from ghostcart.carts.snapshots import VoucherSnapshot
from ghostcart.catalog import intake as catalog_intake
from ghostcart.customers import intake as customer_intake
from ghostcart.lib import clock, pictures
from ghostcart.orders import intake as order_intake
from ghostcart.orders import services as orders
from ghostcart.orders.errors import OrderElsewhere
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment
from tests import factories, outside
from tests.backoffice.cast import cart as own_cart
from tests.backoffice.cast import manager, signed_in
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db
SOURCE = "prestashop"
PICTURE = "https://shop.example/img/p/1/1.jpg"


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


def take(shop, *told, **more) -> Cart:
    intake.take(shop.pk, SOURCE, told, NOON, **more)
    return Cart.objects.get(shop=shop, source=SOURCE, external_id=told[0].external_id)


@pytest.fixture
def ghost(shop) -> Cart:
    """An abandoned cart as a PrestaShop has it, number 4711 there."""
    mug = outside.product("mug", url="https://shop.example/mug")
    catalog_intake.take(shop.pk, SOURCE, [mug, outside.product("lamp", url="javascript:alert(1)")])
    customer_intake.take(shop.pk, SOURCE, [outside.customer("7"), outside.customer("8")], NOON)
    lines = outside.line("mug", 2, picture=PICTURE), outside.line("lamp")
    vouchers = [VoucherSnapshot("HELLO", "Hello", 300), VoucherSnapshot("FREE")]
    return take(shop, outside.cart("4711", *lines, customer="7", is_estimated=True, vouchers=vouchers))


def page(client, name, *of, **query) -> str:
    answer = client.get(reverse(f"backoffice:{name}", args=of), query)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


# -- what is shown -----------------------------------------------------------------------------------


def test_a_cart_has_both_numbers_and_is_called_estimated_everywhere(shop, ghost):
    client = manager(shop)
    for text in (page(client, "cart-list"), page(client, "cart", ghost.pk), page(client, "live")):
        for part in (f"#{ghost.pk}", "PrestaShop 4711", "estimated", "what the shopper is asked to pay may differ"):
            assert part in text.replace(f"Cart {ghost.pk}", f"#{ghost.pk}"), part
    assert "estimated" in page(client, "cart-fragment", ghost.pk)


def test_an_ordered_cart_is_not_estimated_any_more(shop, ghost):
    order_intake.take(shop.pk, SOURCE, [outside.order("9", "4711", outside.line("mug"))], NOON)
    for text in (page(manager(shop), "cart-list"), page(manager(shop), "cart", ghost.pk)):
        assert "estimated" not in text


def test_lines_lead_into_the_shop_and_only_to_web_addresses(shop, ghost):
    text = page(manager(shop), "cart", ghost.pk)
    assert '<a href="https://shop.example/mug" target="_blank" rel="noopener noreferrer">' in text
    assert "javascript:" not in text


def test_pictures_come_through_us(shop, ghost):
    text = page(manager(shop), "cart", ghost.pk)
    assert pictures.address(PICTURE) in text
    assert PICTURE not in text


def test_vouchers_of_the_shop_are_rows_though_we_have_none(shop, ghost):
    text = page(manager(shop), "cart", ghost.pk)
    assert "HELLO" in text
    assert "−€3.00" in text
    assert text.count("Made in the shop") == 2
    assert "−€0.00" not in text


def test_what_a_source_calls_itself_is_only_text(shop):
    evil = "<script>alert(1)"
    intake.take(shop.pk, evil[:20], [outside.cart(evil, outside.line("mug"))], NOON)
    made = Cart.objects.get()
    for text in (page(manager(shop), "cart-list"), page(manager(shop), "cart", made.pk), page(manager(shop), "live")):
        assert "<script>alert" not in text


def test_a_customer_has_the_numbers_that_the_shop_gave(shop, ghost):
    text = page(manager(shop), "customer", ghost.customer_id)
    assert "PrestaShop 7" in text
    assert "PrestaShop 8" in text
    assert "PrestaShop 4711" in text


# -- the list ----------------------------------------------------------------------------------------


def listed(shop, **query) -> list[int]:
    answer = manager(shop).get(reverse("backoffice:cart-list"), {"sort": "id", **query})
    return [row.pk for row in answer.context["page"].rows]


def test_the_list_is_filtered_by_source_and_searched_by_the_shop_s_number(shop, ghost):
    mine = own_cart(shop)
    assert listed(shop, source=SOURCE) == [ghost.pk]
    assert listed(shop, source="store") == [mine.pk]
    assert listed(shop, id="4711") == [ghost.pk]
    assert sorted(listed(shop, id=f"{mine.pk}, 4711")) == sorted([ghost.pk, mine.pk])
    text = page(manager(shop), "cart-list", source="nowhere")
    assert "No cart comes from there." in text


def test_a_number_with_a_hash_is_ours_alone(shop, ghost):
    namesake = take(shop, outside.cart(str(ghost.pk), outside.line("mug")))
    assert sorted(listed(shop, id=str(ghost.pk))) == [ghost.pk, namesake.pk]
    assert listed(shop, id=f"#{ghost.pk}") == [ghost.pk]


def test_numbers_that_are_words_are_found_and_another_shop_s_are_not(shop, ghost):
    other = factories.shop()
    named = take(shop, outside.cart("ab-12", outside.line("mug")))
    take(other, outside.cart("ab-12", outside.line("mug")))
    assert listed(shop, id="ab-12") == [named.pk]


def test_without_an_attached_shop_there_is_no_such_filter(shop):
    own_cart(shop)
    assert 'name="source"' not in page(manager(shop), "cart-list")
    assert "is not a cart number" in page(manager(shop), "cart-list", id="ab-12")


def test_sources_are_found_without_counting_carts(shop, ghost, django_assert_max_num_queries):
    for _ in range(30):
        own_cart(shop)
    with django_assert_max_num_queries(3):
        assert queries.sources([shop.pk]) == [SOURCE, "store"]


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        (changes.AddLine, {"sku": "MUG", "quantity": 1}),
        (changes.SetQuantity, {"key": "mug", "quantity": 3}),
        (changes.RemoveLine, {"key": "mug"}),
        (changes.ApplyVoucher, {"code": "TEN"}),
        (changes.RemoveVoucher, {"code": "HELLO"}),
        (changes.ChooseShipping, {"method": "standard"}),
        (changes.StartCheckout, {}),
        (changes.BeginOrder, {}),
        (changes.Touch, {}),
    ],
    ids=lambda one: one[0].__name__,
)
def test_nothing_here_changes_a_cart_of_another_shop(shop, ghost, change):
    kind, values = change
    before = list(Cart.objects.values())
    with pytest.raises(CartElsewhere):
        ingest.record(kind(shop_id=shop.pk, at=NOON, cart_id=ghost.pk, actor="staff:1", **values))
    assert list(Cart.objects.values()) == before


def test_not_even_from_a_device_that_points_at_it_or_at_sign_in(shop, ghost):
    shopper = Shopper(shop)
    shopper.add("MUG")
    Device.objects.update(cart=ghost)
    with pytest.raises(CartElsewhere):
        shopper.add("LAMP")
    with pytest.raises(CartElsewhere):
        shopper.do(changes.SignIn, customer_id=ghost.customer_id, label="Ada")


def test_its_products_are_not_restored_into_a_cart_here(shop, ghost):
    shopper = Shopper(shop)
    shopper.add("MUG")
    with pytest.raises(CartElsewhere):
        shopper.do(changes.Restore, source_id=ghost.pk)


def test_no_order_is_made_of_it_by_the_service_or_by_the_page(shop, ghost):
    with pytest.raises(CartElsewhere) as refused:
        orders.place(
            changes.Touch(shop_id=shop.pk, at=NOON, cart_id=ghost.pk, actor="staff:1"),
            customer=ghost.customer, address=factories.ADDRESS, payment=Payment("transfer"),
            shipping_method="standard",
        )  # fmt: skip
    assert (refused.value.code, refused.value.status) == ("cart_elsewhere", 409)
    client = signed_in(Role.AGENT, shop)
    link = reverse("backoffice:cart-order", args=[ghost.pk])
    assert link not in page(client, "cart", ghost.pk)
    for answer in (client.get(link, follow=True), client.post(link, follow=True)):
        assert "kept in another shop and can only be changed or ordered there" in answer.text
    assert not Order.objects.exists()


def test_deleting_says_that_it_stays_in_the_shop(shop, ghost):
    client = manager(shop)
    assert "Deletes our copy. The cart stays in the shop." in page(client, "cart", ghost.pk)
    answer = client.post(reverse("backoffice:cart-delete"), {"only": ghost.pk}, follow=True)
    assert "Carts of an attached shop stay there" in client.get(reverse("backoffice:cart-list")).text + answer.text
    mine = own_cart(shop)
    answer = client.post(reverse("backoffice:cart-delete"), {"only": mine.pk}, follow=True)
    assert "stay there" not in client.get(reverse("backoffice:cart-list")).text


# -- orders ------------------------------------------------------------------------------------------


@pytest.fixture
def order(shop, ghost) -> Order:
    told = outside.order("99", "4711", outside.line("mug"), number="XKBKNABJK", payment_name="<b>Bonifico</b>")
    order_intake.take(shop.pk, SOURCE, [told], NOON)
    return Order.objects.get()


def test_an_order_of_another_shop_shows_where_it_is_kept_and_has_no_buttons(shop, order):
    text = page(signed_in(Role.AGENT, shop), "order", order.pk)
    for part in ("Came from", "PrestaShop", "Number there", "99", "Its status follows", "&lt;b&gt;Bonifico"):
        assert part in text, part
    assert 'name="status"' not in text
    text = page(manager(shop), "order-list")
    assert "PrestaShop 99" in text
    assert "<b>Bonifico" not in text


def test_its_status_is_not_changed_here(shop, order):
    with pytest.raises(OrderElsewhere):
        orders.set_status(order, "paid", "staff:1", NOON)
    answer = signed_in(Role.AGENT, shop).post(
        reverse("backoffice:order-status", args=[order.pk]), {"status": "paid"}, follow=True
    )
    assert "This order is kept in another shop." in answer.text
    order.refresh_from_db()
    assert order.status == "pending"


def test_orders_are_found_by_the_shop_s_number(shop, order):
    answer = manager(shop).get(reverse("backoffice:order-list"), {"q": "99"})
    assert [row.pk for row in answer.context["page"].rows] == [order.pk]


def test_a_cart_with_several_orders_shows_them_all(shop, order):
    second = outside.order("100", "4711", outside.line("lamp"), number="XKBKNABJL", placed_at=NOON + timedelta(hours=2))
    order_intake.take(shop.pk, SOURCE, [second], NOON)
    text = page(manager(shop), "cart", order.cart_id)
    for one in Order.objects.all():
        assert reverse("backoffice:order", args=[one.pk]) in text
