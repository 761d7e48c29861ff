"""Ingest over the wire: its examples are true, each refusal has a code and a place, and no body breaks it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghostcart.carts.models import Cart
from ghostcart.connectors import keys
from ghostcart.connectors.ingest import examples
from ghostcart.lib import clock
from ghostcart.orders.models import Order
from tests import factories
from tests.wire import dump, refused

pytestmark = pytest.mark.django_db(transaction=True)
INGEST = "/api/v1/ingest"
EXAMPLES = {"customers": ("c-7", examples.CUSTOMER), "products": ("mug", examples.PRODUCT),
            "carts": ("cart-1", examples.CART), "orders": ("o-117", examples.ORDER)}  # fmt: skip


def token_of(shop, *scopes):
    return keys.create(shop, name="test", scopes=scopes or ["ingest"], actor="staff:1", now=clock.now(),
                       per_minute=100_000)[1]  # fmt: skip


@pytest.fixture
def send(client, shop):
    token = token_of(shop)

    def send(method, path, body=None, content=None, **headers):
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept-Language": "en"}
        content = json.dumps(body) if content is None else content
        return client.request(method, INGEST + path, content=content, headers=sent | headers)

    return send


def cart(**more):
    return {**examples.CART, **more}


def test_the_examples_of_the_description_are_taken(send):
    fates = [send("PUT", f"/{kind}/{name}", told).json()["status"] for kind, (name, told) in reversed(EXAMPLES.items())]
    assert fates == ["created", "changed", "created", "created"]  # nothing was known of what each of them names
    for kind, (name, example) in EXAMPLES.items():
        report = send("POST", f"/{kind}", {"items": [{"external_id": name, **example}]}).json()
        assert report == {"items": [{"external_id": name, "status": "unchanged"}], "counts": {"unchanged": 1}}, kind
    ours = Cart.objects.get()
    assert (ours.customer_label, ours.order_number, ours.lines.get().variant.sku) == (
        "Ada Byron", "2026-0117", "MUG-SAGE"
    )  # fmt: skip
    assert Order.objects.get().customer_label == "Ada Byron"


def test_examples_stand_in_the_description(client):
    described = client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for kind in EXAMPLES:
        for path, method in ((f"{INGEST}/{kind}", "post"), (f"{INGEST}/{kind}/{{external_id}}", "put")):
            operation = described["paths"][path][method]
            assert operation["security"] == [{"key": ["ingest"]}]
            assert "external_id" in json.dumps(operation["requestBody"]) or method == "put"
            assert examples.CART["updated_at"][:7] in json.dumps([operation, described["components"]["schemas"]])


def test_a_batch_answers_for_each_item(send):
    items = [{"external_id": str(n), **examples.CART} for n in range(98)]
    items += [{"external_id": "x", **cart(currency="XQZ")}, {"external_id": "y", **cart(lines=7)}]
    report = send("POST", "/carts", {"items": items}).json()
    assert report["counts"] == {"created": 98, "refused": 2}
    assert [one["problem"]["field"] for one in report["items"][98:]] == ["currency", "lines"]
    assert report["items"][98]["problem"] == {
        "code": "unknown_currency", "field": "currency", "detail": "“XQZ” is not a currency."
    }  # fmt: skip
    told = refused(send("POST", "/carts", {"items": [items[0]] * 101}), 400, "bad_body")
    assert told["errors"][1]["key"] == "items"
    refused(send("POST", "/carts", {"items": []}), 400, "bad_body")


def test_a_source_apart_is_another_shop(send):
    send("PUT", "/carts/1", cart())
    assert send("PUT", "/carts/1?source=pos", cart()).json()["status"] == "created"
    assert sorted(Cart.objects.values_list("source", flat=True)) == ["api", "pos"]
    refused(send("PUT", "/carts/1?source=tracker", cart()), 422, "source_reserved")
    refused(send("PUT", "/carts/1?source=A%20B", cart()), 400, "bad_body")


def test_a_body_may_be_as_large_as_its_call_needs(send):
    big = json.dumps({"items": [{"external_id": "1", **cart()}]})
    assert send("POST", "/carts", content=big + " " * (1024 * 1024 - len(big))).status_code == 200
    refused(send("POST", "/carts", content=big + " " * (1024 * 1024 - len(big) + 1)), 422, "body_too_large")
    one = json.dumps(cart())
    assert send("PUT", "/carts/2", content=one + " " * (128 * 1024 - len(one))).status_code == 200
    refused(send("PUT", "/carts/2", content=one + " " * (128 * 1024 - len(one) + 1)), 422, "body_too_large")


def test_a_cart_may_have_200_lines_and_each_9999_pieces(send):
    lines = [{"id": str(n), "name": "Mug", "quantity": 9999, "price": "999999999.999999"} for n in range(200)]
    told = refused(send("PUT", "/carts/1", cart(lines=lines, totals=None)), 422, "price_out_of_range")
    assert told["params"]["field"] == "lines"
    lines = [{**line, "price": "1"} for line in lines]
    assert send("PUT", "/carts/1", cart(lines=lines, totals=None)).json()["status"] == "created"
    assert Cart.objects.get().total_minor == 200 * 9999 * 100


WRONG = {
    "float": (b'"price": "24.90"', b'"price": 24.90', "lines[0].price"),
    "exponent": (b'"price": "24.90"', b'"price": 1e2', "lines[0].price"),
    "NaN": (b'"quantity": 2', b'"quantity": NaN', ""),
    "infinity": (b'"quantity": 2', b'"quantity": -Infinity', ""),
    "true": (b'"quantity": 2', b'"quantity": true', "lines[0].quantity"),
    "text": (b'"quantity": 2', b'"quantity": "2"', "lines[0].quantity"),
    "huge": (b'"quantity": 2', b'"quantity": ' + b"9" * 5000, ""),
    "NUL": (b'"Mug, hand-thrown"', b'"Mug\\u0000"', "lines[0].name"),
    "raw NUL": (b'"Mug, hand-thrown"', b'"Mug\x00"', ""),
    "lone surrogate": (b'"Mug, hand-thrown"', b'"Mug\\ud800"', ""),
    "not UTF-8": (b'"Mug, hand-thrown"', b'"\xff\xfe"', ""),
    "key twice": (b'"quantity": 2', b'"quantity": 2, "quantity": 3', "quantity"),
    "unknown field": (b'"quantity": 2', b'"quantity": 2, "color": 3', "lines[0]"),
    "deep": (b'"Mug, hand-thrown"', b"[" * 50_000, ""),
    "deep objects": (b'"Mug, hand-thrown"', b'{"a":' * 10_000, ""),
    "time without zone": (b"+01:00", b"", "updated_at"),
    "no time": (b"2026-01-31T09:20:00", b"2026-02-31T09:20:00", "updated_at"),
    "time as number": (b'"2026-01-31T09:20:00+01:00"', b"1769847600", "updated_at"),
    "script as picture": (b'"quantity": 2', b'"quantity": 2, "picture": "javascript:alert(1)"', "lines[0].picture"),
    "currency in small letters": (b'"EUR"', b'"eur"', "currency"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_broken_body_is_refused_and_nothing_is_stored(send, name):
    before = dump()
    right, wrong, place = WRONG[name]
    body = json.dumps(examples.CART).encode()
    assert right in body
    told = refused(send("PUT", "/carts/1", content=body.replace(right, wrong)), 400, "bad_body")
    if place:
        assert told["errors"][1]["key"] == place
    for path in ("/carts", "/orders"):
        content = b'{"items": [' + body.replace(right, wrong) + b"]}"
        assert send("POST", path, content=content).status_code in (200, 400)
    after = dump()
    del before["connectors_apikey"], after["connectors_apikey"]
    assert after == before


def test_only_a_key_with_the_scope_may_tell(client, shop, send):
    before = dump()
    body = json.dumps(examples.CART)
    sent = {"Content-Type": "application/json"}
    refused(client.put(f"{INGEST}/carts/1", content=body, headers=sent), 401, "missing_key")
    wrong = sent | {"Authorization": "Bearer gck_" + "x" * 43}
    refused(client.put(f"{INGEST}/carts/1", content=body, headers=wrong), 401, "wrong_key")
    poor = sent | {"Authorization": f"Bearer {token_of(shop, 'carts:read', 'carts:write')}"}
    refused(client.put(f"{INGEST}/carts/1", content=body, headers=poor), 403, "wrong_scope")
    assert dump()["carts_cart"] == before["carts_cart"]


def test_a_key_tells_of_its_own_shop_alone(client, shop, send):
    other = factories.shop()
    send("PUT", "/carts/1", cart())
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token_of(other)}"}
    answer = client.put(f"{INGEST}/carts/1", content=json.dumps(cart(is_deleted=True)), headers=sent)
    assert answer.json()["status"] == "unchanged"  # theirs does not exist
    assert Cart.objects.get().deleted_at is None


def test_the_same_request_with_a_key_is_answered_alike(send):
    first = send("POST", "/carts", {"items": [{"external_id": "1", **cart()}]}, **{"Idempotency-Key": "a"})
    assert send("POST", "/carts", {"items": [{"external_id": "1", **cart()}]}, **{"Idempotency-Key": "a"}).json() == (
        first.json()
    )
    other = send("POST", "/carts", {"items": [{"external_id": "2", **cart()}]}, **{"Idempotency-Key": "a"})
    refused(other, 409, "idempotency_conflict")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["19.90", "19,90", "2026-01-31T09:20:00Z", "EUR", "\x00", "\ud800", "a" * 300, -1, 2**63, 1e400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def bent(draw, told):
    """An example with one of its values, somewhere, replaced by anything at all."""
    told = json.loads(json.dumps(told))
    at = told
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        at[key] = draw(ODD)
        return told


@pytest.mark.slow
def test_whatever_is_sent_there_is_no_server_error(send):
    counted = {}

    @settings(max_examples=400, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def fuzz(data):
        kind = data.draw(st.sampled_from(list(EXAMPLES)))
        told = bent(data.draw, EXAMPLES[kind][1])
        if data.draw(st.booleans()):
            answer = send("POST", f"/{kind}", {"items": [{"external_id": "1", **told}, told]})
        else:
            answer = send("PUT", f"/{kind}/1", told)
        counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, answer.text
        assert answer.status_code < 400 or answer.json()["code"]

    fuzz()
    print(f"\n{counted}")
