"""The page of shopping carts: columns, filters, sorting, deleting with undo."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import listing, queries
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.orders.models import Order
from tests import factories
from tests.backoffice.cast import cart, manager, signed_in
from tests.factories import NOON

pytestmark = pytest.mark.django_db
LIST = "/backoffice/carts/"


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


def shown(response):
    """The numbers of the carts in the table, in order."""
    assert response.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="cart-(\d+)"', response.text)]


def row(response, number):
    return re.search(rf'<tr id="cart-{number}".*?</tr>', response.text, re.S).group()


def ordered(shop, **more):
    made = cart(shop, ordered_at=NOON, order_number="T-1", line_count=1, **more)
    order = Order.objects.create(
        shop=shop,
        number="T-1",
        cart=made,
        currency="EUR",
        payment="transfer",
        products_minor=0,
        total_minor=0,
        placed_at=NOON,
    )
    Cart.objects.filter(pk=made.pk).update(order_id=order.pk)
    return made


def test_newest_first_with_everything_a_row_tells():
    shop = factories.shop(currencies=["EUR"])
    person = factories.customer(shop)
    first = ordered(shop, customer=person, total=1250, label=person.label)
    second = cart(
        shop, total=99, shipping_name="Standard", item_count=3, line_count=1, seen_at=NOON - timedelta(hours=1)
    )
    page = manager(shop).get(LIST)
    assert shown(page) == [second.pk, first.pk]
    told = row(page, first.pk)
    for text in ("Ordered", "T-1", "Ada Byron", "€12.50", "Online", f"/backoffice/customers/{person.pk}/"):
        assert text in told, text
    told = row(page, second.pk)
    for text in ("Open", "Visitor", "€0.99", "Standard", ">3<"):
        assert text in told, text
    assert "is-online" not in told


@pytest.mark.parametrize("sort", listing.SORTS)
def test_every_column_sorts_both_ways_and_pages(sort):
    shops = [factories.shop(), factories.shop()]
    for number in range(25):
        cart(shops[number % 2], total=number % 3, label="ab"[number % 2], ordered_at=NOON if number % 4 else None)
    client = manager(*shops)
    for direction in ("", "-"):
        first = client.get(LIST, {"sort": direction + sort, "size": 20})
        rest = client.get(LIST, {"sort": direction + sort, "size": 20, "after": first.context["page"].next})
        assert len(shown(first)) == 20
        assert sorted(shown(first) + shown(rest)) == sorted(Cart.objects.values_list("pk", flat=True))
        assert f'aria-sort="{"descending" if direction else "ascending"}"' in first.text


def test_filters_narrow_the_list_and_its_count():
    shop = factories.shop(currencies=["EUR"])
    person = factories.customer(shop)
    wanted = cart(shop, customer=person, label=person.label, total=500)
    cart(shop, total=900)
    client = manager(shop)
    for text in ("customer=byron", "total_to=5", f"id={wanted.pk}"):
        page = client.get(f"{LIST}?{text}")
        assert shown(page) == [wanted.pk], text
        assert page.context["count"] == 1
    assert "No cart is like that" in client.get(f"{LIST}?customer=nobody").text


def test_an_empty_shop_says_what_will_come():
    page = manager(factories.shop()).get(LIST)
    assert shown(page) == []
    assert "No carts yet" in page.text


def test_what_cannot_be_read_is_told_on_the_page():
    page = manager(factories.shop()).get(f"{LIST}?id=abc&total_from=%3Cb%3E&sort=nonsense&size=7&after=garbage")
    assert page.status_code == 200
    assert "“abc” is not a cart number." in page.text
    assert "“&lt;b&gt;” is not an amount." in page.text


def test_a_condition_without_a_field_is_a_chip_that_stays_in_the_form():
    shop = factories.shop()
    figure = queries.figures([shop], NOON)["abandoned"]
    page = manager(shop).get(f"{LIST}?{figure.query}")
    assert "Became abandoned:" in page.text
    assert page.text.count('type="hidden" name="abandoned_from"') == 1


def test_carts_of_other_shops_are_not_there():
    shop, other = factories.shop(), factories.shop()
    theirs = cart(other)
    client = manager(shop)
    assert shown(client.get(LIST)) == shown(client.get(f"{LIST}?id={theirs.pk}")) == []
    assert shown(client.get(f"{LIST}?shop={other.pk}")) == []


def test_a_broken_record_has_a_badge_and_breaks_nothing():
    shop = factories.shop()
    gone = factories.customer(shop)
    one = cart(
        shop,
        customer=gone,
        label="Ada Byron",
        currency="XXQ",
        total=1234,
        bot_score=70,
        bot_reasons=["crawler", "new", 3],
    )
    Customer.objects.filter(pk=gone.pk).delete()
    two = cart(shop, ordered_at=NOON, order_number="LOST-1", currency="")
    page = manager(shop).get(LIST)
    for text in ("Customer deleted", "Unknown currency", "12.34", "XXQ", "names itself as a crawler"):
        assert text in row(page, one.pk), text
    assert "LOST-1" in row(page, two.pk)


def test_a_shopper_s_text_is_only_text():
    shop = factories.shop()
    evil = "<script>alert(1)</script>"
    person = factories.customer(shop, first_name=evil, last_name='"><img src=x onerror=alert(1)>')
    cart(shop, customer=person, label=person.label, shipping_name=evil)
    page = manager(shop).get(f"{LIST}?customer=alert")
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text


def test_a_name_that_turns_the_line_stays_in_its_own_box():
    """Letters that are read from the right, and marks that turn what follows: the rest of the row stands as it did."""
    shop = factories.shop()
    turning = "\u202eadA \u05d0\u05d1\u05d2"
    person = factories.customer(shop, first_name=turning)
    made = cart(shop, customer=person, label=person.label, shipping_name="\u05d0\u05d1")
    told = row(manager(shop).get(LIST), made.pk)
    assert f"<bdi>{person.label}</bdi>" in told
    assert "<bdi>\u05d0\u05d1</bdi>" in told


def test_the_list_takes_few_queries_however_long_it_is():
    shop = factories.shop()
    client = manager(shop)
    counts = []
    for _ in range(2):
        for number in range(20):
            person = factories.customer(shop, email=f"{Cart.objects.count()}-{number}@example.com")
            cart(shop, customer=person, label="Ada")
        client.get(f"{LIST}?size=100")
        with CaptureQueriesContext(connection) as context:
            client.get(f"{LIST}?size=100")
        counts.append(len(context))
    assert counts[0] == counts[1] <= 12


def test_the_figures_link_to_their_lists():
    shop = factories.shop()
    cart(shop, 500, line_count=1, item_count=1)
    client = manager(shop)
    page = client.get(reverse("backoffice:cart-figures"))
    assert "€5.00" in page.text
    links = re.findall(r'href="(/backoffice/carts/\?[^"]+)"', page.text)
    assert len(links) == 4
    assert shown(client.get(links[3].replace("&amp;", "&"))) == [Cart.objects.get().pk]


def test_the_language_is_the_reader_s():
    shop = factories.shop()
    cart(shop, 123456)
    page = signed_in(Role.VIEWER, shop, language="de").get(LIST)
    assert "1.234,56" in page.text


# -- deleting ----------------------------------------------------------------------------------------


def test_only_carts_without_an_order_can_be_chosen_and_deleted():
    shop = factories.shop()
    kept, ghost = ordered(shop), cart(shop)
    page = manager(shop).get(LIST)
    assert "checkbox" in row(page, ghost.pk)
    assert f'name="only" value="{ghost.pk}"' in row(page, ghost.pk)
    assert "checkbox" not in row(page, kept.pk)
    assert 'name="only"' not in row(page, kept.pk)


def test_deleting_many_reports_each_and_can_be_undone():
    shop = factories.shop()
    ghosts, kept, gone = [cart(shop), cart(shop)], ordered(shop), cart(shop, deleted_at=NOON)
    client = manager(shop)
    numbers = [ghosts[0].pk, ghosts[1].pk, kept.pk, gone.pk, 99999]
    answer = client.post(reverse("backoffice:cart-delete"), {"cart": numbers, "next": f"{LIST}?status=open"})
    assert answer.url == f"{LIST}?status=open"
    page = client.get(answer.url)
    assert shown(page) == []
    text = " ".join(page.text.split())
    assert "2 carts were deleted. They can be brought back for 30 days." in text
    assert re.search(rf'was ordered and stays: <a href="/backoffice/carts/{kept.pk}/">#{kept.pk}</a>', text)
    assert f"These carts were already gone: #{gone.pk}, #99999" in text
    back = re.findall(r'type="hidden" name="cart" value="(\d+)"', page.text)
    assert back == [str(ghost.pk) for ghost in ghosts]
    assert "were deleted" not in client.get(LIST, follow=True).text  # told once
    client.post(reverse("backoffice:cart-undelete"), {"cart": back, "next": LIST})
    assert Cart.objects.filter(deleted_at=None).count() == 3
    assert CartEvent.objects.filter(kind="restored", actor__startswith="staff:").count() == 2


def test_a_row_s_own_button_deletes_that_cart_alone():
    shop = factories.shop()
    ticked, pressed = cart(shop), cart(shop)
    manager(shop).post(reverse("backoffice:cart-delete"), {"cart": [ticked.pk], "only": pressed.pk})
    assert Cart.objects.filter(deleted_at=None).get() == ticked


@pytest.mark.parametrize("data", [{}, {"cart": ["x", "", "-1", "٣", "9" * 40]}, {"only": "x"}])
def test_nonsense_deletes_nothing(data):
    shop = factories.shop()
    cart(shop)
    assert manager(shop).post(reverse("backoffice:cart-delete"), data).status_code == 302
    assert Cart.objects.filter(deleted_at=None).count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_who_may_not_delete_has_no_way_to(role):
    shop = factories.shop()
    made = cart(shop)
    client = signed_in(role, shop)
    assert "no-deleters" in client.get(LIST).text
    assert client.post(reverse("backoffice:cart-delete"), {"cart": made.pk}).status_code == 403
    assert Cart.objects.get().deleted_at is None


def test_a_manager_of_one_shop_deletes_nothing_in_another():
    shop, other = factories.shop(), factories.shop()
    theirs, deleted = cart(other), cart(other, deleted_at=NOON)
    client = manager(shop)
    client.post(reverse("backoffice:cart-delete"), {"cart": theirs.pk})
    client.post(reverse("backoffice:cart-undelete"), {"cart": deleted.pk})
    assert Cart.objects.filter(deleted_at=None).get() == theirs


def test_deleted_carts_have_a_page_with_a_way_back():
    shop = factories.shop()
    made = cart(shop, total=700)
    client = manager(shop)
    assert "Nothing was deleted" in client.get(reverse("backoffice:cart-deleted")).text
    client.post(reverse("backoffice:cart-delete"), {"cart": made.pk})
    page = client.get(reverse("backoffice:cart-deleted"))
    assert f"#{made.pk}" in page.text
    assert "€7.00" in page.text
    client.post(reverse("backoffice:cart-undelete"), {"cart": made.pk})
    assert Cart.objects.get().deleted_at is None
