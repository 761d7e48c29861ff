"""Vouchers for programs: made as staff make them, listed, switched off."""

import pytest

from ghostcart.vouchers.models import Voucher
from tests import factories
from tests.wire import dump, refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_voucher_is_made_listed_and_switched_off(program, shop):
    ada = factories.customer(shop)
    asked = {
        "kind": "amount", "code": "ada10", "names": {"en": "For Ada", "it": "Per Ada"}, "amount_minor": 1000,
        "minimum_minor": 5000, "currency": "EUR", "valid_until": "2991-01-01T00:00:00+01:00", "quantity": 1,
        "email": "ADA@example.com", "percent_bp": 0, "gift_sku": None,
    }  # fmt: skip
    made = program.call("POST", "/vouchers", asked)
    assert made.status_code == 201, made.text
    voucher = made.json()["voucher"]
    assert (voucher["code"], voucher["status"], voucher["person_id"]) == ("ADA10", "good", ada.person_id)
    assert voucher["amount"] == {"minor": 1000, "currency": "EUR", "text": "€10.00"}
    assert voucher["valid_until"] == "2990-12-31T23:00:00Z"
    assert [one["id"] for one in program.get("/vouchers?q=ada&status=good&kind=amount&origin=staff")["items"]] == [
        voucher["id"]
    ]
    assert program.post(f"/vouchers/{voucher['id']}/off")["voucher"]["status"] == "off"
    assert program.get("/vouchers?status=good")["items"] == []


def test_a_gift_and_selected_products_are_named_by_their_skus(program):
    made = program.post("/vouchers", {"kind": "gift", "gift_sku": "MUG"})["voucher"]
    assert (made["gift_sku"], len(made["code"])) == ("MUG", 12)
    some = {"kind": "percent", "percent_bp": 500, "applies_to": "products", "products": ["LAMP", "R-MUG"]}
    assert len(program.post("/vouchers", some)["voucher"]["product_ids"]) == 2


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [({"kind": "percent"}, 422, "voucher_invalid"), ({"kind": "percent", "percent_bp": 10_001}, 400, "bad_body"),
     ({"kind": "amount", "amount_minor": 100}, 422, "voucher_invalid"),
     ({"kind": "amount", "amount_minor": 100, "currency": "USD"}, 422, "voucher_invalid"),
     ({"kind": "amount", "amount_minor": 100, "currency": "eur"}, 400, "bad_body"),
     ({"kind": "amount", "amount_minor": "1,00", "currency": "EUR"}, 400, "bad_body"),
     ({"kind": "amount", "amount_minor": 10**13, "currency": "EUR"}, 400, "bad_body"),
     ({"kind": "amount", "amount_minor": -1, "currency": "EUR"}, 400, "bad_body"),
     ({"kind": "gift"}, 422, "voucher_invalid"), ({"kind": "gift", "gift_sku": "NONE"}, 422, "voucher_invalid"),
     ({"kind": "percent", "percent_bp": 1, "applies_to": "products"}, 422, "voucher_invalid"),
     ({"kind": "percent", "percent_bp": 1, "products": ["NONE"]}, 422, "voucher_invalid"),
     ({"kind": "free_shipping", "email": "nobody@example.com"}, 422, "voucher_invalid"),
     ({"kind": "free_shipping", "code": "A\u0000"}, 400, "bad_body"),
     ({"kind": "free_shipping", "names": {"xx": "x"}}, 400, "bad_body"),
     ({"kind": "free_shipping", "quantity": 0}, 400, "bad_body"),
     ({"kind": "free_shipping", "quantity": 2**31}, 400, "bad_body"),
     ({"kind": "free_shipping", "valid_from": "2026-11-22T00:00:00"}, 400, "bad_body"),
     ({"kind": "free_shipping", "valid_from": "0001-01-01T00:00:00+14:00"}, 422, "bad_moment"),
     ({"kind": "free_shipping", "valid_until": "9999-12-31T23:59:59-14:00"}, 422, "bad_moment"),
     ({"kind": "free_shipping", "valid_from": "2027-01-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, 422,
      "voucher_invalid")],
)  # fmt: skip
def test_a_voucher_that_makes_no_sense_is_not_made(program, asked, status, code):
    program.get("/vouchers")
    before = dump()
    refused(program.call("POST", "/vouchers", asked, Idempotency_Key="a"), status, code)
    assert dump() == before


def test_a_code_is_taken_once(program):
    program.post("/vouchers", {"kind": "free_shipping", "code": "SHIP"})
    refused(program.call("POST", "/vouchers", {"kind": "free_shipping", "code": "ship"}), 409, "voucher_code_taken")
    assert Voucher.objects.count() == 1
