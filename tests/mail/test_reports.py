"""What providers report: through the door with its lock, each report once, and what follows from it."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.urls import include, path

from ghostcart.mail import outbox, transports, webhooks
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State, Suppression
from tests import factories
from tests.factories import NOON
from tests.mail import post
from tests.mail.post import state

urlpatterns = [path(webhooks.PATH[1:], include("ghostcart.mail.webhooks"))]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

WHERE = f"{webhooks.PATH}postmark/"


@pytest.fixture(autouse=True)
def postmark(settings):
    settings.EMAIL_URL, settings.SITE_URL = "postmark://tok3n", "https://shop.example.org"
    settings.ALLOWED_HOSTS = ["testserver"]
    transports.parse.cache_clear()


@pytest.fixture
def message():
    made = post.message(factories.shop())
    Message.objects.filter(pk=made.pk).update(
        state=State.SENT, claims=1, message_id="b7bc2f4a", sent_at=NOON, claimed_by="w1"
    )
    made.refresh_from_db()
    return made


def credentials():
    secret = webhooks.address().split("//")[1].split("@")[0]
    return "Basic " + base64.b64encode(secret.encode()).decode()


def tell(told, **more):
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    headers = {"Authorization": credentials()} | more
    return Client().post(WHERE, body, content_type="application/json", headers=headers)


def bounce(message, kind="HardBounce", **more):
    return {"RecordType": "Bounce", "Type": kind, "ID": 42, "MessageID": "b7bc2f4a", "Email": "ada@example.com",
            "BouncedAt": "2026-11-22T11:00:00Z", "Details": "550 5.1.1 unknown",
            "Metadata": {"ghostcart": f"{message.pk}.1"}} | more  # fmt: skip


def delivery(message, **more):
    return {"RecordType": "Delivery", "MessageID": "b7bc2f4a", "Recipient": "ada@example.com",
            "DeliveredAt": "2026-11-22T11:00:00Z", "Details": "250 ok", "Metadata": {}} | more  # fmt: skip


def events():
    return list(MessageEvent.objects.values_list("kind", "by", "cause"))


# -- the door ------------------------------------------------------------------------------------


def test_the_address_for_the_provider_holds_its_password(settings):
    address = webhooks.address()
    assert address.startswith("https://ghostcart:")
    assert address.endswith("@shop.example.org/api/v1/mail/events/postmark/")
    settings.SECRET_KEY = "another installation"
    assert webhooks.address() != address
    for url in ("", "smtp://host", "fax://"):
        settings.EMAIL_URL = url
        assert webhooks.address() is None


@pytest.mark.parametrize("given", ["Basic eDp5", "Basic", "Bearer x", "Basic !!!", "Basic " + "A" * 9000, "\x00"])
def test_nobody_without_the_password_is_heard(message, given):
    assert tell(bounce(message), Authorization=given).status_code == 400
    assert events() == []


def test_who_brings_no_password_is_asked_for_it(message):
    answer = Client().post(WHERE, json.dumps(bounce(message)), content_type="application/json")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert Client().head(WHERE).status_code == 200
    assert Client().get(WHERE).status_code == 405
    assert events() == []


def test_only_the_provider_that_is_in_use_has_a_door(settings):
    for provider in ("mailgun", "nobody", "admin"):
        assert Client().post(f"{webhooks.PATH}{provider}/").status_code == 404
    settings.EMAIL_URL = "smtp://host"
    assert Client().post(WHERE).status_code == 404


def test_a_provider_that_signs_its_reports_needs_its_key_in_the_setting(settings):
    settings.EMAIL_URL = "mailersend://key"
    address = f"{webhooks.PATH}mailersend/"
    headers = {"Authorization": credentials()}
    assert Client().post(address, b"{}", content_type="application/json", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"[1]", b'"x"', b"{", b"\xff", b'{"RecordType": 7}', b'{"RecordType": "Inbound"}',
     b'{"RecordType": "Bounce", "Type": []}', b'{"RecordType": "Delivery", "DeliveredAt": "yesterday"}',
     b'{"RecordType": "Delivery", "DeliveredAt": 5}', b'{"RecordType": "Delivery", "Metadata": []}',
     b'{"RecordType": "Delivery", "Metadata": {"ghostcart": {"a": 1}}}',
     b'{"RecordType": "Delivery", "MessageID": {"a": 1}}',
     b'{"RecordType": "Delivery", "Metadata": {"ghostcart": "999999999999999999.1"}}',
     b'{"RecordType": "Delivery", "Metadata": {"ghostcart": "9999999999999999999999.1"}}', b"[" * 5000],
)  # fmt: skip
def test_reports_that_make_no_sense_do_no_harm(message, body):
    assert tell(body).status_code in (200, 400, 404)
    assert events() == []
    assert state(message) == (State.SENT, "")


# -- what they mean ------------------------------------------------------------------------------


def test_a_delivery_is_noted(message):
    assert tell(delivery(message)).status_code == 200
    assert events() == [(EventKind.DELIVERED, By.MACHINE, "250 ok")]
    assert Suppression.objects.count() == 0


@pytest.mark.parametrize(
    ("told", "kind", "reason"),
    [
        ({"Type": "HardBounce"}, EventKind.BOUNCED, "bounced"),
        ({"Type": "BadEmailAddress"}, EventKind.BOUNCED, "bounced"),
        ({"Type": "Blocked"}, EventKind.BOUNCED, None),
        ({"Type": "SoftBounce"}, None, None),
        ({"Type": "Transient"}, None, None),
        ({"Type": "AutoResponder"}, None, None),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, EventKind.COMPLAINED, "complained"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "ManualSuppression"},
         EventKind.UNSUBSCRIBED, "unsubscribed"),
        ({"RecordType": "Open"}, None, None),
        ({"RecordType": "Click"}, None, None),
    ],
)  # fmt: skip
def test_each_report_has_its_meaning(message, told, kind, reason):
    assert tell(bounce(message, **told)).status_code == 200
    assert [event[0] for event in events()] == ([kind] if kind else [])
    suppressed = list(Suppression.objects.values_list("address", "reason", "source"))
    assert suppressed == ([("ada@example.com", reason, "webhook")] if reason else [])


def test_a_report_counts_once_in_any_order(message):
    for told in (bounce(message), delivery(message), bounce(message), delivery(message), bounce(message, ID=43)):
        assert tell(told).status_code == 200
    assert [event[0] for event in events()] == [EventKind.BOUNCED, EventKind.DELIVERED, EventKind.BOUNCED]
    assert Suppression.objects.count() == 1


def test_a_report_finds_its_message_by_the_mark_or_by_its_id(message):
    tell(delivery(message, MessageID="unknown", Metadata={"ghostcart": f"{message.pk}.1"}))
    tell(delivery(message, DeliveredAt="2026-11-22T11:30:00Z"))
    tell(delivery(message, MessageID="unknown"))
    assert MessageEvent.objects.filter(message=message).count() == 2


def test_a_report_settles_a_doubt(message):
    Message.objects.filter(pk=message.pk).update(state=State.IN_DOUBT, sent_at=None)
    tell(delivery(message))
    assert state(message) == (State.SENT, "settled by provider")
    assert message.sent_at < NOON


def test_a_report_from_the_future_is_of_now(message):
    tell(delivery(message, DeliveredAt="2096-11-22T11:00:00Z"))
    assert MessageEvent.objects.get().at.year < 2090


def test_a_complaint_takes_back_what_waits(message):
    waiting = post.message(message.shop, due_at=NOON + timedelta(days=1))
    tell(bounce(message, RecordType="SpamComplaint", Type="SpamComplaint"))
    assert state(waiting) == (State.CANCELLED, "complained")


def test_what_a_mail_server_said_is_one_line_of_text(message):
    tell(delivery(message, Details="250 ok\r\nX: <script>alert(1)</script>\x1b[31m" + "x" * 999))
    (_kind, _by, cause), *_ = events()
    assert cause.startswith("250 ok X: <script>")
    assert cause.isprintable()
    assert len(cause) <= 200


def test_reports_about_others_mail_are_passed(message):
    outbox.cancel(Message.objects.all(), "test")
    tell(delivery(message, MessageID="somebody else's", Metadata={"ghostcart": "nonsense"}))
    assert events() == []


@override_settings(EMAIL_URL="mailgun://key@example.org")
def test_another_provider_in_its_own_form(message):
    """Mailgun signs its reports besides."""
    signed = hmac.new(b"key", b"1700000000tok", hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": "1700000000", "token": "tok", "signature": signed},
        "event-data": {"event": "failed", "severity": "permanent", "id": "e1", "timestamp": 1700000000.5,
                       "recipient": "ada@example.com", "reason": "bounce",
                       "user-variables": {"ghostcart": f"{message.pk}.1"},
                       "delivery-status": {"message": "no such user"}},
    }  # fmt: skip
    where, headers = f"{webhooks.PATH}mailgun/", {"Authorization": credentials()}
    forged = {**body, "signature": {**body["signature"], "signature": "0" * 64}}
    for told, status in ((forged, 400), (body, 200), (body, 200)):
        answer = Client().post(where, json.dumps(told), content_type="application/json", headers=headers)
        assert answer.status_code == status
    assert events() == [(EventKind.BOUNCED, By.MACHINE, "no such user")]
    assert Suppression.objects.get().reason == "bounced"
