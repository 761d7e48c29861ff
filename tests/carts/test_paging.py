"""Paging by keyset: page after page every row once, both ways, whatever the order and however many shops."""

import base64
import json
import random
from datetime import timedelta

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghostcart.carts.models import Cart
from ghostcart.lib import paging
from tests import factories
from tests.backoffice.cast import cart
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def shops():
    """Two shops with 40 carts, many of them alike in what they are sorted by."""
    found = [factories.shop(), factories.shop()]
    choose = random.Random(7)
    for _number in range(40):
        cart(
            choose.choice(found),
            total=choose.choice([0, 5, 5, 900]),
            label=choose.choice(["", "ada", "Zoë", "étoile", "Ada", "_x"]),
            created_at=NOON + timedelta(hours=choose.randrange(5)),
            line_count=choose.choice([0, 1]),
        )
    return found


def walk(queryset, sort, size, **options):
    """All pages from the first to the last, and back again."""
    forwards, cursor, pages = [], None, 0
    while True:
        page = paging.page(queryset, sort, size, after=cursor, **options)
        forwards += page.rows
        assert (page.previous is not None) == (pages > 0)
        pages += 1
        if page.next is None:
            break
        cursor = page.next
    backwards, before = list(page.rows), page.previous
    while before:
        page = paging.page(queryset, sort, size, before=before, **options)
        backwards = page.rows + backwards
        assert page.next is not None
        before = page.previous
    assert [row.pk for row in backwards] == [row.pk for row in forwards]
    return [row.pk for row in forwards]


@pytest.mark.parametrize(
    "sort", ["id", "-id", "total_minor", "-total_minor", "customer_label", "-customer_label", "created_at"]
)
@pytest.mark.parametrize("size", [1, 7, 40, 50])
def test_every_row_comes_once_in_order_both_ways(shops, sort, size):
    ids = [shop.pk for shop in shops]
    name = sort.removeprefix("-")
    sign = "-" if sort.startswith("-") else ""
    whole = list(Cart.objects.order_by(sort, f"{sign}id").values_list("pk", flat=True))
    assert walk(Cart.objects.all(), sort, size) == whole
    assert walk(Cart.objects.filter(shop_id__in=ids), sort, size, shop_ids=ids) == whole, name


@pytest.mark.parametrize("sort", ["status", "-status"])
def test_a_sorting_without_a_column_goes_section_by_section(shops, sort):
    sections = {"status": [[Q(line_count=0)], [Q(line_count__gt=0)]]}
    ids = [shop.pk for shop in shops]
    found = walk(Cart.objects.all(), sort, 6, shop_ids=ids, sections=sections)
    whole = list(Cart.objects.order_by("line_count", "id").values_list("pk", flat=True))
    assert found == (whole if sort == "status" else whole[::-1])


def test_rows_that_come_or_go_between_two_pages_disturb_nobody_else(shops):
    first = paging.page(Cart.objects.all(), "-id", 10)
    cart(shops[0])
    Cart.objects.filter(pk=first.rows[-1].pk).delete()
    second = paging.page(Cart.objects.all(), "-id", 10, after=first.next)
    assert [row.pk for row in first.rows + second.rows] == sorted(
        [row.pk for row in first.rows + second.rows], reverse=True
    )
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}


def test_an_empty_list_has_no_neighbours():
    assert paging.page(Cart.objects.all(), "-id", 10) == paging.Page([], None, None)


def written(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


GARBAGE = [
    "", "x", "=", "é", "A" * 5000, written(None), written([]), written({"a": 1}), written(["total_minor", 5]),
    written(["total_minor", "five", 3]), written(["total_minor", 5, "3"]), written(["total_minor", 5, True]),
    written(["total_minor", 10**30, 3]), written(["total_minor", 5, 10**30]), written(["total_minor", None, 3]),
    written(["total_minor", 1e400, 3]), written(["total_minor", [1], 3]), written(["id", 5, 5]), "[" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22T12:00:00"])
def test_a_cursor_at_a_moment_that_no_row_can_have_starts_at_the_first_page(shops, moment):
    first = paging.page(Cart.objects.all(), "created_at", 5)
    assert paging.page(Cart.objects.all(), "created_at", 5, after=written(["created_at", moment, 3])) == first


@pytest.mark.parametrize("cursor", GARBAGE)
def test_a_cursor_nobody_gave_out_starts_at_the_first_page(shops, cursor):
    first = paging.page(Cart.objects.all(), "total_minor", 5)
    assert paging.page(Cart.objects.all(), "total_minor", 5, after=cursor) == first
    assert paging.page(Cart.objects.all(), "total_minor", 5, before=cursor) == first


@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), st.lists, max_leaves=4),
       number=st.integers() | st.text(),
       column=st.sampled_from(["customer_label", "created_at", "total_minor", "status"]))  # fmt: skip
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cursor_breaks_a_list(db, value, number, column):
    sections = {"status": [[Q(line_count=0)], [Q(line_count__gt=0)]]}
    cursor = written([column, value, number])
    for side in ("after", "before"):
        page = paging.page(Cart.objects.all(), column, 5, shop_ids=[1, 2], sections=sections, **{side: cursor})
        assert page.rows == []


def test_batches_bring_every_row_once(shops):
    found = [row.pk for batch in paging.batches(Cart.objects.all(), 7) for row in batch]
    assert found == list(Cart.objects.order_by("-pk").values_list("pk", flat=True))
