"""Carts for programs: the list of the page with its filters, one cart, its history, deletion with a way back."""

from datetime import timedelta

import pytest

from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.lib import clock
from tests import factories
from tests.wire import Program, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)


def shopper_of(shop, sku="MUG", quantity=1, **ago) -> factories.Shopper:
    shopper = factories.Shopper(shop, at=clock.now() - timedelta(**ago))
    shopper.add(sku, quantity)
    return shopper


def ids(page):
    return [row["id"] for row in page["items"]]


def test_a_cart_is_told_whole(program, shop):
    ada = factories.customer(shop)
    shopper = shopper_of(shop, quantity=2, days=3)
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    told = program.get(f"/carts/{shopper.cart.pk}", Accept_Language="de")
    assert told["cart"]["status"] == "abandoned"
    assert told["cart"]["customer"] == {
        "id": ada.pk, "label": "Ada Byron", "email": "ada@example.com", "is_guest": True,
    }  # fmt: skip
    assert told["cart"]["total"] == {"minor": 2990, "currency": "EUR", "text": "29,90 €".replace(" ", "\u00a0")}
    assert told["totals"]["products"]["minor"] == 2500
    assert [(line["sku"], line["quantity"], line["unit_price"]["micros"]) for line in told["lines"]] == [
        ("MUG", 2, 12_500_000)
    ]
    assert told["cart"]["created_at"].endswith("Z")


def test_the_list_has_the_filters_of_the_page(program, shop):
    old, young, lamp = shopper_of(shop, days=3).cart, shopper_of(shop).cart, shopper_of(shop, "LAMP", 3).cart
    assert ids(program.get("/carts")) == [lamp.pk, young.pk, old.pk]
    assert ids(program.get("/carts?status=abandoned")) == [old.pk]
    assert ids(program.get("/carts?items_from=2")) == [lamp.pk]
    assert ids(program.get("/carts?currency=EUR&total_to=50.00&sort=id")) == [old.pk, young.pk]
    assert ids(program.get(f"/carts?id={old.pk},{lamp.pk}")) == [lamp.pk, old.pk]
    assert ids(program.get("/carts?customer=nobody")) == []
    day = old.created_at.astimezone(shop.zone).date()
    assert ids(program.get(f"/carts?created_to={day}")) == [old.pk]


def test_a_page_leads_to_the_next(program, shop):
    numbers = [shopper_of(shop).cart.pk for _ in range(7)]
    seen, path = [], "/carts?size=3&sort=created"
    while path:
        response = program.call("GET", path)
        seen += ids(response.json())
        link = response.headers.get("link", "")
        path = link[1 : link.index(">")].removeprefix("/api/v1") if link else ""
        assert bool(link) == bool(response.json()["next"])
    assert seen == numbers


@pytest.mark.parametrize("sort", ["id", "order", "status", "customer", "items", "total", "shipping", "created",
                                  "activity", "online"])  # fmt: skip
def test_every_order_can_be_gone_through(program, shop, sort):
    numbers = {shopper_of(shop, quantity=quantity, days=quantity % 3).cart.pk for quantity in range(1, 6)}
    for sign in ("", "-"):
        seen, cursor = [], ""
        while True:
            page = program.get(f"/carts?size=2&sort={sign}{sort}{cursor}")
            seen += ids(page)
            if not page["next"]:
                break
            cursor = f"&cursor={page['next']}"
        assert sorted(seen) == sorted(numbers), sort


def test_a_list_costs_no_more_the_more_it_shows(program, shop, django_assert_max_num_queries):
    from ghostcart.api.merchant import carts
    from ghostcart.api.merchant.lists import Place
    from ghostcart.api.programs import Program as Caller
    from ghostcart.carts.filters import CartFilter

    for _ in range(10):
        shopper_of(shop)
    caller = Caller(program.key, "en")
    with django_assert_max_num_queries(6):
        assert len(carts._list(caller, CartFilter(shop_ids=(shop.pk,)), Place("-id", 50, None)).items) == 10


