"""Follow-ups, messages and reports for programs: started, paused and ended; written by hand; figures as on the page."""

from datetime import timedelta

import pytest

from ghostcart.customers import services as customer_services
from ghostcart.lib import clock
from ghostcart.mail.models import Message, State
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Campaign
from tests import factories
from tests.mail.letters import letter
from tests.wire import refused

pytestmark = pytest.mark.django_db(transaction=True)
LETTER = {"subject": "Your cart", "body": "Hello {{ customer.first_name }}, it is still here."}


@pytest.fixture
def ada(shop):
    """A customer who agreed to be written to."""
    found = factories.customer(shop)
    agreed = customer_services.Consented(is_given=True, text="Yes, write to me.", text_version="1")
    customer_services.record_consent(found, agreed, factories.NOON)
    return found


# -- follow-ups --------------------------------------------------------------------------------------


def test_a_follow_up_is_started_paused_resumed_and_ended(program, shop):
    made = campaigns.create(shop, "abandoned", "Ghosts", clock.now())
    path = f"/campaigns/{made.pk}"
    draft = program.get(path)
    assert (draft["campaign"]["state"], draft["problems"], len(draft["steps"])) == ("draft", [], 3)
    assert program.post(f"{path}/start", {})["campaign"]["state"] == "running"
    refused(program.call("POST", f"{path}/start", {}), 409, "wrong_campaign_state")
    assert program.post(f"{path}/pause")["campaign"]["paused_for"] == "staff"
    assert program.post(f"{path}/resume")["campaign"]["state"] == "running"
    assert program.post(f"{path}/end")["campaign"]["ended_at"]
    refused(program.call("POST", f"{path}/pause"), 409, "wrong_campaign_state")
    assert [row["name"] for row in program.get("/campaigns")["items"]] == ["Ghosts"]
    assert program.get(f"{path}/why")["items"] == []


def test_a_back_fill_must_be_confirmed_with_its_number(program, shop):
    made = campaigns.create(shop, "abandoned", "Ghosts", clock.now())
    path = f"/campaigns/{made.pk}"
    assert program.get(f"{path}/reach") == {"people": 0}
    refused(program.call("POST", f"{path}/start", {"backfill": 5}), 409, "backfill_changed")
    assert Campaign.objects.get().state == "draft"
    program.post(f"{path}/start", {"backfill": 0})


def test_a_draft_that_cannot_start_says_why(program, shop):
    made = campaigns.create(shop, "best", "Best", clock.now())
    campaigns.save(made, threshold_minor=0)
    assert program.get(f"/campaigns/{made.pk}")["problems"]
    refused(program.call("POST", f"/campaigns/{made.pk}/start", {}), 422, "campaign_not_ready")


# -- messages ----------------------------------------------------------------------------------------


def test_a_mail_by_hand_goes_into_the_outbox_once(program, shop, ada):
    told = [
        program.call("POST", f"/customers/{ada.pk}/messages", LETTER, Idempotency_Key="a") for _ in range(2)
    ]  # fmt: skip
    assert [one.status_code for one in told] == [201, 201], told[0].text
    message = told[0].json()
    assert (message["message"]["state"], message["message"]["address"]) == ("due", "ada@example.com")
    assert Message.objects.get().template == LETTER
    assert program.get(f"/messages/{message['message']['id']}")["why"] == message["why"]
    cancelled = program.post(f"/messages/{message['message']['id']}/cancel")
    assert cancelled["message"]["state"] == "cancelled"
    refused(program.call("POST", f"/messages/{message['message']['id']}/cancel"), 409, "too_late")


def test_who_did_not_agree_is_not_written_to(program, shop):
    bob = factories.customer(shop, "bob@example.com")
    told = refused(program.call("POST", f"/customers/{bob.pk}/messages", LETTER), 409, "cannot_be_sent")
    assert told["params"]["why"]
    shopper = factories.Shopper(shop, at=clock.now())
    shopper.add("MUG")
    refused(program.call("POST", f"/carts/{shopper.cart.pk}/messages", LETTER), 409, "cannot_be_sent")
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [({"body": "{{ nobody.knows }}"}, 422, "bad_text"), ({"subject": "{% for x in y %}"}, 422, "bad_text"),
     ({"subject": "a\nBcc: x"}, 400, "bad_body"), ({"body": ""}, 400, "bad_body"),
     ({"body": "x" * 10_001}, 400, "bad_body"), ({"to": "x@example.com"}, 400, "bad_body")],
)  # fmt: skip
def test_a_text_that_cannot_be_drawn_is_not_sent(program, ada, more, status, code):
    refused(program.call("POST", f"/customers/{ada.pk}/messages", LETTER | more), status, code)
    assert not Message.objects.exists()


def test_messages_are_found_and_doubts_ended(program, shop, ada):
    message = letter(shop, ada).message
    Message.objects.filter(pk=message.pk).update(state=State.IN_DOUBT)
    assert [one["id"] for one in program.get("/messages?state=in_doubt&q=ada@example.com")["items"]] == [message.pk]
    assert program.post(f"/messages/{message.pk}/settle", {"was_sent": True})["message"]["state"] == "sent"
    assert program.call("POST", f"/messages/{message.pk}/settle", {"was_sent": True}).status_code == 409
    assert program.get("/messages?event=opened")["items"] == []


def test_addresses_are_put_on_the_list_and_taken_off(program, shop):
    entry = program.post("/suppressions", {"address": "No@example.com"})
    assert program.post("/suppressions", {"address": "no@example.com"}) == entry
    assert program.get("/suppressions?q=no@example.com")["items"] == [entry]
    assert program.call("DELETE", f"/suppressions/{entry['id']}").status_code == 204
    refused(program.call("DELETE", f"/suppressions/{entry['id']}"), 404, "not_found")


def test_who_was_erased_stays_on_the_list(program, shop):
    entry = program.post("/suppressions", {"address": "no@example.com"})
    shop.suppressions.update(address="")
    refused(program.call("DELETE", f"/suppressions/{entry['id']}"), 409, "erased_stays")
    assert shop.suppressions.exists()


# -- reports -----------------------------------------------------------------------------------------


def test_the_report_has_the_figures_of_the_page(program, shop):
    made = campaigns.create(shop, "abandoned", "Ghosts", clock.now() - timedelta(days=20))
    campaigns.start(made, clock.now() - timedelta(days=20))
    told = program.get("/reports/campaigns?days=7")
    (row,) = told["campaigns"]
    assert (row["campaign_id"], row["caused"]["orders"], row["attributed"]["sent"]) == (made.pk, None, 0)
    assert told["total"]["revenue"] == []
    assert program.get("/reports/ledger")["items"] == []
    refused(program.call("GET", "/reports/campaigns?days=0"), 400, "bad_body")


def test_the_figures_of_the_carts_lead_to_the_list_of_their_carts(program, shop):
    for days in (0, 1.5, 9):
        factories.Shopper(shop, at=clock.now() - timedelta(days=days)).add("MUG")
    figures = {one["name"]: one for one in program.get("/reports/carts")["items"]}
    assert set(figures) == {"abandoned", "conversion", "average_order", "open_value"}
    for figure in figures.values():
        assert len(program.get(f"/carts?{figure['query']}")["items"]) == figure["carts"]
    assert figures["open_value"]["totals"][0]["minor"] == 1740
