"""Hostile and broken requests: always a clear 4xx with a code, never a 5xx, and nothing is stored."""

import json

import pytest

from ghostcart.carts import tokens
from tests import factories
from tests.wire import CHECKOUT, STORE, Page, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)

BODIES = {
    "empty": b"",
    "null": b"null",
    "array": b"[]",
    "string": b'"MUG"',
    "number": b"1",
    "broken": b'{"sku": "MUG"',
    "trailing": b'{"sku": "MUG"} x',
    "two": b'{"sku": "MUG"}{"sku": "MUG"}',
    "single quotes": b"{'sku': 'MUG'}",
    "not a number": b'{"sku": "MUG", "quantity": NaN}',
    "infinity": b'{"sku": "MUG", "quantity": -Infinity}',
    "float": b'{"sku": "MUG", "quantity": 1.5}',
    "huge float": b'{"sku": "MUG", "quantity": 1e400}',
    "words for a number": b'{"sku": "MUG", "quantity": "one"}',
    "a number as a string": b'{"sku": "MUG", "quantity": "1"}',
    "a string as a number": b'{"sku": 1, "code": 1, "page": 1}',
    "true for a number": b'{"sku": "MUG", "quantity": true}',
    "5,000 digits": b'{"sku": "MUG", "quantity": ' + b"9" * 5000 + b"}",
    "above 64 bits": b'{"sku": "MUG", "quantity": 18446744073709551616}',
    "deep arrays": b"[" * 16_000,
    "deep objects": b'{"a":' * 3_000,
    "deep in a field": b'{"sku": ' + b"[" * 15_000,
    "NUL": b'{"sku": "MUG\\u0000"}',
    "raw NUL": b'{"sku": "MUG\x00"}',
    "control character": b'{"sku": "MUG\\u0007"}',
    "final line feed": b'{"sku": "MUG\\n"}',
    "lone surrogate": b'{"sku": "\\ud800"}',
    "not UTF-8": b'{"sku": "\xff\xfe"}',
    "UTF-16": '{"sku": "MUG"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"sku": "MUG"}',
    "lone CR": b'{"sku": "MU\rG"}',
    "too long": b'{"sku": "' + b"M" * 65 + b'"}',
    "nothing in it": b'{"sku": ""}',
    "unknown field": b'{"sku": "MUG", "price": 0}',
    "prototype": b'{"__proto__": {"sku": "MUG"}}',
    "form": b"sku=MUG&quantity=1",
    "xml": b"<sku>MUG</sku>",
}
PATHS = ["/cart/lines", "/cart/vouchers", "/cart/heartbeat", "/cart/checkout"]


@pytest.fixture
def page(client):
    return Page(client, factories.shop())


def test_bodies_that_kill_parsers_are_refused(page):
    before = dump()
    for name, body in BODIES.items():
        for path in PATHS:
            if path == "/cart/heartbeat" and name == "empty":  # it needs none
                continue
            response = page.call("POST", path, content=body, Content_Type="application/json")
            assert response.status_code == 400, (name, path, response.text)
            refused(response, 400, "bad_body")
    assert dump() == before


def test_a_refused_body_says_which_field_is_wrong(page):
    told = refused(page.call("POST", "/cart/lines", {"sku": "MUG", "quantity": "1"}), 400, "bad_body")
    assert told["errors"][1:] == [{"message": "Expected `int`, got `str`", "key": "quantity", "source": "body"}]
    contact = {**CHECKOUT["contact"], "consent": "true"}
    assert refused(page.checkout(contact=contact), 400, "bad_body")["errors"][1]["key"] == "contact.consent"
    assert refused(page.call("POST", "/cart/lines", []), 400, "bad_body")["errors"][1]["key"] == "data"


def test_a_key_twice_in_a_body_is_refused(page):
    """Guard: two readers, say a proxy that checks and we who do, could see two things in it."""
    before = dump()
    for body in (
        b'{"sku": "LAMP", "sku": "MUG"}',
        b'{"sku": "MUG", "sku": "MUG"}',
        b'{"sku": "MUG", "\\u0073ku": "MUG"}',
    ):
        told = refused(page.call("POST", "/cart/lines", content=body), 400, "bad_body")
        assert told["errors"][1] == {"message": "A key comes twice", "key": "sku", "source": "body"}
    nested = json.dumps({**CHECKOUT, "address": 1}).replace('"address": 1', '"address": {"city": "A", "city": "B"}')
    refused(page.call("POST", "/cart/checkout", content=nested), 400, "bad_body")
    assert dump() == before


def test_a_body_may_have_16_kib_and_no_byte_more(page):
    before = dump()
    start, end = b'{"sku": "NOTHING"', b"}"
    whole = start + b" " * (16 * 1024 - len(start) - len(end)) + end
    assert len(whole) == 16 * 1024
    refused(page.call("POST", "/cart/lines", content=whole), 422, "unknown_product")
    refused(page.call("POST", "/cart/lines", content=whole + b" "), 422, "body_too_large")
    refused(page.call("POST", "/cart/lines", content=b" " * 2**20), 422, "body_too_large")
    refused(page.call("POST", "/cart/lines", content=iter([b" " * 1000] * 100)), 422, "body_too_large")  # in chunks
    assert [name for name, rows in dump().items() if rows != before[name]] in ([], ["carts_device"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "x"), ("email", "a@b\nBcc: c@d"), ("email", "a" * 300 + "@b.it"), ("first_name", "x" * 121),
     ("first_name", "a\x00"), ("phone", "1" * 41), ("phone", 1), ("consent", "yes"), ("consent", "true"),
     ("consent", 1), ("consent_text", "x" * 2001)],
)  # fmt: skip
def test_contacts_are_checked_field_by_field(page, field, value):
    before = dump()
    contact = {"email": "ada@example.com", field: value}
    told = refused(page.call("PUT", "/cart/identity", contact), 400, "bad_body")
    assert told["errors"] or told["detail"]
    refused(page.checkout(contact=contact), 400, "bad_body")
    assert dump() == before


