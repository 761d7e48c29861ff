"""One search box for carts, orders, customers and vouchers."""

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes
from ghostcart.orders.services import Payment, place
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import ADDRESS, NOON, Shopper

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(shop):
    return factories.customer(shop, "ada@example.com")


@pytest.fixture
def find(client, shop):
    client.force_login(factories.staff(Role.VIEWER, shop))
    return lambda text: client.get(reverse("backoffice:search"), {"q": text})


def kinds(answer):
    return {kind.name: [row.pk for row in kind.rows] for kind in answer.context["kinds"]}


def ordered(shop, customer):
    shopper = Shopper(shop)
    shopper.add("LAMP")
    return place(
        shopper.change(changes.Touch), customer=customer, address=ADDRESS, payment=Payment("transfer"),
        shipping_method="standard",
    )  # fmt: skip


@pytest.mark.parametrize("sign", ["", "#"])
def test_the_number_of_a_cart_leads_straight_to_it(find, shop, sign):
    number = Shopper(shop).add("MUG").id
    answer = find(f" {sign}{number} ")
    assert (answer.status_code, answer["Location"]) == (302, reverse("backoffice:cart", args=[number]))


def test_the_number_of_an_order_leads_straight_to_it(find, shop, ada):
    order = ordered(shop, ada)
    assert find(order.number)["Location"] == reverse("backoffice:order", args=[order.pk])


def test_the_code_of_a_voucher_leads_straight_to_it_however_it_is_typed(find, shop):
    made = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="SPRING26", now=NOON)
    assert find("spring26")["Location"] == reverse("backoffice:voucher", args=[made.pk])


def test_a_name_finds_the_person_and_all_that_is_theirs(find, shop, ada):
    shopper = Shopper(shop)
    cart = shopper.add("MUG").id
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    order = ordered(shop, ada)
    found = kinds(find("byron ADA"))
    assert found["customer"] == [ada.pk]
    assert found["order"] == [order.pk]
    assert cart in found["cart"]


@pytest.mark.parametrize(
    "typed", ["+39 011 555 0042", "0039 011 555 0042", "011 5550042", "(011) 555-0042", "+390115550042", "5550042"]
)
def test_who_calls_is_found_by_their_number_however_it_is_typed(find, shop, typed):
    caller = factories.customer(shop, "caller@example.com", phone="+39 (011) 555-0042")
    factories.customer(shop, "other@example.com", phone="+39 011 555 0043")
    assert find(typed)["Location"] == reverse("backoffice:customer", args=[caller.pk])


def test_of_many_the_newest_are_shown_and_the_list_has_all(find, shop):
    for number in range(7):
        factories.customer(shop, f"ada{number}@example.com")
    answer = find("ada")
    (kind,) = [kind for kind in answer.context["kinds"] if kind.name == "customer"]
    assert len(kind.rows) == 5
    assert kind.everything == reverse("backoffice:customer-list") + "?q=ada"
    assert kind.everything in answer.content.decode()


@pytest.mark.parametrize("text", ["", "   ", "nobody", "\x00", "'; DROP TABLE", "9" * 90, "%", "<script>", "x" * 500])
def test_what_is_not_there_is_said_and_nothing_breaks(find, ada, text):
    answer = find(text)
    assert answer.status_code == 200
    assert answer.context["kinds"] == []
    assert "<script>" not in answer.content.decode()


def test_another_shop_is_not_searched(client, shop, ada):
    client.force_login(factories.staff(Role.OWNER, factories.shop()))
    number = Shopper(shop).add("MUG").id
    for text in (str(number), "ada@example.com", "byron"):
        assert client.get(reverse("backoffice:search"), {"q": text}).context["kinds"] == []
