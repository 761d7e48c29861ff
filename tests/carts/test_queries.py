"""The filtered list of carts, its count, the figures above it, and the page of one cart."""

import random
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghostcart.carts import changes, conditions, filters, listing, queries
from ghostcart.carts.filters import Bots, CartFilter, Listed
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher, Device, Status
from ghostcart.customers.models import Customer
from ghostcart.lib import paging
from ghostcart.shops.models import Shop
from tests import factories
from tests.backoffice.cast import cart
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db
ROME = ZoneInfo("Europe/Rome")


def asked(shops, text="", zone=ROME):
    """The filter of a query string, all of whose values could be read."""
    wanted, problems = filters.from_query(dict(parse_qsl(text)), shops, zone)
    assert not problems, problems
    return wanted


def found(shop, text="", now=NOON):
    return sorted(listing.matching(asked([shop], text), now).values_list("pk", flat=True))


def status_facts(status, now=NOON):
    """What makes a cart have a status at `now`."""
    return {
        Status.OPEN: {"line_count": 1, "abandon_after": now + timedelta(seconds=1)},
        Status.ABANDONED: {"line_count": 1, "abandon_after": now},
        Status.ORDERED: {"line_count": 1, "abandon_after": now, "ordered_at": now, "order_number": "FRN-000042"},
        Status.MERGED: {"line_count": 1, "abandon_after": now, "merged_at": now},
    }[status]


# -- conditions --------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_status_in_the_database_is_the_status_of_the_row(db, data):
    shop = Shop.objects.first() or factories.shop()
    moment = st.none() | st.integers(-3, 3).map(lambda minutes: NOON + timedelta(minutes=minutes))
    made = cart(
        shop,
        line_count=data.draw(st.integers(0, 1)),
        abandon_after=data.draw(moment.filter(bool)),
        ordered_at=data.draw(moment),
        merged_at=data.draw(moment),
    )
    for status in Status:
        is_listed = Cart.objects.filter(conditions.status_is(status, NOON), pk=made.pk).exists()
        assert is_listed == (made.status(NOON) == status), status


def test_each_status_and_group_lists_its_carts():
    shop = factories.shop()
    made = {status: cart(shop, **status_facts(status)).pk for status in Status}
    for status, number in made.items():
        assert found(shop, f"status={status}") == [number]
    assert found(shop, "status=not_merged") == sorted(made[s] for s in Status if s != Status.MERGED)
    assert found(shop, "status=without_order") == sorted(made[s] for s in Status if s != Status.ORDERED)


def test_deleted_carts_are_in_no_list():
    shop = factories.shop()
    cart(shop, deleted_at=NOON)
    assert found(shop) == found(shop, "status=open") == found(shop, "bots=only") == []


def test_a_customer_is_found_by_any_words_of_name_and_address_in_any_order():
    shop = factories.shop()
    ada = factories.customer(shop, email="Lovelace@Engine.example", first_name="Zoë", last_name="Byron")
    theirs = cart(shop, customer=ada, label=ada.label).pk
    cart(
        shop,
        customer=factories.customer(shop, email="bob@example.com", first_name="Bob", last_name="Stone"),
        label="Bob",
    )
    cart(shop)
    for words in ("zoe", "BYRON", "yro", "byron zoë", "engine zoe", "lovelace@engine"):
        assert found(shop, f"customer={words}") == [theirs], words
    assert found(shop, "customer=zoe bob") == found(shop, "customer=%") == found(shop, "customer=_") == []


def test_two_letters_find_the_same_where_customers_are_many(monkeypatch):
    """Then the carts are asked whose they are, and nobody goes through the customers."""
    shop = factories.shop()
    zoe = factories.customer(shop, email="zoe@example.com", first_name="Zoë", last_name="Byron")
    theirs = cart(shop, customer=zoe, label=zoe.label).pk
    cart(shop, customer=factories.customer(shop, email="bob@example.com", first_name="Bob"), label="Bob")
    assert found(shop, "customer=zo") == [theirs]
    monkeypatch.setattr(conditions, "MANY", 0)
    with CaptureQueriesContext(connection) as asked:
        assert found(shop, "customer=zo") == [theirs]
    assert not [one["sql"] for one in asked if "LIKE" in one["sql"] and 'FROM "customers_customer"' in one["sql"]]


