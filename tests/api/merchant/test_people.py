"""Customers and people for programs: found, noted on, exported, erased; who they are and why they were written to."""

import pytest

from ghostcart.customers.models import Customer
from ghostcart.recovery.models import Decision
from tests import factories
from tests.factories import NOON
from tests.wire import refused

pytestmark = pytest.mark.django_db(transaction=True)


def test_customers_are_found_as_on_the_page(program, shop):
    ada = factories.customer(shop)
    bob = factories.customer(shop, "bob@example.com", first_name="Bob", last_name="Zorn", language="de")
    rows = program.get("/customers?sort=name")["items"]
    assert [row["id"] for row in rows] == [ada.pk, bob.pk]
    assert (rows[0]["email"], rows[0]["is_guest"], rows[0]["orders"], rows[0]["spent"]) == (
        "ada@example.com", True, 0, [],
    )  # fmt: skip
    for query in ("q=zorn", "language=de", "kind=guest&q=bob"):
        assert [row["id"] for row in program.get(f"/customers?{query}")["items"]] == [bob.pk], query
    assert program.get("/customers?kind=account")["items"] == []
    assert program.get("/customers?consent=yes")["items"] == []
    assert program.get("/customers?registered_to=2026-11-21")["items"] == []


def test_a_note_is_written_and_read(program, shop):
    ada = factories.customer(shop)
    told = program.call("PUT", f"/customers/{ada.pk}/note", {"note": "Calls in the morning\n"})
    assert told.json()["note"] == "Calls in the morning"
    assert program.get(f"/customers/{ada.pk}")["note"] == "Calls in the morning"
    for note in ("x" * 5001, "a\u0000b", 1, None):
        refused(program.call("PUT", f"/customers/{ada.pk}/note", {"note": note}), 400, "bad_body")


def test_a_customer_is_exported_and_erased(program, shop):
    ada = factories.customer(shop)
    assert program.get(f"/customers/{ada.pk}/data")["customer"]["email"] == "ada@example.com"
    assert program.post(f"/customers/{ada.pk}/erase") == {"carts": 0, "orders_kept": 0}
    assert Customer.objects.get().email == ""
    told = program.get(f"/customers/{ada.pk}")
    assert (told["customer"]["is_erased"], told["customer"]["label"]) == (True, "Erased customer")


def test_a_person_is_all_the_customers_they_are(program, shop):
    ada = factories.customer(shop, phone="+39 011 555 0100")
    again = factories.customer(shop, "ada.byron@example.com", phone="+39 011 555 0100")
    older, younger = sorted({ada.person_id, again.person_id} | set())[:1], again.person_id
    ada.refresh_from_db()
    told = program.get(f"/persons/{younger}")
    assert {one["email"] for one in told["customers"]} == {"ada@example.com", "ada.byron@example.com"}
    assert program.get(f"/persons/{ada.person_id}") == told
    assert told["id"] in older


def test_what_was_decided_about_a_person_is_told_with_its_reason(program, shop):
    ada = factories.customer(shop)
    Decision.objects.create(
        shop=shop, person_id=ada.person_id, verdict="dropped", reason="ordered", at=NOON, actor="system"
    )
    (why,) = program.get(f"/persons/{ada.person_id}/why")["items"]
    assert (why["verdict"], why["reason"], why["at"]) == ("dropped", "ordered", "2026-11-22T12:00:00Z")
    assert why["text"].startswith("Not sent")


def test_trust_is_given_and_taken(program, shop):
    ada = factories.customer(shop)
    assert program.post(f"/persons/{ada.person_id}/trust", {"is_trusted": True})["is_trusted"] is True
    assert program.post(f"/persons/{ada.person_id}/trust", {"is_trusted": False})["is_trusted"] is False
    assert Decision.objects.filter(actor=program.key.actor).count() == 2
