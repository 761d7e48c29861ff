"""The Python client against the live application, and against a server that has a bad day."""

import json
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from ghostcart.client import (
    ApiError,
    Cart,
    Consent,
    Customer,
    Ghostcart,
    Line,
    Order,
    Product,
    Totals,
    Unreachable,
    Variant,
    Voucher,
    facts,
    records,
    reports,
)  # fmt: skip
from ghostcart.client.wire import retry_after, waiting
from ghostcart.connectors import keys
from ghostcart.connectors.ingest import shapes
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock
from tests.wire import calling

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "http://testserver.local"


@pytest.fixture(scope="module")
def app():
    with calling() as client:
        yield client


class Into(httpx.BaseTransport):
    """Hands the client's requests to the application in this process."""

    def __init__(self, app: Any) -> None:
        self.app, self.sent = app, []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self.app.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def ghostcart(app, shop):
    token = keys.create(shop, name="t", scopes=Scope.values, actor="staff:1", now=clock.now())[1]
    with Ghostcart(ADDRESS, token, transport=Into(app)) as client:
        yield client


def cart(**more: Any) -> Cart:
    lines = [Line(variant="mug", name="Mug", quantity=2, price=Decimal("24.90"))]
    values: dict[str, Any] = {"updated_at": clock.now(), "currency": "EUR", "customer": "c-7", "lines": lines}
    return Cart(**{**values, **more})


def test_all_that_a_shop_tells_is_taken_and_read_again(ghostcart):
    now = clock.now()
    consent = Consent(given=True, text="Remind me.", version="1", at=now)
    assert ghostcart.put_cart("1", cart(vouchers=[Voucher(code="SPRING")])).status == "created"
    assert ghostcart.put_customer(
        "c-7", Customer(version=1, email="ada@example.com", first_name="Ada", consent=consent)
    ).status == "created"  # fmt: skip
    variant = Variant(id="mug", sku="MUG-1", prices={"EUR": "24.90"})
    assert ghostcart.put_product("p", Product(version=1, name={"en": "Mug"}, variants=[variant])).status == "created"
    order = Order(number="N1", cart="1", currency="EUR", lines=[Line(sku="MUG-1", name="Mug", quantity=1, price=2490)],
                  totals=Totals(total="24.90"), placed_at=now, version=1, status="paid")  # fmt: skip
    assert ghostcart.put_order("o", order).status == "created"
    [row] = ghostcart.carts(status="ordered")
    assert (row.external_id, row.customer and row.customer.label, row.total.minor) == ("1", "Ada", 2490)
    whole = ghostcart.cart(row.id)
    assert [line.sku for line in whole.lines] == ["mug"]
    assert [one.number for one in ghostcart.orders()] == ["N1"]
    [customer] = ghostcart.customers(q="ada")
    assert ghostcart.customer(customer.id).consents[0].text == "Remind me."
    assert [entry.kind for entry in ghostcart.cart_history(row.id)][-1] in ("line_added", "ordered")
    assert ghostcart.why_cart(row.id) is not None
    assert ghostcart.report(days=7).campaigns == []


def test_any_number_goes_in_batches_and_each_has_its_fate(ghostcart):
    told = {str(number): cart() for number in range(230)} | {"bad": cart(currency="XQZ")}
    fates = ghostcart.put_carts(told)
    assert [one.status for one in fates].count("created") == 230
    assert fates[-1].problem
    assert (fates[-1].problem.code, fates[-1].problem.field) == ("unknown_currency", "currency")
    assert len(ghostcart.wire.http._transport.sent) == 3
    assert len(list(ghostcart.carts(size=100))) == 230  # all pages


def test_what_is_refused_says_why_and_where(ghostcart):
    with pytest.raises(ApiError) as refused:
        ghostcart.put_cart("1", cart(lines=[Line(id="a", name="Mug", quantity=0, price="1")]))
    assert (refused.value.status, refused.value.code, refused.value.field) == (
        422, "quantity_out_of_range", "lines[0].quantity"
    )  # fmt: skip
    with pytest.raises(ApiError) as refused:
        ghostcart.put_cart("1", cart(lines=[Line(id="a", name="x" * 501, quantity=1, price="1")]))
    assert (refused.value.code, refused.value.field) == ("bad_body", "lines[0].name")
    with pytest.raises(ApiError) as refused:
        ghostcart.cart(999_999)
    assert refused.value.code == "not_found"


def test_carts_are_deleted_and_brought_back(ghostcart):
    ghostcart.put_cart("1", cart())
    [row] = ghostcart.carts()
    assert ghostcart.delete_carts([row.id])[0].outcome == "deleted"
    assert list(ghostcart.carts()) == []
    assert ghostcart.restore_carts([row.id])[0].outcome == "restored"


def test_who_was_erased_is_forgotten_for_good(ghostcart):
    told = Customer(version=1, email="ada@example.com")
    ghostcart.put_customer("c-7", told)
    [customer] = ghostcart.customers()
    ghostcart.erase_customer(customer.id)
    assert ghostcart.put_customer("c-7", told).status == "forgotten"


def test_vouchers_are_made_and_switched_off(ghostcart):
    made = ghostcart.create_voucher("percent", percent_bp=1000, code="TEN")
    assert (made.voucher.code, made.voucher.percent_bp) == ("TEN", 1000)
    assert ghostcart.switch_voucher_off(made.voucher.id).voucher.status == "off"
    assert [one.code for one in ghostcart.vouchers()] == ["TEN"]


# -- trouble -----------------------------------------------------------------------------------------