def test_the_cart_of_a_deleted_customer_is_found_by_its_label():
    shop = factories.shop()
    ada = factories.customer(shop)
    theirs = cart(shop, customer=ada, label="Ada Byron").pk
    Customer.objects.filter(pk=ada.pk).delete()
    assert found(shop, "customer=byron ada") == [theirs]


def test_ranges_include_both_ends_and_read_what_people_type():
    shop = factories.shop(currencies=["EUR"])
    made = [
        cart(shop, total=total, item_count=items).pk for total, items in ((999, 1), (1000, 2), (1050, 3), (1051, 4))
    ]
    assert found(shop, "total_from=10&total_to=10.50") == found(shop, "total_from=10,00&total_to=10,5") == made[1:3]
    assert found(shop, "total_from=10.501") == made[3:]
    assert found(shop, "items_from=2&items_to=3") == made[1:3]


def test_amounts_need_a_currency_where_decimals_differ():
    shop = factories.shop(currencies=["EUR", "JPY"])
    yen, euro = cart(shop, total=1000, currency="JPY").pk, cart(shop, total=1000).pk
    wanted, problems = filters.from_query({"total_from": "11"}, [shop], ROME)
    assert len(problems) == 1
    assert wanted.total_from is None
    assert found(shop, "total_from=11&currency=JPY") == [yen]
    assert found(shop, "total_from=9&currency=EUR") == [euro]
    assert found(shop, "total_from=11&currency=EUR") == []


def test_days_are_the_shop_s_own_and_half_open():
    shop = factories.shop()
    moments = [
        datetime(2026, 11, 20, 22, 59, 59, 999999, UTC),  # still the 20th in Rome
        datetime(2026, 11, 20, 23, 0, tzinfo=UTC),  # the first moment of the 21st
        datetime(2026, 11, 21, 22, 59, 59, 999999, UTC),
        datetime(2026, 11, 21, 23, 0, tzinfo=UTC),
    ]
    made = [cart(shop, created_at=moment, last_activity_at=moment).pk for moment in moments]
    assert found(shop, "created_from=2026-11-21&created_to=2026-11-21") == made[1:3]
    assert found(shop, "activity_from=2026-11-21&activity_to=2026-11-21") == made[1:3]
    assert found(shop, "created_from=2026-11-20T23:00:00Z&created_to=2026-11-21T23:00:00Z") == made[1:3]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_the_clock_changes_have_their_own_length(day, hours):
    wanted = asked([], f"created_from={day}&created_to={day}")
    assert wanted.created_to - wanted.created_from == timedelta(hours=hours)


def test_online_goes_by_each_shop_s_window():
    quick, slow = factories.shop(online_minutes=10), factories.shop(online_minutes=60)
    seen = NOON - timedelta(minutes=30)
    away, there = cart(quick, seen_at=seen), cart(slow, seen_at=seen)
    both = [quick, slow]
    assert list(listing.matching(asked(both, "online=yes"), NOON)) == [there]
    assert list(listing.matching(asked(both, "online=no"), NOON)) == [away]
    assert [queries.is_online(made, NOON) for made in (away, there)] == [False, True]


def test_the_other_filters():
    shop, other = factories.shop(), factories.shop()
    one = cart(
        shop, currency="CHF", shipping_name="Express 24", order_number="T-000123", ordered_at=NOON, bot_score=80
    ).pk
    two = cart(shop).pk
    theirs = cart(other).pk
    for text in (
        "currency=chf",
        "shipping=EXPRESS",
        "order=0123",
        "order=t-000",
        "bots=only",
        f"id={one}",
        "ordered_from=2026-11-22",
    ):
        assert found(shop, text) == [one], text
    assert found(shop, "bots=without") == [two]
    assert found(shop, f"id=%23{one}, {two}") == [one, two]
    both = [shop, other]
    assert listing.count(asked(both), NOON) == 3
    assert [c.pk for c in listing.matching(asked(both, f"shop={other.pk}"), NOON)] == [theirs]
    assert listing.count(asked(both), NOON, ceiling=2) == 2


NONSENSE = [
    "id=abc", "id=99999999999999999999999", "id=²", "status=gone", "items_from=-1", "items_to=1e3", "currency=EURO",
    "currency=€€€", "total_from=a", "total_to=NaN", "total_from=1e9", "total_from=99999999999999999999999999",
    "created_from=yesterday", "created_to=2026-02-30",
    "created_from=0001-01-01", "created_to=9999-12-31", "activity_from=2026-11-22T25:00:00", "online=maybe",
    "bots=many",
    "shop=0", "shop=x", "ordered_to=2026", "abandoned_from=0001-01-01T00:00:00%2B14:00",
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE)
def test_what_cannot_be_read_is_told_and_left_out(text):
    shop = factories.shop()
    made = cart(shop).pk
    wanted, problems = filters.from_query(dict(parse_qsl(text)), [shop], ROME)
    assert len(problems) == 1
    assert [row.pk for row in listing.matching(wanted, NOON)] == [made]


