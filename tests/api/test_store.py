"""The store API: every call as a shop's page makes it, and every refusal with its code."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from ghostcart.carts import tokens
from ghostcart.carts.models import Cart, CartLine, Device
from ghostcart.catalog.models import Variant
from ghostcart.customers.models import Consent, Customer
from ghostcart.lib import clock
from ghostcart.orders.models import Order
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.hostile import STATEMENTS
from tests.wire import ADDRESS, CONTACT, Page, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop():
    return factories.shop(is_demo=True)


@pytest.fixture
def page(client, shop):
    return Page(client, shop)


def voucher(shop, code="SPRING", **more):
    values = {"kind": Kind.PERCENT, "percent_bp": 1000, "names": {"en": "Spring", "it": "Primavera"}} | more
    return vouchers.create(shop_id=shop.pk, code=code, now=clock.now(), **values)


def ok(response, status=200):
    assert response.status_code == status, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()


# -- carts and lines -----------------------------------------------------------------------------


def test_opening_a_cart_gives_a_token_and_stores_nothing(page):
    before = dump()
    opened = ok(page.call("POST", "/carts", {}), 201)
    assert tokens.digest(page.shop.pk, opened["token"])
    assert (opened["cart"]["version"], opened["cart"]["status"], opened["cart"]["lines"]) == (0, "empty", [])
    assert dump() == before


def test_a_cart_is_opened_in_a_currency_of_the_shop(page):
    assert ok(page.call("POST", "/carts", {"currency": "CHF"}), 201)["cart"]["currency"] == "CHF"
    refused(page.call("POST", "/carts", {"currency": "XXQ"}), 422, "unknown_currency")
    assert ok(page.add(Ghostcart_Currency="CHF"))["currency"] == "CHF"


def test_the_cart_is_told_as_it_is(page):
    page.add("MUG", 2)
    cart = ok(page.call("GET", "/cart"))
    assert cart == ok(page.call("GET", "/cart"))
    line = cart["lines"][0]
    assert (cart["version"], cart["status"], cart["items"], cart["currency"]) == (1, "open", 2, "EUR")
    assert (line["key"], line["sku"], line["name"], line["option"]) == ("MUG", "MUG", "Mug", "One size")
    assert (line["quantity"], line["stock"], line["is_gift"]) == (2, 1000, False)
    assert line["unit_price"] == {"micros": 12_500_000, "text": "€12.50"}
    assert line["total"] == {"minor": 2500, "text": "€25.00"}
    assert {name: cart["totals"][name]["minor"] for name in cart["totals"]} == {
        "products": 2500, "discount": 0, "shipping": 490, "tax": 434 + 85, "total": 2990
    }  # fmt: skip
    assert [method["code"] for method in cart["shipping_methods"]] == ["standard", "express"]


def test_texts_are_in_the_callers_language(page):
    page.add("MUG", Accept_Language="it")
    cart = ok(page.call("GET", "/cart", Accept_Language="fr;q=0, it-CH, it;q=0.9"))
    assert cart["lines"][0]["name"] == "Mug (it)"
    assert "12,50" in cart["lines"][0]["unit_price"]["text"]


def test_lines_are_added_changed_and_removed(page):
    assert ok(page.add("MUG"))["items"] == 1
    assert ok(page.add("LAMP", 2))["version"] == 2
    assert ok(page.call("PUT", "/cart/lines/MUG", {"quantity": 5}))["items"] == 7
    assert ok(page.call("PUT", "/cart/lines/MUG", {"quantity": 0}))["items"] == 2
    cart = ok(page.call("DELETE", "/cart/lines/LAMP"))
    assert (cart["lines"], cart["totals"]["total"]["minor"]) == ([], 0)
    assert cart == page.cart()


def test_vouchers_come_and_go(page, shop):
    voucher(shop)
    page.add("MUG", 2)
    cart = ok(page.call("POST", "/cart/vouchers", {"code": " spring "}))
    assert cart["vouchers"] == [{
        "code": "SPRING", "name": "Spring", "amount": {"minor": 250, "text": "€2.50"}, "free_shipping": False,
        "refusal": None, "refusal_text": None,
    }]  # fmt: skip
    assert ok(page.call("DELETE", "/cart/vouchers/spring"))["vouchers"] == []


def test_guessing_codes_is_stopped_for_a_source_and_says_so(page, shop):
    page.add()
    for number in range(10):
        refused(page.call("POST", "/cart/vouchers", {"code": f"W{number}"}), 422, "voucher_unknown")
    refused(page.call("POST", "/cart/vouchers", {"code": "W"}), 429, "voucher_too_many_tries")
    other = Page(page.client, shop)
    other.add()
    refused(other.call("POST", "/cart/vouchers", {"code": "W"}), 429, "voucher_too_many_tries")


def test_what_a_caller_says_of_its_address_is_not_believed(page, shop):
    """Without a trusted proxy: ten wrong codes are ten, whoever says to pass them on."""
    for number in range(10):
        said = {"X_Forwarded_For": f"203.0.113.{number}", "X_Real_IP": f"203.0.113.{number}",
                "Forwarded": f"for=203.0.113.{number}", "X_Client_IP": f"203.0.113.{number}"}  # fmt: skip
        other = Page(page.client, shop)
        other.add()
        refused(other.call("POST", "/cart/vouchers", {"code": f"W{number}"}, **said), 422, "voucher_unknown")
    page.add()
    answer = page.call("POST", "/cart/vouchers", {"code": "W"}, X_Forwarded_For="203.0.113.99")
    refused(answer, 429, "voucher_too_many_tries")


@pytest.mark.parametrize("statement", [one for one in STATEMENTS if one.isprintable()])
def test_words_meant_for_the_database_are_only_words(page, shop, statement):
    page.add()
    before = dump()
    answers = [
        page.call("POST", "/cart/vouchers", {"code": statement[:40]}),
        page.call("POST", "/cart/lines", {"sku": statement[:64]}),
        page.call("DELETE", f"/cart/lines/{quote(statement, safe='')}"),
        page.call("PUT", "/cart/shipping", {"method": statement[:40]}),
        page.call("PUT", "/cart/identity", {"email": f"{statement}@example.com"}),  # some are addresses
        page.call("GET", "/cart", Ghostcart_Currency=statement),
        page.checkout(payment=statement[:20]),
    ]
    assert {answer.status_code for answer in answers[:4]} <= {400, 404, 422}
    assert all(answer.status_code < 500 for answer in answers)
    assert page.cart()["items"] == 1
    counted = ("vouchers_wrongcodes", "carts_device", "customers_customer", "customers_person", "customers_personkey",
               "carts_cart", "carts_cartevent")  # fmt: skip
    assert {name for name, rows in dump().items() if rows != before[name]} <= set(counted)


def test_a_voucher_says_why_it_takes_nothing(page, shop):
    voucher(shop, "LARGE", minimum_minor=10_000, currency="EUR")
    page.add("MUG")
    told = ok(page.call("POST", "/cart/vouchers", {"code": "LARGE"}))["vouchers"][0]
    assert (told["amount"]["minor"], told["refusal"]) == (0, "voucher_below_minimum")
    assert told["refusal_text"]
    assert ok(page.add("LAMP", 2))["vouchers"][0]["refusal"] is None


def test_the_shopper_says_who_they_are_and_what_they_agreed_to(page):
    page.add()
    consent = {"consent": True, "consent_text": "Yes, remind me.", "consent_version": "2026-11"}
    cart = ok(page.call("PUT", "/cart/identity", {**CONTACT, **consent}))
    assert cart["customer"] == {"label": "Ada Byron"}
    kept = Consent.objects.get()
    assert (kept.customer.email, kept.is_given, kept.text) == ("ada@example.com", True, "Yes, remind me.")


def test_the_way_to_deliver_is_chosen(page):
    page.add()
    cart = ok(page.call("PUT", "/cart/shipping", {"method": "express"}))
    assert (cart["shipping_method"], cart["totals"]["shipping"]["minor"]) == ("express", 1290)
    refused(page.call("PUT", "/cart/shipping", {"method": "pigeon"}), 422, "unknown_shipping_method")


def test_a_heartbeat_says_who_is_there_and_makes_no_cart(page):
    response = page.call("POST", "/cart/heartbeat", {"page": "/fern/it/p/mug"})
    assert (response.status_code, response.content) == (204, b"")
    assert Device.objects.get().page == "/fern/it/p/mug"
    assert not Cart.objects.exists()


def test_a_heartbeat_may_come_without_a_body(page):
    assert page.call("POST", "/cart/heartbeat", content=b"").status_code == 204
    refused(page.call("POST", "/cart/lines", content=b""), 400, "bad_body")


def test_reading_writes_nothing(page):
    page.add()
    before = dump()
    for _ in range(3):
        ok(page.call("GET", "/cart"))
        ok(page.call("GET", "/cart", Ghostcart_Cart=tokens.issue(page.shop.pk)))
    page.call("HEAD", "/cart")
    page.call("OPTIONS", "/cart")
    assert dump() == before


def test_a_change_writes_something(page):
    """The guard of the test above."""
    before = dump()
    page.add()
    assert dump() != before


def test_carts_of_two_shops_are_apart(client, page):
    page.add("MUG")
    elsewhere = Page(client, factories.shop())
    assert elsewhere.cart()["lines"] == []
    refused(page.call("GET", "/cart", Ghostcart_Shop=elsewhere.shop.public_key), 401, "bad_cart_token")


# -- once, and only against what was seen --------------------------------------------------------


def test_the_same_key_answers_the_same_and_counts_once(page):
    first, second = page.add(Idempotency_Key="one"), page.add(Idempotency_Key="one")
    assert ok(first) == ok(second)
    assert page.cart()["items"] == 1
    page.add(Idempotency_Key="two")
    assert page.cart()["items"] == 2


def test_the_same_key_for_something_else_is_refused(page):
    page.add("MUG", Idempotency_Key="one")
    refused(page.add("MUG", 2, Idempotency_Key="one"), 409, "idempotency_conflict")
    refused(page.call("DELETE", "/cart/lines/MUG", Idempotency_Key="one"), 409, "idempotency_conflict")
    assert page.cart()["items"] == 1


def test_a_key_belongs_to_one_cart(client, page):
    other = Page(client, page.shop)
    page.add(Idempotency_Key="one")
    assert ok(other.add("LAMP", Idempotency_Key="one"))["lines"][0]["sku"] == "LAMP"


@pytest.mark.parametrize("version", ['"1"', "1", ' "1" ', "*"])
def test_a_change_of_the_version_that_was_seen_is_done(page, version):
    page.add()
    assert ok(page.add(If_Match=version))["items"] == 2


@pytest.mark.parametrize(
    "version",
    ['"0"', '"2"', '"99999999999"', 'W/"1"', '"1", "2"', "junk", '""', '"-1"', '"1.0"', '"' * 5000, '"\u00b9"'],
)
def test_a_change_of_another_version_is_refused_with_the_cart(page, version):
    page.add("MUG", 2)
    headers = {**page.headers, "If-Match": version.encode("latin-1"), "Content-Type": "application/json"}
    response = page.client.put("/api/v1/store/cart/lines/MUG", content=b'{"quantity": 9}', headers=headers)
    told = refused(response, 409, "cart_changed")
    assert told["cart"] == page.cart()
    assert told["cart"]["items"] == 2


# -- checkout ------------------------------------------------------------------------------------


def test_a_checkout_makes_an_order_and_an_empty_cart(page):
    page.add("MUG", 2)
    placed = ok(page.checkout(), 201)
    order = Order.objects.get()
    assert placed["order"] == {"number": "T-000001", "token": order.token, "status": "pending",
                               "total": {"minor": 2990, "text": "€29.90"}}  # fmt: skip
    assert tokens.digest(page.shop.pk, placed["next_cart_token"])
    assert (order.email, order.address["city"], order.lines.get().quantity) == ("ada@example.com", "Torino", 2)
    assert page.cart()["lines"] == []
    assert Variant.objects.get(sku="MUG").stock == 998
    page.headers["Ghostcart-Cart"] = placed["next_cart_token"]
    assert ok(page.add("LAMP"))["version"] == 1


@pytest.mark.parametrize(("card", "status"), [("succeed", "paid"), ("pending", "pending")])
def test_the_demo_card_pays_now_or_later(page, card, status):
    page.add()
    assert ok(page.checkout(payment="demo_card", card=card), 201)["order"]["status"] == status


def test_a_declined_card_changes_no_cart_and_keeps_the_contact(page):
    page.add("MUG", 2)
    before = page.cart()
    refused(page.checkout(payment="demo_card", card="fail"), 402, "card_declined")
    assert page.cart() == before
    assert not Order.objects.exists()
    assert Customer.objects.get().email == "ada@example.com"
    assert ok(page.checkout(payment="demo_card"), 201)["order"]["status"] == "paid"


def test_the_same_key_gives_the_same_order(page):
    page.add()
    first, second = page.checkout(key="once"), page.checkout(key="once")
    assert ok(first, 201) == ok(second, 201)
    assert Order.objects.count() == 1
    refused(page.checkout(key="once", payment="transfer"), 409, "idempotency_conflict")


def test_without_a_key_the_second_finds_an_empty_cart(page):
    """The guard of the test above."""
    page.add()
    ok(page.checkout(), 201)
    refused(page.checkout(), 422, "cart_empty")


def test_a_voucher_that_ended_since_is_refused_at_checkout(page, shop):
    code = voucher(shop, valid_until=clock.now() + timedelta(hours=1)).code
    page.add()
    ok(page.call("POST", "/cart/vouchers", {"code": code}))
    Voucher.objects.update(valid_until=clock.now())
    refused(page.checkout(), 422, "voucher_expired")
    assert not Order.objects.exists()
    ok(page.call("DELETE", f"/cart/vouchers/{code}"))
    assert ok(page.checkout(), 201)


def test_what_was_sold_since_is_refused_at_checkout(client, page):
    rival = Page(client, page.shop)
    for one in (page, rival):
        ok(one.add("CLOCK", 2))
    ok(rival.checkout(), 201)
    assert refused(page.checkout(), 422, "sold_out")["params"] == {"stock": "0", "name": "Clock"}
    assert page.cart()["items"] == 2


def test_a_checkout_of_a_cart_that_changed_is_refused_with_the_cart(page):
    page.add()
    seen = page.cart()["version"]
    page.add("LAMP")
    body = {"contact": CONTACT, "address": ADDRESS, "shipping_method": "standard", "payment": "transfer"}
    told = refused(page.call("POST", "/cart/checkout", body, If_Match=f'"{seen}"'), 409, "cart_changed")
    assert [line["sku"] for line in told["cart"]["lines"]] == ["MUG", "LAMP"]
    assert not Order.objects.exists()
    ok(page.call("POST", "/cart/checkout", body, If_Match=f'"{seen + 1}"'), 201)


# -- refusals ------------------------------------------------------------------------------------

NOBODY = {"first_name": " ", "last_name": "x", "street": "", "postcode": "1", "city": "x", "country": "IT"}


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/cart/lines", {"sku": "NOTHING"}, 422, "unknown_product"),
        ("POST", "/cart/lines", {"sku": "CLOCK", "quantity": 3}, 422, "sold_out"),
        ("POST", "/cart/lines", {"sku": "MUG", "quantity": 0}, 422, "quantity_out_of_range"),
        ("POST", "/cart/lines", {"sku": "MUG", "quantity": -5}, 422, "quantity_out_of_range"),
        ("POST", "/cart/lines", {"sku": "MUG", "quantity": 10_000}, 422, "quantity_out_of_range"),
        ("PUT", "/cart/lines/MUG", {"quantity": 1001}, 422, "sold_out"),
        ("PUT", "/cart/lines/LAMP", {"quantity": 1}, 404, "unknown_line"),
        ("DELETE", "/cart/lines/LAMP", None, 404, "unknown_line"),
        ("POST", "/cart/vouchers", {"code": "NO-SUCH"}, 422, "voucher_unknown"),
        ("POST", "/cart/vouchers", {"code": "ENDED"}, 422, "voucher_expired"),
        ("POST", "/cart/vouchers", {"code": "SOON"}, 422, "voucher_not_yet_valid"),
        ("POST", "/cart/vouchers", {"code": "OFF"}, 422, "voucher_inactive"),
        ("POST", "/cart/vouchers", {"code": "FRANCS"}, 422, "voucher_other_currency"),
        ("POST", "/cart/vouchers", {"code": "ONE-EACH"}, 422, "voucher_sign_in_needed"),
        ("POST", "/cart/vouchers", {"code": "APPLIED"}, 422, "voucher_already_applied"),
        ("POST", "/cart/vouchers", {"code": "ALONE"}, 422, "voucher_not_combinable"),
        ("PUT", "/cart/identity", {"email": "ada@nowhere"}, 422, "bad_email"),
        ("PUT", "/cart/shipping", {"method": "pigeon"}, 422, "unknown_shipping_method"),
        ("POST", "/cart/checkout", {"payment": "barter"}, 422, "unknown_payment"),
        ("POST", "/cart/checkout", {"address": NOBODY}, 422, "address_incomplete"),
        ("POST", "/cart/checkout", {"shipping_method": "pigeon"}, 422, "unknown_shipping_method"),
    ],
)  # fmt: skip
def test_refusals_have_a_code_and_change_nothing(page, shop, method, path, body, status, code, language):
    now, day = clock.now(), timedelta(days=1)
    for name, terms in {
        "ENDED": {"valid_until": now - day}, "SOON": {"valid_from": now + day}, "OFF": {"is_active": False},
        "FRANCS": {"minimum_minor": 100, "currency": "CHF"}, "ONE-EACH": {"per_customer": 1}, "APPLIED": {},
        "ALONE": {"combinable": False},
    }.items():  # fmt: skip
        voucher(shop, name, **terms)
    page.add("MUG")
    page.call("POST", "/cart/vouchers", {"code": "APPLIED"})
    before = page.cart()
    send = (lambda: page.checkout(**body)) if path == "/cart/checkout" else (lambda: page.call(method, path, body))
    page.headers["Accept-Language"] = language
    refused(send(), status, code)
    page.headers["Accept-Language"] = "en"
    assert page.cart() == before
    assert not Order.objects.exists()


def test_an_empty_cart_has_nothing_to_change(page):
    refused(page.call("PUT", "/cart/lines/MUG", {"quantity": 1}), 422, "cart_empty")
    refused(page.call("POST", "/cart/vouchers", {"code": "X"}), 422, "cart_empty")
    refused(page.checkout(), 422, "cart_empty")
    assert not Cart.objects.exists()


def test_a_cart_holds_so_many_products(page, monkeypatch):
    monkeypatch.setattr("ghostcart.carts.opencart.MOST_LINES", 2)
    for sku in ("MUG", "LAMP"):
        ok(page.add(sku))
    assert refused(page.add("CLOCK"), 422, "too_many_lines")["params"] == {"most": "2"}
    assert CartLine.objects.count() == 2


def test_a_busy_database_is_told_and_nothing_is_lost(page, monkeypatch):
    from django.db import OperationalError

    def away(batch, encode=None):
        raise OperationalError("database is locked")

    monkeypatch.setattr("ghostcart.carts.writer.record_all", away)
    response = page.add(Idempotency_Key="one")
    refused(response, 503, "busy")
    assert response.headers["retry-after"] == "1"
    monkeypatch.undo()
    assert ok(page.add(Idempotency_Key="one"))["items"] == 1