def with_answers(*answers: Any, tries: int = 5):
    """A client whose server gives these answers, and what it was asked, and how long it waited."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    client = Ghostcart("https://carts.example", "gck_x", tries=tries, transport=httpx.MockTransport(answer))
    waits: list[float] = []
    client.wire.sleep = waits.append
    return client, asked, waits


GOOD = httpx.Response(200, json={"items": [{"external_id": "1", "status": "created"}]})


def busy(**headers: str) -> httpx.Response:
    body = {"code": "busy", "detail": "The database is busy.", "status": 503}
    return httpx.Response(503, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_trouble_that_passes_is_waited_for_with_one_effect():
    client, asked, waits = with_answers(busy(Retry_After="7"), httpx.ConnectError("gone"), httpx.Response(502), GOOD)
    assert client.put_carts({"1": cart()})[0].status == "created"
    assert len({request.headers["idempotency-key"] for request in asked}) == 1
    assert len({request.content for request in asked}) == 1
    assert waits[0] == 7
    assert 0 < waits[1] < waits[2] < 5


def test_trouble_that_stays_is_told_in_the_end():
    client, asked, _waits = with_answers(busy(), busy(), busy(), tries=3)
    with pytest.raises(ApiError) as refused:
        client.cart(1)
    assert (refused.value.code, len(asked)) == ("busy", 3)
    client, _asked, _waits = with_answers(httpx.ConnectError("gone"), httpx.ReadTimeout("slow"), tries=2)
    with pytest.raises(Unreachable):
        client.cart(1)


@pytest.mark.parametrize(("status", "body"), [(401, b'{"code":"wrong_key","detail":"No.","status":401}'), (301, b"")])
def test_what_will_not_get_better_is_not_sent_again(status, body):
    client, asked, waits = with_answers(*[httpx.Response(status, content=body)] * 2)
    for call in (lambda: client.cart(1), lambda: next(iter(client.events()))):
        with pytest.raises(ApiError) as refused:
            call()
        assert refused.value.status == status
    assert (len(asked), waits) == (2, [])


def test_waits_are_what_the_server_asks_by_number_or_date_within_reason():
    assert retry_after(busy(Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")) < 0
    assert retry_after(busy(Retry_After="soon")) is None
    assert (waiting(0, -5), waiting(0, 10**6)) == (0, 60)


# -- the stream --------------------------------------------------------------------------------------


def stream_of(*events: tuple[str, str], breaks: bool = False) -> httpx.Response:
    def body():
        for kind, name in events:
            data = {"id": name, "kind": kind, "cart_id": 1, "cart_version": 1, "actor": "shopper",
                    "at": "2026-01-31T09:00:00Z", "data": {}}  # fmt: skip
            yield f"event: {kind}\r\nid: {name}\r\ndata: {json.dumps(data)}\r\n\r\n".encode()
        if breaks:
            raise httpx.ReadError("cut off")

    return httpx.Response(200, content=body(), headers={"content-type": "text/event-stream"})


def test_the_stream_goes_on_behind_what_was_given_last():
    gone = httpx.Response(410, json={"code": "cursor_gone", "detail": "Too far behind.", "status": 410})
    client, asked, _waits = with_answers(
        stream_of(("line_added", "1-1"), ("line_added", "1-2"), breaks=True), busy(), stream_of(("ordered", "1-3"),
        ("place", "1-9")), gone,
    )  # fmt: skip
    seen: list[tuple[str, str]] = []
    events = client.events(kinds=["line_added", "ordered"])
    with pytest.raises(ApiError) as refused:
        seen.extend((event.id, event.kind) for event in events)
    assert refused.value.code == "cursor_gone"
    assert seen == [("1-1", "line_added"), ("1-2", "line_added"), ("1-3", "ordered")]
    assert [request.headers.get("last-event-id") for request in asked] == [None, "1-2", "1-2", "1-9"]
    assert events.cursor == "1-9"


def test_a_reader_that_stops_may_go_on_from_its_cursor():
    client, asked, _waits = with_answers(stream_of(("line_added", "1-1"), ("line_added", "1-2")), stream_of())
    events = client.events()
    assert next(iter(events)).id == "1-1"
    assert events.cursor == ""  # not done with it: it is given again
    assert asked[0].url.params == httpx.QueryParams()


# -- it knows what the API knows -----------------------------------------------------------------------


def test_facts_have_the_fields_that_ingest_takes():
    pairs = {facts.Customer: shapes.CustomerIn, facts.Consent: shapes.ConsentIn, facts.Product: shapes.ProductIn,
             facts.Variant: shapes.VariantIn, facts.Cart: shapes.CartIn, facts.Line: shapes.LineIn,
             facts.Voucher: shapes.VoucherIn, facts.Totals: shapes.TotalsIn, facts.Order: shapes.OrderIn,
             facts.Address: shapes.OrderAddressIn}  # fmt: skip
    for ours, theirs in pairs.items():
        assert set(ours.__struct_fields__) == set(theirs.__struct_fields__), ours


def test_records_have_no_field_that_the_api_does_not_give(app):
    described = app.get("/api/openapi.json").json()["components"]["schemas"]
    names = {"CartEntry": "CartEventOut", "ConsentGiven": "ConsentOut", "Person": "PersonOut", "Step": "StepOut",
             "MessageEvent": "MessageEventOut", "Arm": "ArmOut", "Caused": "CausedOut",
             "PostalAddress": "Place"}  # fmt: skip
    looked_at = 0
    for module in (records, reports):
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
                found = [schema for key, schema in described.items()
                         if key.split("_")[-1].split(".")[-1] == names.get(name, name)]  # fmt: skip
                if name == "Event":
                    continue
                assert any(set(kind.__struct_fields__) == set(schema["properties"]) for schema in found), name
                looked_at += 1
    assert looked_at > 30