@given(values=st.dictionaries(st.sampled_from(filters.NAMES), st.text(max_size=30)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_sent_breaks_the_list(db, values):
    shop = Shop.objects.first() or factories.shop()
    wanted, _ = filters.from_query(values, [shop], ROME)
    listing.page(wanted, values.get("order", "-id"), 20, None, None, NOON)


moments = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda when: when.replace(tzinfo=UTC)
)
days = st.none() | st.dates(datetime(1990, 1, 1).date(), datetime(2100, 1, 1).date()).map(
    lambda day: filters.start_of_day(day, ROME)
)
words = st.text(st.sampled_from("abz é%&=+#'-"), max_size=12).map(lambda text: " ".join(text.split()))


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_survives_its_way_through_the_address(db, data):
    shops = list(Shop.objects.all()) or [factories.shop(currencies=["EUR"]), factories.shop(currencies=["EUR"])]
    wanted = CartFilter(
        shop_ids=data.draw(st.sampled_from([tuple(s.pk for s in shops), (shops[0].pk,)])),
        ids=tuple(dict.fromkeys(data.draw(st.lists(st.integers(0, 10**12), max_size=4)))),
        order=data.draw(words),
        status=data.draw(st.sampled_from(["", *Listed.values])),
        customer=data.draw(words),
        items_from=data.draw(st.none() | st.integers(0, 10**8)),
        currency=data.draw(st.sampled_from(["", "EUR", "JPY", "KWD"])),
        total_to=data.draw(st.none() | st.integers(0, 10**12)),
        shipping=data.draw(words),
        online=data.draw(st.sampled_from([None, True, False])),
        bots=data.draw(st.sampled_from(Bots.values)),
        **{f"{name}_{end}": data.draw(days | moments) for name in filters.TIME_RANGES for end in ("from", "to")},
    )
    assert asked(shops, filters.to_query(wanted, shops, ROME)) == wanted


# -- the list ----------------------------------------------------------------------------------------


def listed(wanted, sort):
    """The carts on all pages of the list, in order."""
    numbers, after = [], None
    while True:
        found = listing.page(wanted, sort, 3, after, None, NOON)
        numbers += [row.pk for row in found.page.rows]
        after = found.page.next
        if after is None:
            assert found.is_more or found.count == listing.count(wanted, NOON) == len(numbers)
            return numbers


def any_carts(shops, choose):
    for number in range(30):
        when = NOON - timedelta(hours=choose.randrange(50))
        facts = status_facts(choose.choice(list(Status)), NOON)
        cart(
            choose.choice(shops),
            choose.choice([0, 500, 900]),
            label=choose.choice(["", "ada"]),
            currency=choose.choice(["EUR", "CHF"]),
            shipping_name=choose.choice(["", "Express"]),
            created_at=when,
            seen_at=when,
            bot_score=choose.choice([0, 80]),
            **facts | ({"line_count": 0} if number % 3 == 0 else {}),
        )


@pytest.mark.parametrize(
    ("few", "steps", "sorted_at_most"),
    [(1, 30_000, 150_000), (5_000, 30_000, 0), (1, 4, 150_000), (1, 4, 0)],
)
@pytest.mark.parametrize(
    "text",
    ["", *(f"status={choice}" for choice in Listed), "currency=CHF", "total_from=6", "total_to=6&currency=EUR",
     "status=open&currency=EUR", "status=open&total_from=6&currency=EUR", "shipping=press", "bots=only", "customer=ada",
     "customer=ada&status=open", "online=yes", "online=no", "online=no&status=without_order", "created_from=2026-11-21",
     "created_from=2026-11-21&status=abandoned", "created_to=2026-11-21", "bots=without&status=not_merged"],
)  # fmt: skip
def test_the_pages_hold_what_is_asked_for_however_it_is_looked_up(monkeypatch, text, few, steps, sorted_at_most):
    shops = [factories.shop(currencies=["EUR", "CHF"]), factories.shop(currencies=["EUR", "CHF"], online_minutes=90)]
    any_carts(shops, random.Random(few))
    wanted = asked(shops, text)
    expected = set(listing.matching(wanted, NOON).values_list("pk", flat=True))
    monkeypatch.setattr(conditions, "FEW", few)
    monkeypatch.setattr(listing, "SCANNED", steps)
    monkeypatch.setattr(listing, "STEPS", steps)
    monkeypatch.setattr(paging, "MOST_SORTED", sorted_at_most)
    for sort in ("-id", "id", "activity", "online", "total", "-customer", "status", "-status", "order"):
        numbers = listed(wanted, sort)
        assert sorted(numbers) == sorted(expected), sort
        if sort == "activity":
            times = [made.last_activity_at for made in map(Cart.objects.in_bulk(numbers).get, numbers)]
            assert times == sorted(times)
        if sort == "status":
            statuses = [made.status(NOON) for made in map(Cart.objects.in_bulk(numbers).get, numbers)]
            assert statuses == sorted(statuses, key=list(Status).index)


@pytest.mark.parametrize("few", [1, 5_000])
@pytest.mark.parametrize("sort", ["-id", "id", "total", "-total", "-customer", "activity", "status", "-status"])
@pytest.mark.parametrize(
    "text", ["currency=CHF", "bots=without&shipping=press", "customer=ada&total_from=6", "total_from=6&currency=EUR"]
)
def test_where_no_index_leads_a_bounded_part_is_looked_through_and_the_pages_lead_on(monkeypatch, text, sort, few):
    """Both ways through the pages every cart that is asked for comes once; no page looks through more than it may."""
    shops = [factories.shop(currencies=["EUR", "CHF"]), factories.shop(currencies=["EUR", "CHF"])]
    any_carts(shops, random.Random(few))
    any_carts(shops, random.Random(few + 1))
    wanted = asked(shops, text)
    expected = listed(wanted, sort)
    assert sorted(expected) == sorted(listing.matching(wanted, NOON).values_list("pk", flat=True))
    monkeypatch.setattr(conditions, "FEW", few)
    monkeypatch.setattr(listing, "SCANNED", 7)
    is_led = "customer" in text and few > 1  # few people are called so: their carts are found
    there, after, pages = [], None, 0
    while True:
        found = listing.page(wanted, sort, 3, after, None, NOON)
        numbers = [row.pk for row in found.page.rows]
        if sort.endswith("id"):
            assert is_led or not numbers or max(numbers) - min(numbers) < 7
        there, pages, last = there + numbers, pages + 1, found.page
        assert found.count <= len(expected)
        assert found.is_more or found.count == len(expected)
        if (after := found.page.next) is None:
            break
    assert there == expected
    if text.startswith("total_from") and sort.endswith("id"):  # the rarest
        assert pages > len(expected) // 3 + 1  # the bound was met: some pages were not full
    back, before = [row.pk for row in last.rows], last.previous
    while before is not None:
        found = listing.page(wanted, sort, 3, None, before, NOON)
        back, before = [row.pk for row in found.page.rows] + back, found.page.previous
    if last.rows:
        assert back == expected


# -- figures -----------------------------------------------------------------------------------------


def random_carts(choose, shops, count):
    for _ in range(count):
        shop = choose.choice(shops)
        created = NOON - timedelta(hours=choose.uniform(0, 24 * 40))
        active = created + timedelta(hours=choose.uniform(0, 24))
        is_ordered = choose.random() < 0.4
        lines = choose.choice([0, 1, 1, 3])
        cart(
            shop,
            total=choose.randrange(10_000) if lines else 0,
            currency=choose.choice(["EUR", "CHF"]),
            line_count=lines,
            item_count=lines * 2,
            created_at=created,
            last_activity_at=active,
            abandon_after=active + timedelta(hours=24),
            ordered_at=active if is_ordered else None,
            merged_at=active if choose.random() < 0.1 else None,
            deleted_at=NOON if not is_ordered and choose.random() < 0.1 else None,
            bot_score=choose.choice([0, 0, 0, 49, 50, 100]),
        )


@pytest.mark.parametrize("seed", range(6))
def test_each_figure_is_what_its_list_shows(seed):
    shops = [factories.shop(), factories.shop(time_zone="America/New_York")]
    random_carts(random.Random(seed), shops, 120)
    for scope in (shops, shops[:1]):
        zone = scope[0].zone
        for key, figure in queries.figures(scope, NOON).items():
            rows = list(listing.matching(asked(scope, figure.query, zone), NOON))
            assert figure.rows == len(rows), key
            sums = {}
            for row in rows:
                carts, total = sums.get(row.currency, (0, 0))
                sums[row.currency] = (carts + 1, total + row.total_minor)
            assert figure.sums == sums, key
            assert all(row.bot_score < 50 for row in rows)
            if figure.part_query:
                part = list(listing.matching(asked(scope, figure.part_query, zone), NOON))
                assert figure.part == len(part) <= figure.rows
                assert {row.pk for row in part} <= {row.pk for row in rows}


def test_what_the_figures_count():
    shop = factories.shop()
    hour = timedelta(hours=1)
    long_ago = {"created_at": NOON - 60 * 24 * hour, "last_activity_at": NOON - 60 * 24 * hour}
    line = {"line_count": 1, "item_count": 1}
    cart(shop, 100, **line, **long_ago, abandon_after=NOON - 24 * hour)  # the first moment that counts
    cart(shop, 900, **line, **long_ago, abandon_after=NOON - 25 * hour)  # too long ago
    cart(shop, 30, **line, created_at=NOON - hour, abandon_after=NOON + hour)  # open
    cart(shop, 41, **line, created_at=NOON - hour, ordered_at=NOON)
    cart(shop, 50, **line, created_at=NOON - hour, ordered_at=NOON)
    cart(shop, 70, **line, created_at=NOON - hour, ordered_at=NOON, bot_score=50)
    cart(shop, 7, **line, created_at=NOON - hour, merged_at=NOON)
    cart(shop, 0, created_at=NOON - hour)  # empty
    figures = queries.figures([shop], NOON)
    assert figures["abandoned"].sums == {"EUR": (1, 100)}
    assert figures["conversion"].rows == 3
    assert figures["conversion"].part == 2
    assert figures["average_order"].averages == [("EUR", 46)]  # 45.5, half up
    assert figures["open_value"].totals == [("EUR", 30)]


def test_without_carts_or_shops_the_figures_are_empty():
    assert queries.figures([], NOON) == {}
    figures = queries.figures([factories.shop()], NOON)
    assert figures["conversion"].share is None
    assert figures["average_order"].averages == []


# -- the page of one cart ----------------------------------------------------------------------------


def busy_cart():
    shop = factories.shop()
    shopper = Shopper(shop)
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    person = factories.customer(shop)
    shopper.do(changes.Identify, customer_id=person.pk, label=person.label)
    return shopper.cart


def test_the_page_of_a_cart_takes_the_same_number_of_queries_however_big_it_is():
    made = busy_cart()
    cart(made.shop, customer=made.customer)

    def queries_needed():
        with CaptureQueriesContext(connection) as context:
            view = queries.cart_view(made.pk, NOON)
            for line in view.lines:
                assert line.product is None or line.product.reference
        return len(context)

    before = queries_needed()
    line = CartLine.objects.filter(cart=made).first()
    for number in range(50):
        line.pk, line.key, line.position = None, f"K{number}", 10 + number
        line.save(force_insert=True)
        cart(made.shop, customer=made.customer)
        CartEvent.objects.create(shop=made.shop, cart=made, cart_version=9, kind="line_added", actor="shopper", at=NOON)
    assert queries_needed() == before <= 9


def test_looking_never_writes():
    made = busy_cart()

    def everything():
        models = (Cart, CartLine, CartVoucher, CartEvent, Device, Customer)
        return [serializers.serialize("json", model.objects.order_by("pk")) for model in models]

    before = everything()
    later = NOON + timedelta(days=3)
    with CaptureQueriesContext(connection) as context:
        queries.cart_view(made.pk, later)
        listing.page(asked([made.shop]), "-id", 50, None, None, later)
        queries.figures([made.shop], later)
    assert everything() == before
    assert not [
        query for query in context.captured_queries if not query["sql"].lstrip("( ").upper().startswith("SELECT")
    ]


def test_the_other_carts_of_the_customer_are_paged():
    made = busy_cart()
    more = [cart(made.shop, customer=made.customer).pk for _ in range(queries.OTHERS_SHOWN + 3)]
    first = queries.others(made, None, None)
    second = queries.others(made, first.next, None)
    assert [row.pk for row in first.rows + second.rows] == more[::-1]
    assert queries.others(cart(made.shop), None, None).rows == []


def test_a_deleted_cart_has_no_page():
    shop = factories.shop()
    assert queries.cart_view(cart(shop, deleted_at=NOON).pk, NOON) is None
    assert queries.cart_view(10**9, NOON) is None