@pytest.mark.parametrize(
    ("query", "code"),
    [("sise=3", "unknown_parameter"), ("shop=1", "unknown_parameter"), ("status=gone", "bad_body"),
     ("created_from=yesterday", "bad_filter"), ("created_from=2026-13-01", "bad_filter"),
     ("activity_to=99999-01-01", "bad_filter"), ("size=0", "bad_body"), ("size=201", "bad_body"),
     ("size=x", "bad_body"), ("total_from=12,50", "bad_body"), ("total_from=1e9", "bad_body"),
     ("total_from=1.00", "bad_filter"), ("items_from=-1", "bad_body"), ("currency=eur", "bad_body"),
     ("customer=%00", "bad_body"), ("customer=" + "x" * 101, "bad_body"), ("id=1;2", "bad_body"),
     ("cursor=x", "bad_cursor"), ("cursor=WyJpZCIsMSwxXQ&sort=total", "bad_cursor"), ("sort=price", "bad_body"),
     ("bots=maybe", "bad_body"), ("id=99999999999999999999", "bad_filter")],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_refused_and_not_left_out(client, query, code):
    program = Program(client, factories.shop(currencies=["EUR", "JPY"]))
    refused(program.call("GET", f"/carts?{query}"), 400, code)


def test_the_history_tells_each_entry_oldest_first(program, shop):
    shopper = shopper_of(shop)
    shopper.add("LAMP")
    shopper.do(changes.RemoveLine, key="MUG")
    path = f"/carts/{shopper.cart.pk}/events"
    told = program.get(path)["items"]
    assert [one["kind"] for one in told] == ["line_added", "line_added", "line_removed"]
    assert "removed 1" in told[2]["text"]
    first = program.get(path + "?size=2")
    assert [*first["items"], *program.get(f"{path}?size=2&cursor={first['next']}")["items"]] == told


def test_only_carts_without_an_order_are_deleted_and_each_is_reported(program, shop):
    ghost, foreign = shopper_of(shop).cart, shopper_of(factories.shop()).cart
    ordered = shopper_of(shop).cart
    Cart.objects.filter(pk=ordered.pk).update(ordered_at=clock.now())
    told = program.post("/carts/delete", {"ids": [ghost.pk, ordered.pk, foreign.pk, 10**15]})["results"]
    assert [one["outcome"] for one in told] == ["deleted", "ordered", "missing", "missing"]
    assert ids(program.get("/carts/deleted")) == [ghost.pk]
    refused(program.call("GET", f"/carts/{ghost.pk}"), 404, "not_found")
    ghost.refresh_from_db()
    assert ghost.deleted_by == program.key.actor
    assert program.post("/carts/restore", {"ids": [ghost.pk, foreign.pk]})["results"] == [
        {"id": ghost.pk, "outcome": "restored"},
        {"id": foreign.pk, "outcome": "missing"},
    ]
    foreign.refresh_from_db()
    assert foreign.deleted_at is None


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": [0]}, {"ids": [-1]}, {"ids": [2**63]}, {"ids": ["1"]},
                                  {"ids": [1.0]}, {"ids": None}, {"ids": list(range(1, 302))}, {"ids": [1], "x": 1},
                                  {"ids": [True]}])  # fmt: skip
def test_numbers_that_are_none_delete_nothing(program, shop, body):
    shopper_of(shop)
    before = dump()
    refused(program.call("POST", "/carts/delete", body), 400, "bad_body")
    assert dump() | {"connectors_apikey": 0} == before | {"connectors_apikey": 0}


def test_a_clean_up_looks_first_and_takes_what_it_counted(program, shop):
    old = shopper_of(shop, days=200).cart
    shopper_of(shop)
    asked = {"which": "age", "days": 90}
    look = program.post("/carts/clean-up", asked)
    assert (look["carts"], Cart.objects.filter(deleted_at=None).count()) == (1, 2)
    took = program.post("/carts/clean-up", asked | {"delete": True, "since": look["since"]})
    assert (took["carts"], took["is_finished"]) == (1, True)
    assert ids(program.get("/carts/deleted")) == [old.pk]


def test_a_clean_up_cannot_be_dated_into_the_future(program, shop):
    """Guard: a moment from tomorrow would take carts that nobody counted."""
    shopper_of(shop, hours=23)
    asked = {"which": "age", "days": 1, "delete": True, "since": "2990-01-01T00:00:00Z"}
    assert program.post("/carts/clean-up", asked)["carts"] == 0
