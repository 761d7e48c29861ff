"""Customers: the list with its search and filters, and the page of one customer."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ghostcart.backoffice.models import Role, SavedView
from ghostcart.carts import changes
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.customers import services as customer_services
from ghostcart.customers.models import Consent, Customer
from ghostcart.customers.services import Consented
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from ghostcart.orders import services as order_services
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment
from ghostcart.vouchers.models import Voucher
from tests import factories
from tests.races import together

pytestmark = pytest.mark.django_db

LIST = "/backoffice/customers/"
LISTS = ("carts", "customers", "messages", "orders", "products", "vouchers")


@pytest.fixture
def viewer(client, shop):
    user = factories.staff(Role.VIEWER, shop)
    client.force_login(user)
    return user


def listed(client, query: str = "reset") -> list[str]:
    """The addresses on the list, in its order."""
    answer = client.get(f"{LIST}?{query}", follow=True)
    return [row.customer.email for row in answer.context["rows"]]


def order_of(customer, shop, sku="MUG", at=factories.NOON, currency="EUR") -> Order:
    shopper = factories.Shopper(shop, at=at)
    shopper.add(sku, currency=currency)
    return order_services.place(
        shopper.change(changes.Touch),
        customer=customer,
        address=factories.ADDRESS,
        payment=Payment("transfer"),
        shipping_method="standard",
    )


# -- the list ----------------------------------------------------------------------------------------


def test_customers_are_found_by_any_part_of_name_or_address_in_any_spelling(client, shop, viewer):
    factories.customer(shop, email="jose@example.com", first_name="José", last_name="Núñez")
    factories.customer(shop, email="juergen@firma.example", first_name="Jürgen", last_name="Großmann")
    assert listed(client, "q=nunez") == ["jose@example.com"]
    assert listed(client, "q=JOSE+nún") == ["jose@example.com"]
    assert listed(client, "q=firma") == ["juergen@firma.example"]
    assert listed(client, "q=jose+firma") == []


def test_every_filter_narrows_the_list(client, shop, viewer):
    early = factories.NOON - timedelta(days=10)
    ada = factories.customer(shop, email="ada@example.com", language="it")
    ben = factories.customer(shop, email="ben@example.com", language="de")
    Customer.objects.filter(pk=ben.pk).update(is_guest=False, registered_at=early)
    customer_services.record_consent(ada, Consented(True, "Yes", "1"), factories.NOON)
    customer_services.record_consent(ben, Consented(True, "Yes", "1"), early)
    customer_services.record_consent(ben, Consented(False, "No", "1"), factories.NOON)
    for query, expected in {
        "kind=guest": "ada",
        "kind=account": "ben",
        "language=de": "ben",
        "consent=yes": "ada",
        "consent=no": "ben",
        "registered_from=2026-11-22": "ada",
        "registered_to=2026-11-21": "ben",
        "registered_from=2026-11-12&registered_to=2026-11-12": "ben",
    }.items():
        assert listed(client, query) == [f"{expected}@example.com"], query


def test_what_cannot_be_read_is_told_and_the_rest_counts(client, shop, viewer):
    factories.customer(shop)
    unread = "registered_from=yesterday registered_from=0001-01-01 kind=x language=%00 q=%00 sort=password sort=- "
    unread += "size=7 size=x after=junk before=%F0 q=" + "x" * 5000
    for query in unread.split():
        assert client.get(f"{LIST}?{query}").status_code == 200, query
    assert listed(client, "registered_from=yesterday&kind=guest") == ["ada@example.com"]


def test_each_row_tells_carts_orders_and_what_was_spent_per_currency(client, shop, viewer):
    ada = factories.customer(shop)
    euro, franc, cancelled = order_of(ada, shop), order_of(ada, shop, currency="CHF"), order_of(ada, shop)
    order_services.set_status(cancelled, "cancelled", "staff:1", factories.NOON)
    row = client.get(LIST).context["rows"][0]
    assert (row.carts, row.placed.count) == (3, 2)
    assert row.placed.spent == {"EUR": euro.total_minor, "CHF": franc.total_minor}


def test_the_number_of_queries_does_not_grow_with_the_rows(client, shop, viewer):
    asked = []
    for number in range(12):
        order_of(factories.customer(shop, email=f"c{number}@example.com"), shop)
        if number in (1, 11):
            client.get(f"{LIST}?size=20")
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{LIST}?size=20")
            asked.append(len(queries))
    assert asked[0] == asked[1] < 12


def test_paging_shows_every_customer_once_forwards_and_backwards(client, shop, viewer):
    emails = [f"c{number:02}@example.com" for number in range(45)]
    for email in emails:
        factories.customer(shop, email=email, last_name="Same")
    for sort in ("id", "-id", "name", "-name", "email", "-registered", "language"):
        seen, query = [], f"sort={sort}&size=20"
        while True:
            answer = client.get(f"{LIST}?{query}")
            seen += [row.customer.email for row in answer.context["rows"]]
            page = answer.context["page"]
            if page.next is None:
                break
            query = f"sort={sort}&size=20&after={page.next}"
        assert sorted(seen) == emails, sort
        back = client.get(f"{LIST}?sort={sort}&size=20&before={page.previous}")
        assert [row.customer.email for row in back.context["rows"]] == seen[20:40]


@pytest.mark.parametrize("page", LISTS)
def test_each_list_opens_as_its_reader_left_it_until_it_is_reset(client, shop, viewer, page):
    address = f"/backoffice/{page}/"
    client.get(f"{address}?size=20&after=x")
    assert client.get(address)["Location"] == f"{address}?size=20"
    client.force_login(factories.staff(Role.VIEWER, shop))
    assert client.get(address).status_code == 200
    client.force_login(viewer)
    assert client.get(f"{address}?reset=1")["Location"] == address
    assert client.get(address).status_code == 200


def test_a_view_can_be_saved_replaced_and_deleted(client, shop, viewer):
    save = {"page": "customers", "name": "Guests", "query": "kind=guest", "next": LIST}
    client.post(reverse("backoffice:view-save"), save)
    client.post(reverse("backoffice:view-save"), save | {"query": "kind=guest&language=de"})
    assert SavedView.objects.get(user=viewer, name="Guests").query == "kind=guest&language=de"
    assert "?kind=guest&amp;language=de" in client.get(LIST).content.decode()
    client.post(reverse("backoffice:view-delete"), {"page": "customers", "name": "Guests"})
    assert not SavedView.objects.filter(user=viewer, name="Guests").exists()


@pytest.mark.parametrize("page", LISTS)
def test_a_view_of_each_list_can_be_saved_and_is_a_tab(client, shop, viewer, page):
    address = f"/backoffice/{page}/?size=20"
    asked = client.get(address).context
    values = {"page": asked["view_page"], "query": asked["view_query"], "name": "Short ones", "next": address}
    client.post(reverse("backoffice:view-save"), values)
    assert '<a href="?size=20" aria-current="true"><bdi>Short ones</bdi></a>' in client.get(address).content.decode()


def test_a_view_that_cannot_be_saved_is_refused(client, shop, viewer):
    for wrong in ({"page": "secrets"}, {"name": " "}, {"name": "\x00"}, {"query": "x" * 3000}):
        values = {"page": "customers", "name": "Guests", "query": "kind=guest"} | wrong
        assert client.post(reverse("backoffice:view-save"), values).status_code == 302
    assert not SavedView.objects.exclude(name="").exists()


def test_an_empty_list_says_so(client, shop, viewer):
    assert "No customers yet" in client.get(LIST).content.decode()
    assert "Nobody fits these filters" in client.get(f"{LIST}?q=zzz").content.decode()


# -- the page ----------------------------------------------------------------------------------------


def page_of(client, customer, query: str = ""):
    return client.get(reverse("backoffice:customer", args=[customer.pk]) + query)


def test_the_page_shows_all_that_is_known(client, shop, viewer, ada):
    customer_services.record_consent(ada, Consented(True, "Remind me!", "2026-01", "account"), factories.NOON)
    customer_services.keep_address(ada, factories.ADDRESS, factories.NOON)
    order = order_of(ada, shop)
    Voucher.objects.create(
        shop=shop, code="FORADA", kind="percent", percent_bp=1000, customer=ada, created_at=factories.NOON
    )
    text = page_of(client, ada).content.decode()
    for expected in ("Ada Byron", "ada@example.com", "Remind me!", "2026-01", "Via Roma 1", order.number, "FORADA"):
        assert expected in text, expected


def test_a_guest_s_address_is_the_one_of_their_newest_order(client, shop, viewer, ada):
    assert "No address yet" in page_of(client, ada).content.decode()
    order = order_of(ada, shop)
    ada.addresses.all().delete()  # an order of another shop leaves none
    assert "Via Roma 1" in page_of(client, ada).content.decode()
    order.address = {"country": "IT"}  # what is left after an erasure
    order.save()
    assert "No address yet" in page_of(client, ada).content.decode()


def test_all_carts_are_shown_newest_first_each_with_status_and_link_twenty_a_page(client, shop, viewer, ada):
    for _ in range(23):
        shopper = factories.Shopper(shop, at=factories.NOON - timedelta(days=30))
        shopper.add("MUG")
        shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    order_of(ada, shop)
    Cart.objects.filter(pk=Cart.objects.order_by("pk").first().pk).update(deleted_at=factories.NOON)
    first = page_of(client, ada)
    data = first.context["data"]
    numbers = [cart.pk for cart, _ in data.statuses]
    assert (data.cart_count, len(numbers)) == (23, 20)
    assert numbers == sorted(numbers, reverse=True)
    assert [status for _, status in data.statuses][:2] == ["ordered", "abandoned"]
    assert reverse("backoffice:cart", args=[numbers[0]]) in first.content.decode()
    second = page_of(client, ada, f"?after={data.carts.next}").context["data"]
    assert len(second.statuses) == 3


def test_looking_writes_nothing_about_the_shop(client, shop, viewer, ada):
    order_of(ada, shop)
    tables = (Customer, Cart, CartEvent, Order, Consent)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    page_of(client, ada)
    client.get(LIST)
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_what_shoppers_type_is_text_and_no_markup(client, shop, viewer):
    trap = "<script>alert(1)</script>"
    hostile = factories.customer(shop, first_name=trap, last_name='"><img src=x onerror=alert(1)>')
    customer_services.record_consent(hostile, Consented(True, trap, "1"), factories.NOON)
    for answer in (page_of(client, hostile), client.get(LIST)):
        text = answer.content.decode()
        assert trap not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text


def test_an_agent_keeps_a_note_and_a_viewer_only_reads_it(client, shop, viewer, ada):
    url = reverse("backoffice:customer-note", args=[ada.pk])
    assert client.post(url, {"note": "sneaky"}).status_code == 403
    client.force_login(factories.staff(Role.AGENT, shop))
    client.post(url, {"note": "Rings on <b>Tuesdays</b>.", "mark": mark("")})
    client.force_login(viewer)
    text = page_of(client, ada).content.decode()
    assert "Rings on &lt;b&gt;Tuesdays&lt;/b&gt;." in text
    assert url not in text


def test_who_writes_a_note_over_one_that_came_meanwhile_is_told_and_overwrites_nothing(client, shop, ada):
    client.force_login(factories.staff(Role.AGENT, shop))
    url = reverse("backoffice:customer-note", args=[ada.pk])
    shown = page_of(client, ada).context["note_form"]["mark"].value()
    customer_services.save_note(ada, "Theirs", shown)
    answer = client.post(url, {"note": "Mine", "mark": shown})
    text = answer.content.decode()
    assert "Somebody else has saved this" in text
    assert reverse("backoffice:customer", args=[ada.pk]) in text
    form = answer.context["note_form"]
    assert form["note"].value() == "Mine"
    ada.refresh_from_db()
    assert ada.note == "Theirs"
    for nothing in ({}, {"mark": "made up"}):
        client.post(url, {"note": "Mine", **nothing})
        ada.refresh_from_db()
        assert ada.note == "Theirs"
    client.post(url, {"note": "Mine", "mark": form["mark"].value()})  # now they know
    ada.refresh_from_db()
    assert ada.note == "Mine"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_write_a_note_at_once_one_is_kept_and_the_others_are_told(shop, ada):
    shown = mark(ada.note)

    def write(number):
        return lambda: customer_services.save_note(Customer.objects.get(pk=ada.pk), f"By {number}", shown)

    results = together([write(number) for number in range(6)])
    assert [type(one) for one in results].count(SavedMeanwhile) == 5
    ada.refresh_from_db()
    assert ada.note == f"By {results.index(None)}"


def test_a_customer_of_another_shop_does_not_exist(client, shop, viewer):
    stranger = factories.customer(factories.shop())
    assert page_of(client, stranger).status_code == 404


def test_a_broken_record_is_shown_and_no_error(client, shop, viewer, ada):
    order = order_of(ada, shop)
    Order.objects.filter(pk=order.pk).update(currency="XQZ", status="odd", payment="odd")
    Cart.objects.filter(customer=ada).update(currency="???")
    Customer.objects.filter(pk=ada.pk).update(language="x", first_name="", last_name="", last_seen_at=None)
    assert page_of(client, ada).status_code == 200
    assert client.get(LIST).status_code == 200
