"""Orders: the list, the page of one, its status, and making one from a cart for a customer on the phone."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.catalog.models import Product
from ghostcart.customers.models import Customer
from ghostcart.lib import paging
from ghostcart.orders import services
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment
from tests import factories

pytestmark = pytest.mark.django_db

LIST = "/backoffice/orders/"
FORM = {**factories.ADDRESS, "phone": "011 55", "shipping_method": "express", "payment": "by_phone"}


@pytest.fixture
def shop():
    return factories.shop(is_demo=True)


@pytest.fixture
def agent(client, shop):
    user = factories.staff(Role.AGENT, shop)
    client.force_login(user)
    return user


def place(shop, customer=None, sku="MUG", at=factories.NOON, payment="transfer", **more) -> Order:
    shopper = factories.Shopper(shop, at=at)
    shopper.add(sku, **more)
    return services.place(
        shopper.change(changes.Touch),
        customer=customer or factories.customer(shop),
        address=factories.ADDRESS,
        payment=Payment(payment),
        shipping_method="standard",
    )


def listed(client, query: str) -> list[str]:
    return [order.number for order in client.get(f"{LIST}?{query}").context["page"].rows]


# -- the list ----------------------------------------------------------------------------------------


def test_a_long_list_is_counted_only_so_far(client, shop, agent, monkeypatch):
    for _ in range(3):
        place(shop)
    assert "3 rows" in client.get(f"{LIST}?sort=-id").content.decode()
    monkeypatch.setattr(paging, "MOST_COUNTED", 2)
    page = client.get(f"{LIST}?sort=-id")
    assert "2 rows or more" in page.content.decode()
    assert len(page.context["page"].rows) == 3


def test_orders_are_listed_newest_first(client, shop, agent):
    first, second = place(shop), place(shop)
    assert listed(client, "sort=-id") == [second.number, first.number]
    assert [order.number for order in client.get(LIST, follow=True).context["page"].rows] == [
        second.number,
        first.number,
    ]


def test_every_filter_narrows_the_list(client, shop, agent):
    ben = factories.customer(shop, email="ben@example.com", first_name="Ben", last_name="Kwon")
    early = place(shop, at=factories.NOON - timedelta(days=9), payment="demo_card")
    late = place(shop, customer=ben, sku="LAMP", currency="CHF")
    for query, expected in {
        f"q={early.number}": early,
        "q=kwon": late,
        "q=BEN%40example": late,
        "status=paid": early,
        "status=pending": late,
        "payment=transfer": late,
        "currency=CHF": late,
        "placed_to=2026-11-20": early,
        "placed_from=2026-11-20": late,
    }.items():
        assert listed(client, query) == [expected.number], query
    assert set(listed(client, "shipping=standard")) == {early.number, late.number}
    assert listed(client, "shipping=express") == []


def test_every_column_sorts_both_ways(client, shop, agent):
    place(shop, sku="LAMP")
    place(shop, payment="demo_card")
    for column in ("id", "number", "status", "customer", "total", "payment", "shipping", "date"):
        assert listed(client, f"sort={column}") == listed(client, f"sort=-{column}")[::-1], column


def test_what_cannot_be_read_never_breaks_the_list(client, shop, agent):
    place(shop)
    for query in ("q=%00", "status=x", "currency=%00", "placed_from=9999-12-31", "sort=-x", "after=zz", "q=%ED%A0%80"):
        assert client.get(f"{LIST}?{query}").status_code == 200, query


def test_orders_of_other_shops_are_not_listed(client, shop, agent):
    place(factories.shop())
    assert listed(client, "sort=-id") == []


# -- the page ----------------------------------------------------------------------------------------


def test_the_page_shows_lines_totals_address_and_the_cart(client, shop, agent):
    order = place(shop, quantity=2)
    text = client.get(reverse("backoffice:order", args=[order.pk])).content.decode()
    for expected in ("Mug", "€25.00", "€4.90", "€29.90", "Tax included", "Via Roma 1", "Bank transfer", "Standard",
                     reverse("backoffice:cart", args=[order.cart_id])):  # fmt: skip
        assert expected in text, expected


def test_an_agent_moves_an_order_on_and_only_where_it_may_go(client, shop, agent):
    order = place(shop)
    url = reverse("backoffice:order-status", args=[order.pk])
    for asked, becomes in (("refunded", "pending"), ("paid", "paid"), ("pending", "paid"), ("refunded", "refunded"),
                           ("paid", "refunded"), ("nonsense\x00", "refunded")):  # fmt: skip
        assert client.post(url, {"status": asked}).status_code == 302
        order.refresh_from_db()
        assert order.status == becomes, asked


def test_a_viewer_sees_no_buttons_and_cannot_change_the_status(client, shop):
    client.force_login(factories.staff(Role.VIEWER, shop))
    order = place(shop)
    url = reverse("backoffice:order-status", args=[order.pk])
    assert url not in client.get(reverse("backoffice:order", args=[order.pk])).content.decode()
    assert client.post(url, {"status": "paid"}).status_code == 403


def test_a_part_of_a_paid_order_is_given_back_once_and_no_more_than_it_came_to(client, shop, agent):
    order = place(shop, quantity=2)
    page, url = reverse("backoffice:order", args=[order.pk]), reverse("backoffice:order-refund", args=[order.pk])

    def give(amount: str, seen: int = 0) -> str:
        told = client.post(url, {"refund-amount": amount, "refund-seen": seen}, follow=True).content.decode()
        order.refresh_from_db()
        return told

    assert url not in client.get(page).content.decode()  # nothing was paid
    assert "Nothing was noted" in give("5.00")
    client.post(reverse("backoffice:order-status", args=[order.pk]), {"status": "paid"})
    assert url in client.get(page).content.decode()
    for wrong in ("", "x", "0", "-1", "25.01", "5.001", "9" * 30, "\x00"):
        assert "The refund is noted" not in give(wrong)
        assert order.refunded_minor == 0, wrong
    assert "−€5.00" in give("5,00")
    assert "meanwhile" in give("5,00")  # the same once more
    assert (order.refunded_minor, order.status) == (500, "paid")
    give("20", seen=500)
    assert order.kept_minor == 0
    assert url not in client.get(page).content.decode()


def test_a_viewer_gives_nothing_back_and_nobody_an_order_of_another_shop(client, shop):
    order = place(shop, payment="demo_card")
    url = reverse("backoffice:order-refund", args=[order.pk])
    client.force_login(factories.staff(Role.VIEWER, shop))
    assert url not in client.get(reverse("backoffice:order", args=[order.pk])).content.decode()
    assert client.post(url, {"refund-amount": "1", "refund-seen": "0"}).status_code == 403
    client.force_login(factories.staff(Role.AGENT, shop))
    Order.objects.filter(pk=order.pk).update(source="prestashop", external_id="9")
    assert url not in client.get(reverse("backoffice:order", args=[order.pk])).content.decode()
    client.post(url, {"refund-amount": "1", "refund-seen": "0"})
    order.refresh_from_db()
    assert order.refunded_minor == 0


def test_who_may_act_in_one_shop_only_looks_in_the_other(client, shop):
    user = factories.staff(Role.AGENT, factories.shop(is_demo=True))
    user.memberships.create(shop=shop, role=Role.VIEWER)
    client.force_login(user)
    order = place(shop, payment="demo_card")
    assert client.get(reverse("backoffice:order", args=[order.pk])).status_code == 200
    for name, told in (("refund", {"refund-amount": "1", "refund-seen": "0"}), ("status", {"status": "cancelled"})):
        assert client.post(reverse(f"backoffice:order-{name}", args=[order.pk]), told).status_code == 403, name
    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("paid", 0)


def test_a_broken_order_shows_badges_and_no_error(client, shop, agent):
    order = place(shop)
    Customer.objects.all().delete()
    Product.objects.all().delete()
    Order.objects.filter(pk=order.pk).update(currency="XQZ", address=[], vouchers=[{"code": "X"}], status="odd")
    text = client.get(reverse("backoffice:order", args=[order.pk])).content.decode()
    assert "Customer deleted" in text
    assert "Product deleted" in text
    assert client.get(f"{LIST}?sort=id").status_code == 200


# -- an order from a cart ----------------------------------------------------------------------------


@pytest.fixture
def cart(shop) -> Cart:
    shopper = factories.Shopper(shop)
    shopper.add("MUG", 2)
    return shopper.cart


def form_url(cart: Cart) -> str:
    return reverse("backoffice:cart-order", args=[cart.pk])


def test_an_agent_makes_an_order_from_a_visitors_cart(client, shop, agent, cart):
    values = {**FORM, "email": "new@example.com", "version": cart.version}
    assert client.get(form_url(cart)).status_code == 200
    answer = client.post(form_url(cart), values)
    order = Order.objects.get(cart=cart)
    assert answer["Location"] == reverse("backoffice:order", args=[order.pk])
    assert (order.customer.email, order.placed_by) == ("new@example.com", agent.actor)
    assert (order.payment, order.shipping_name, order.shipping_minor) == ("by_phone", "Express", 1290)
    assert order.total_minor == 2500 + 1290


def test_of_a_known_customer_only_the_address_is_asked(client, shop, agent):
    ada = factories.customer(shop)
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    form = client.get(form_url(shopper.cart)).context["form"]
    assert "email" not in form.fields
    client.post(form_url(shopper.cart), {**FORM, "version": shopper.cart.version})
    assert Order.objects.get().customer == ada


def test_a_cart_that_changed_meanwhile_makes_no_order(client, shop, agent, cart):
    stale = cart.version
    cart.devices.get()
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    seen = shopper.cart
    shopper.add("LAMP")
    answer = client.post(form_url(seen), {**FORM, "email": "new@example.com", "version": stale})
    assert "changed elsewhere" in answer.content.decode()
    assert not Order.objects.exists()
    assert not Customer.objects.filter(email="new@example.com").exists()


def test_sending_the_form_twice_makes_one_order(client, shop, agent, cart):
    values = {**FORM, "email": "new@example.com", "version": cart.version}
    client.post(form_url(cart), values)
    client.post(form_url(cart), values)
    assert Order.objects.count() == 1


def test_what_is_missing_is_told_beside_its_field(client, shop, agent, cart):
    answer = client.post(form_url(cart), {"version": cart.version, "email": "no address"})
    errors = answer.context["form"].errors
    assert {"email", "first_name", "street", "country", "shipping_method", "payment"} <= set(errors)
    for crafted in ({"payment": "demo_card"}, {"shipping_method": "teleport"}, {"country": "XX"}, {"version": "-1"}):
        values = {**FORM, "email": "new@example.com", "version": cart.version} | crafted
        assert client.post(form_url(cart), values).status_code == 200
    assert not Order.objects.exists()


def test_more_than_there_is_in_stock_makes_no_order(client, shop, agent):
    shopper = factories.Shopper(shop)
    shopper.add("CLOCK", 2)
    cart = shopper.cart
    shop.variants.filter(sku="CLOCK").update(stock=1)
    answer = client.post(form_url(cart), {**FORM, "email": "new@example.com", "version": cart.version})
    assert "Clock" in answer.context["form"].non_field_errors()[0]
    assert not Order.objects.exists()


def test_an_empty_or_deleted_or_foreign_cart_makes_no_order(client, shop, agent, cart):
    other = factories.Shopper(factories.shop())
    other.add("MUG")
    assert client.get(form_url(other.cart)).status_code == 404
    Cart.objects.filter(pk=cart.pk).update(deleted_at=factories.NOON)
    assert client.get(form_url(cart)).status_code == 404
