"""Messages: the list, one message, doubts settled by people, and the list of addresses not written to."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes
from ghostcart.mail import suppression
from ghostcart.mail.models import By, EventKind, Message, State, Suppression
from ghostcart.recovery.models import Kind
from tests import factories
from tests.factories import NOON, Shopper
from tests.recovery import cast

pytestmark = pytest.mark.django_db
LIST = "/backoffice/messages/"
NO_MAIL = "/backoffice/messages/no-mail/"


@pytest.fixture
def reminder(shop, ada):
    shopper = Shopper(shop)
    shopper.add("MUG")
    return cast.sent(cast.enrol(cast.campaign(shop), ada, cart=shopper.cart), NOON)


def sign_in(client, role, *shops):
    user = factories.staff(role, *shops)
    client.force_login(user)
    return user


def in_state(message, state):
    Message.objects.filter(pk=message.pk).update(state=state)
    return message


def listed(client, query="sort=-id"):
    return [message.pk for message in client.get(f"{LIST}?{query}").context["page"].rows]


def test_the_list_is_found_by_address_person_and_state(client, shop, ada, reminder):
    sign_in(client, Role.VIEWER, shop)
    number = reminder.message.pk
    assert listed(client) == listed(client, "q=Ada") == listed(client, "q=ADA%40example.com") == [number]
    assert listed(client, "state=sent") == listed(client, "kind=reminder") == [number]
    assert listed(client, "q=nobody") == listed(client, "state=due") == listed(client, "kind=test") == []


def test_other_shops_messages_are_not_there(client, shop, reminder):
    sign_in(client, Role.OWNER, factories.shop())
    assert listed(client) == []
    for path in ("", "letter/"):
        assert client.get(f"{LIST}{reminder.message.pk}/{path}").status_code == 404
    assert client.post(f"{LIST}{reminder.message.pk}/settle/").status_code == 404


def test_a_message_shows_what_came_back_and_who_caused_it(client, shop, reminder):
    sign_in(client, Role.VIEWER, shop)
    cast.happened(reminder, EventKind.CLICKED, by=By.MACHINE)
    page = client.get(f"{LIST}{reminder.message.pk}/").content.decode()
    assert "Clicked" in page
    assert "a machine" in page
    assert "Ghosts" in page


def test_a_doubt_is_settled_by_an_agent_once(client, shop, reminder):
    in_state(reminder.message, State.IN_DOUBT)
    sign_in(client, Role.VIEWER, shop)
    assert client.post(f"{LIST}{reminder.message.pk}/settle/", {"as": "sent"}).status_code == 403
    sign_in(client, Role.AGENT, shop)
    assert "in doubt" in client.get(LIST, follow=True).content.decode()
    client.post(f"{LIST}{reminder.message.pk}/settle/", {"as": "due"})
    reminder.message.refresh_from_db()
    assert reminder.message.state == State.DUE
    again = client.post(f"{LIST}{reminder.message.pk}/settle/", {"as": "sent"}, follow=True)
    assert "not in doubt any more" in again.content.decode()


def test_what_waits_can_be_stopped_and_what_is_gone_cannot(client, shop, reminder):
    sign_in(client, Role.AGENT, shop)
    late = client.post(f"{LIST}{reminder.message.pk}/cancel/", follow=True)
    assert "too late" in late.content.decode()
    in_state(reminder.message, State.DUE)
    client.post(f"{LIST}{reminder.message.pk}/cancel/")
    reminder.message.refresh_from_db()
    assert (reminder.message.state, reminder.message.reason) == (State.CANCELLED, "staff")


def test_a_letter_may_do_nothing_in_its_frame(client, shop, ada, reminder):
    sign_in(client, Role.VIEWER, shop)
    ada.first_name = "<script>alert(1)</script>"
    template = {"subject": "Hello", "body": "Dear {{ customer.first_name }}"}
    facts = {"shop": {"name": "Fern", "url": "http://x", "accent": "#333333", "imprint": ""}, "cart": None,
             "order": None, "voucher": None,
             "customer": {"first_name": ada.first_name, "last_name": "", "name": ada.first_name}}  # fmt: skip
    Message.objects.filter(pk=reminder.message.pk).update(template=template, facts=facts)
    letter = client.get(f"{LIST}{reminder.message.pk}/letter/")
    policy = letter["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "Dear" in letter.content.decode()
    assert "<script>" not in letter.content.decode()


def test_the_list_of_addresses_is_kept_by_managers(client, shop):
    sign_in(client, Role.AGENT, shop)
    assert client.post(f"{NO_MAIL}add/", {"shop": shop.pk, "address": "eve@example.com"}).status_code == 403
    sign_in(client, Role.MANAGER, shop)
    client.post(f"{NO_MAIL}add/", {"shop": shop.pk, "address": "eve@example.com"})
    entry = Suppression.objects.get()
    assert (entry.shop, entry.reason) == (shop, "staff")
    assert "eve@example.com" in client.get(NO_MAIL).content.decode()
    assert "not an e-mail address" in client.post(f"{NO_MAIL}add/", {"shop": shop.pk, "address": "x"},
                                                  follow=True).content.decode()  # fmt: skip
    client.post(f"{NO_MAIL}{entry.pk}/lift/")
    assert not Suppression.objects.exists()


def test_a_list_comes_and_goes_as_a_file(client, shop):
    sign_in(client, Role.MANAGER, shop)
    file = SimpleUploadedFile("no.csv", b"address\neve@example.com\nnonsense\n=cmd()@example.com\n")
    report = client.post(f"{NO_MAIL}import/", {"list-shop": shop.pk, "list-file": file})
    assert "Line 3" in report.content.decode()
    exported = b"".join(client.get(f"{NO_MAIL}of/{shop.pk}.csv").streaming_content).decode()
    assert "eve@example.com" in exported
    assert "\n=" not in exported


def test_the_list_names_the_mail_that_somebody_declined(client, shop):
    suppression.suppress(shop.pk, "eve@example.com", reason="staff", source="test", now=NOON, scope=Kind.LAPSED)
    sign_in(client, Role.VIEWER, shop)
    page = client.get(NO_MAIL).content.decode()
    assert f"<td>{Kind.LAPSED.label}</td>" in page


def test_foreign_lists_are_out_of_reach(client, shop):
    other = factories.shop()
    suppression.suppress(other.pk, "eve@example.com", reason="staff", source="test", now=NOON)
    sign_in(client, Role.OWNER, shop)
    assert client.get(f"{NO_MAIL}of/{other.pk}.csv").status_code == 404
    assert client.post(f"{NO_MAIL}{Suppression.objects.get().pk}/lift/").status_code == 404
    client.post(f"{NO_MAIL}add/", {"shop": other.pk, "address": "bob@example.com"})
    assert Suppression.objects.count() == 1


def test_the_customer_sees_their_messages_and_why(client, shop, ada, reminder):
    sign_in(client, Role.AGENT, shop)
    page = client.get(f"/backoffice/customers/{ada.pk}/").content.decode()
    assert f"/backoffice/messages/{reminder.message.pk}/" in page
    assert "Follow-ups, and why" in page


# -- calls and letters by hand -----------------------------------------------------------------------


@pytest.fixture
def ghost(shop):
    bob = factories.customer(shop, "bob@example.com", first_name="Bob", last_name="", phone="011 55 66")
    shopper = Shopper(shop, at=NOON - timedelta(days=3))
    shopper.add("LAMP")
    shopper.do(changes.Identify, customer_id=bob.pk, label=bob.label)
    return shopper.cart


def test_the_call_list_names_the_cart_and_notes_what_came_of_it(client, shop, ghost, monkeypatch):
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: NOON)
    sign_in(client, Role.AGENT, shop)
    page = client.get("/backoffice/calls/").content.decode()
    assert "Bob" in page
    assert "011 55 66" in page
    client.post(f"/backoffice/calls/{ghost.pk}/", {"outcome": "not_interested", "note": "bought elsewhere"})
    assert "Nobody to call" in client.get("/backoffice/calls/").content.decode()
    assert ghost.calls.get().note == "bought elsewhere"
    wrong = client.post(f"/backoffice/calls/{ghost.pk}/", {"outcome": "sold_a_car"}, follow=True)
    assert "Choose what came of the call" in wrong.content.decode()


def test_viewers_look_at_the_call_list_and_strangers_do_not(client, shop, ghost):
    sign_in(client, Role.VIEWER, shop)
    assert client.post(f"/backoffice/calls/{ghost.pk}/", {"outcome": "reached"}).status_code == 403
    sign_in(client, Role.OWNER, factories.shop())
    assert client.post(f"/backoffice/calls/{ghost.pk}/", {"outcome": "reached"}).status_code == 404
    assert client.get(f"/backoffice/carts/{ghost.pk}/write/").status_code == 404


def test_a_letter_by_hand_keeps_what_was_typed_when_it_cannot_be_sent(client, shop, ghost):
    sign_in(client, Role.AGENT, shop)
    path = f"/backoffice/carts/{ghost.pk}/write/"
    assert "Write to Bob" in client.get(path).content.decode()
    broken = client.post(path, {"subject": "Hello", "body": "Dear {{ custmer.name }}"}).content.decode()
    assert "custmer" in broken
    refused = client.post(path, {"subject": "Hello", "body": "Dear you"}, follow=True).content.decode()
    assert "There is no consent" in refused
    assert "Dear you" in refused
    assert not Message.objects.filter(customer=ghost.customer).exists()


# -- a voucher that another shop must know -----------------------------------------------------------


def test_a_mail_that_waits_for_its_voucher_says_so_and_why(client, shop, reminder):
    from ghostcart.connectors.models import Connection, Kind, Made, PushedVoucher
    from ghostcart.recovery.models import Reminder
    from ghostcart.vouchers import services as vouchers
    from ghostcart.vouchers.terms import Kind as Gives

    voucher = vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, is_recovery=True, now=NOON)
    there = Connection.objects.create(shop=shop, kind=Kind.PRESTASHOP, address="mysql://db/shop", created_at=NOON)
    pushed = PushedVoucher.objects.create(
        connection=there, voucher=voucher, code=voucher.code, trouble="cannot_connect:db:3306", trouble_at=NOON
    )
    Reminder.objects.filter(pk=reminder.pk).update(voucher=voucher)
    Message.objects.filter(pk=reminder.message.pk).update(
        state=State.FAILED_TEMP, reason="voucher_waits", answer="cannot_connect:db:3306", sent_at=None
    )
    sign_in(client, Role.VIEWER, shop)
    page = client.get(f"{LIST}{reminder.message.pk}/").content.decode()
    assert "The mail waits for its voucher" in page
    assert "Nothing answers at db:3306." in page
    assert "The server said" not in page
    Message.objects.filter(pk=reminder.message.pk).update(state=State.SENT, reason="", answer="")
    PushedVoucher.objects.filter(pk=pushed.pk).update(state=Made.MADE, pushed_at=NOON, trouble="")
    page = client.get(f"{LIST}{reminder.message.pk}/").content.decode()
    assert "The mail waits" not in page
    assert "Made in the shop" in page
    assert "Made in the shop" in client.get(f"/backoffice/vouchers/{voucher.pk}/").content.decode()