def test_addresses_and_currencies_are_checked(page):
    before = dump()
    for country in ("Italy", "it", "IT\n", "", "\x00\x00"):
        refused(page.checkout(address={**CHECKOUT["address"], "country": country}), 400, "bad_body")
    for currency in ("eur", "EURO", "EUR\n", "", 1):
        refused(page.call("POST", "/carts", {"currency": currency}), 400, "bad_body")
    refused(page.checkout(address={"city": "Torino"}), 400, "bad_body")
    refused(page.checkout(total=1), 400, "bad_body")
    assert dump() == before


# -- who calls -----------------------------------------------------------------------------------


def test_a_shop_that_is_not_known_is_refused(page):
    for key in ("", "pk_none", "1", str(page.shop.pk), "x" * 5000, "' OR 1=1 --", "\u00e9"):
        headers = {"Ghostcart-Shop": key.encode("latin-1"), "Ghostcart-Cart": page.token}
        refused(page.client.get(f"{STORE}/cart", headers=headers), 401, "unknown_shop")
    refused(page.client.get(f"{STORE}/cart"), 401, "unknown_shop")


def test_a_token_that_was_not_given_out_for_this_shop_is_refused(client, page):
    before = dump()
    foreign = tokens.issue(factories.shop().pk)
    before = dump()
    for token in ("", "x", "A" * 67, foreign, page.token[:-1], page.token + "0", page.token * 100, "\u00e9" * 67):
        headers = {**page.headers, "Ghostcart-Cart": token.encode("latin-1"), "Content-Type": "application/json"}
        refused(client.get(f"{STORE}/cart", headers=headers), 401, "bad_cart_token")
        refused(client.post(f"{STORE}/cart/lines", content=b'{"sku": "MUG"}', headers=headers), 401, "bad_cart_token")
    assert dump() == before


def test_headers_of_any_size_and_sign_do_no_harm(page):
    before = dump()
    refused(page.add(Idempotency_Key="k" * 256), 400, "bad_body")
    refused(page.add(Ghostcart_Currency="E" * 9000), 422, "unknown_currency")
    refused(page.add(If_Match="9" * 9000), 409, "cart_changed")
    assert {name for name, rows in dump().items() if rows != before[name]} <= {"carts_device"}  # seen, no more
    languages = ",".join(["xx-YY;q=0.1"] * 3000)
    page.headers |= {"Accept-Language": languages, "User-Agent": "u" * 9000, "X-Anything": "x" * 60_000}
    assert page.add(Idempotency_Key="k" * 255).status_code == 200


def test_odd_paths_are_not_found(page):
    page.add()
    before = page.cart()
    for path in ("/cart/lines/%00", "/cart/lines/MUG%0a", "/cart/lines/%F0%9F%92%A9", "/cart/lines/" + "x" * 80,
                 "/cart/lines/..%2f..", "/cart/lines/%ff"):  # fmt: skip
        response = page.call("DELETE", path)
        assert response.status_code == 404, (path, response.text)
        assert response.json()["code"] in ("unknown_line", "not_found")
    refused(page.call("DELETE", "/cart/lines/" + "x" * 81), 400, "bad_body")
    refused(page.call("GET", "/nothing"), 404, "not_found")
    refused(page.call("GET", "/cart/"), 404, "not_found") if page.call("GET", "/cart/").status_code != 200 else None
    for path in ("/cart/vouchers/%00", "/cart/vouchers/" + "x" * 40, "/cart/vouchers/NONE"):
        assert page.call("DELETE", path).json() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "CONNECT"])
def test_methods_that_an_address_does_not_have_are_refused(page, method):
    before = dump()
    refused(page.call(method, "/cart/lines"), 405, "method_not_allowed")
    assert dump() == before


def test_other_kinds_of_content_are_no_json(page):
    before = dump()
    for kind, body in {"text/plain": b"sku=MUG", "application/x-www-form-urlencoded": b"sku=MUG",
                       "multipart/form-data; boundary=x": b"--x--", "application/xml": b"<sku/>", "junk": b"\x00",
                       "application/msgpack": b"\x81\xa3sku\xa3MUG",
                       "application/json; charset=utf-16": b"{"}.items():  # fmt: skip
        refused(page.call("POST", "/cart/lines", content=body, Content_Type=kind), 400, "bad_body")
    assert dump() == before


def test_no_error_tells_how_the_server_is_built(page):
    for response in (page.call("GET", "/nothing"), page.call("POST", "/cart/lines", content=b"{"), page.add("NOTHING")):
        assert "Traceback" not in response.text
        assert "/work" not in response.text
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
