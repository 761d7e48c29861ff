"""What a mail server may answer at each step, or not answer, and where the message stands then."""

import ssl
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller

from ghostcart.mail import outbox, relay, smtp
from ghostcart.mail.handover import Letter, Unreachable
from ghostcart.mail.models import EventKind, Message, MessageEvent, State, Suppression
from tests.factories import NOON
from tests.mail import certificates, post
from tests.mail.post import send, state
from tests.mail.sink import CUT, DRIP, SILENT, Sink
from tests.running import free_port

pytestmark = pytest.mark.django_db
PATIENT = 0.3  # seconds that our side waits, where the server never answers


@contextmanager
def aiosmtpd(handler):
    server = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def rests(sink, now=NOON):
    return relay.is_resting(post.server(sink), now)


# -- refused: by step and answer -----------------------------------------------------------------

LATER = ["421 4.3.2 closing", "450 4.2.0 busy mailbox", "451 4.7.1 greylisted", "452 4.3.1 no space"]
NEVER = ["550 5.1.1 unknown", "551 not local", "553 bad name", "554 5.7.1 spam"]


@pytest.mark.parametrize("answer", LATER)
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_a_temporary_refusal_is_tried_again(shop, sink, step, answer):
    message = post.message(shop)
    sink.script[step] = answer
    send(sink)
    assert state(message)[0] == State.FAILED_TEMP
    assert message.answer == answer
    assert (message.attempts, Suppression.objects.count()) == (1, 0)
    assert NOON + timedelta(minutes=4) < message.due_at < NOON + timedelta(minutes=6)
    sink.script.clear()
    assert send(sink, now=message.due_at) == 1
    assert state(message) == (State.SENT, "")


@pytest.mark.parametrize("answer", NEVER)
@pytest.mark.parametrize(
    ("step", "reason"),
    [("mail", "sender_refused"), ("rcpt", "address_refused"), ("data", "content_refused"), ("dot", "content_refused")],
)
def test_a_permanent_refusal_is_not_tried_again(shop, sink, step, reason, answer):
    message = post.message(shop)
    sink.script[step] = answer
    send(sink)
    assert state(message) == (State.FAILED_PERM, reason)
    assert message.answer == answer
    sink.script.clear()
    assert send(sink, now=NOON + timedelta(days=30)) == 0


@pytest.mark.parametrize(
    ("answer", "is_dead"),
    [
        ("550 no such user", True),
        ("551 moved", True),
        ("553 bad name", True),
        ("550 5.1.1 unknown", True),
        ("550 5.2.1 switched off", True),
        ("552 5.2.2 mailbox full", False),
        ("550 5.7.1 relaying denied", False),
        ("550 5.1.8 your domain is wrong", False),
        ("554 transaction failed", False),
        ("500 what?", False),
    ],
)
def test_only_a_dead_address_is_not_written_to_again(shop, sink, answer, is_dead):
    """A server of ours that is set up wrongly refuses everybody: that must not empty the list of customers."""
    message = post.message(shop)
    sink.script["rcpt"] = answer
    send(sink)
    assert state(message) == (State.FAILED_PERM, "address_refused")
    assert list(Suppression.objects.values_list("address", "reason")) == (
        [("ada@example.com", "bounced")] if is_dead else []
    )
    bounces = MessageEvent.objects.filter(message=message, kind=EventKind.BOUNCED)
    assert list(bounces.values_list("cause", flat=True)) == ([answer] if is_dead else [])


def test_an_answer_is_kept_whatever_bytes_it_has(shop, sink):
    message = post.message(shop)
    sink.script["rcpt"] = "550 5.1.1 no\x00body"
    send(sink)
    assert state(message) == (State.FAILED_PERM, "address_refused")
    assert message.answer == "550 5.1.1 no\ufffdbody"


def test_one_refused_address_does_not_hold_up_the_others(shop, sink):
    names = ["ada", "bob", "eve", "kim"]
    messages = {name: post.message(shop, f"{name}@example.com") for name in names}
    sink.script["rcpt"] = lambda said: "550 5.1.1 unknown" if "bob@" in said else None
    sink.script["dot"] = lambda said: "554 spam" if "eve@" in said else None
    send(sink)
    assert {name: state(message)[0] for name, message in messages.items()} == {
        "ada": State.SENT, "bob": State.FAILED_PERM, "eve": State.FAILED_PERM, "kim": State.SENT,
    }  # fmt: skip
    assert sink.heard["greeting"] == 1
    assert not rests(sink)


def test_a_message_is_tried_for_three_days_with_growing_gaps(shop, sink):
    message, now, gaps = post.message(shop), NOON, []
    sink.script["rcpt"] = "451 4.7.1 greylisted"
    while state(message)[0] in (State.DUE, State.FAILED_TEMP):
        assert send(sink, now=now) == 1
        message.refresh_from_db()
        gaps.append(message.due_at - now)
        now = message.due_at
    assert state(message) == (State.FAILED_PERM, "given_up")
    assert timedelta(hours=60) < now - NOON < timedelta(hours=80)
    assert gaps[0] < timedelta(minutes=6) < timedelta(hours=10) < gaps[-2]


def test_a_message_is_not_tried_beyond_its_time(shop, sink):
    message = post.message(shop, stale_at=NOON + timedelta(minutes=2))
    sink.script["rcpt"] = "451 later"
    send(sink)
    assert state(message) == (State.FAILED_PERM, "given_up")


# -- the server as a whole -----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_a_server_that_hangs_up_before_the_dot_has_taken_nothing(shop, sink, step):
    first, second = post.message(shop), post.message(shop, "bob@example.com")
    sink.script[step] = CUT
    send(sink)
    assert state(first)[0] == State.FAILED_TEMP
    assert first.reason == "unreachable"
    assert state(second) == (State.DUE, "")
    assert rests(sink)
    assert send(sink) == 0, "the queue rests"
    sink.script.clear()
    for minutes in (2, 20):
        send(sink, now=NOON + timedelta(minutes=minutes))
    assert sink.recipients == ["bob@example.com", "ada@example.com"]
    assert not rests(sink, NOON + timedelta(minutes=20))


@pytest.mark.parametrize("how", [SILENT, DRIP])
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_a_server_that_does_not_answer_is_left_after_a_while(shop, sink, step, how):
    first, second = post.message(shop), post.message(shop, "bob@example.com")
    sink.script[step] = how
    send(post.server(sink, seconds=PATIENT))
    assert state(first) == (State.FAILED_TEMP, "silent")
    assert state(second) == (State.DUE, "")
    assert rests(sink)


def test_a_server_that_is_not_there(shop):
    with Sink() as gone:
        transport = post.server(gone)
    first, second = post.message(shop), post.message(shop, "bob@example.com")
    assert send(transport) == 2
    assert state(first) == (State.FAILED_TEMP, "unreachable")
    assert state(second) == (State.DUE, "")
    assert send(transport) == 0


def test_a_server_without_a_name():
    with pytest.raises(Unreachable):
        smtp.Server(key="", host="no-such-host.invalid", port=25, seconds=5).open()


def test_the_rest_grows_while_the_trouble_lasts_and_the_order_is_kept(shop, sink, monkeypatch):
    monkeypatch.setattr("ghostcart.mail.claiming.random.random", lambda: 0.5)  # chance alone may swap neighbours
    for number in range(4):
        post.message(shop, f"c{number}@example.com", due_at=NOON - timedelta(minutes=9 - number))
    sink.script["mail"] = "451 4.7.0 try again later"
    now, rests_of = NOON, []
    for _ in range(4):
        assert send(sink, now=now) > 0
        until = relay.Relay.objects.get().rests_until
        rests_of.append((until - now).total_seconds())
        assert send(sink, now=until - timedelta(seconds=1)) == 0
        now = until
    assert rests_of == [30, 60, 120, 240]
    sink.script.clear()
    for _ in range(4):
        now += timedelta(hours=1)
        send(sink, now=now)
    assert sink.recipients == [f"c{number}@example.com" for number in range(4)]
    assert relay.trouble_of(post.server(sink)) == ""


# -- after the dot -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [CUT, SILENT, DRIP])
def test_without_an_answer_to_the_dot_the_message_is_in_doubt(shop, sink, how, monkeypatch):
    monkeypatch.setattr(smtp, "PATIENCE", 1)
    first, second = post.message(shop), post.message(shop, "bob@example.com")
    sink.script["dot"] = how
    send(post.server(sink, seconds=PATIENT))
    assert state(first) == (State.IN_DOUBT, "unanswered")
    assert state(second) == (State.DUE, "")
    sink.script.clear()
    for days in range(5):
        outbox.recover(NOON + timedelta(days=days))
        send(sink, now=NOON + timedelta(days=days))
    assert state(first) == (State.IN_DOUBT, "unanswered")
    assert state(second) == (State.SENT, "")
    assert sink.recipients == ["ada@example.com", "bob@example.com"], "each once"


# -- encryption and signing in: nothing is marked, the queue is paused, the sentence is clear -----


def paused(messages, transport):
    """What the health page says; the messages must be as they were."""
    assert {state(message) for message in messages} == {(State.DUE, "")}
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}
    assert relay.is_resting(transport, NOON)
    return relay.trouble_of(transport)


def test_a_refused_password_pauses_the_queue(shop):
    messages = [post.message(shop, f"c{number}@example.com") for number in range(3)]
    with Sink(features=("AUTH PLAIN LOGIN",)) as sink:
        sink.script["auth"] = "535 5.7.8 bad credentials"
        transport = post.server(sink, user="shop", password="wrong", tls="never")
        send(transport)
        assert paused(messages, transport) == (
            f"The mail server 127.0.0.1:{sink.port} refuses the user or password. Mail is kept; check EMAIL_URL. "
            "(535 5.7.8 bad credentials)"
        )
        assert sink.heard["mail"] == 0
        assert send(transport, now=NOON + timedelta(minutes=4)) == 0
        other = post.server(sink, key="another EMAIL_URL", user="shop", password="right", tls="never")
        del sink.script["auth"]
        assert send(other) == 3, "a new address is tried at once"
        assert {state(message)[0] for message in messages} == {State.SENT}


def test_a_server_that_wants_a_password_pauses_the_queue(shop, sink):
    messages = [post.message(shop), post.message(shop, "bob@example.com")]
    sink.script["mail"] = "530 5.7.0 authentication required"
    send(sink)
    assert "refuses the user or password" in paused(messages, post.server(sink))


def test_a_server_that_knows_no_passwords_pauses_the_queue(shop, sink):
    messages, transport = [post.message(shop)], post.server(sink, user="shop", password="right", tls="never")
    send(transport)
    assert "refuses the user or password" in paused(messages, transport)


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "500 what?", CUT])
def test_encryption_that_is_offered_and_fails_is_not_done_without(shop, answer):
    messages = [post.message(shop)]
    with Sink(features=("STARTTLS",)) as sink:
        sink.script["starttls"] = answer
        send(sink)
        assert "cannot be encrypted safely" in paused(messages, post.server(sink))
        assert sink.heard["mail"] == 0


def test_a_wrong_certificate_is_not_trusted(shop, tmp_path):
    messages = [post.message(shop)]
    with Sink(tls=certificates.server_context(tmp_path)) as sink:
        transport = post.server(sink)
        send(transport)
        assert "cannot be encrypted safely" in paused(messages, transport)
        assert "certificate" in relay.trouble_of(transport)
        assert sink.heard["mail"] == 0


def test_encryption_that_is_required_must_be_offered(shop, sink):
    messages, transport = [post.message(shop)], post.server(sink, tls="required")
    send(transport)
    assert "offers no encryption" in paused(messages, transport)
    assert sink.heard["mail"] == 0


@pytest.mark.parametrize("tls", ["offered", "required", "implicit"])
def test_a_good_certificate_carries_the_mail(shop, tmp_path, tls):
    message, context = post.message(shop), certificates.server_context(tmp_path)
    with Sink(tls=context) as sink:
        if tls == "implicit":
            sink.socket = context.wrap_socket(sink.socket, server_side=True)
        send(post.server(sink, tls=tls, authority=str(tmp_path / "authority.pem"), host="localhost"))
        assert state(message) == (State.SENT, "")


# -- what goes over the wire ---------------------------------------------------------------------


def test_an_independent_server_gets_what_was_written(shop):
    """Lines that begin with dots, other letters, long lines; the envelope; no second recipient."""
    body = ".\n..\n.leading\nàccénts, Ωmega, 💌\n" + "long " * 500 + "\n.\n"
    got = []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            got.append(envelope)
            return "250 ok"

    message = post.message(shop, "ada@bücher.example", template={"subject": "Für Ada: €5", "body": body})
    with aiosmtpd(Handler()) as port:
        send(smtp.Server(key="aiosmtpd", host="127.0.0.1", port=port))
    assert state(message) == (State.SENT, "")
    assert (got[0].mail_from, got[0].rcpt_tos) == ("shop@example.org", ["ada@xn--bcher-kva.example"])
    mail = message_from_bytes(got[0].original_content, policy=policy.default)
    assert mail["Subject"] == "Für Ada: €5"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == body
    assert all(len(line) <= 998 for line in got[0].original_content.split(b"\r\n"))
    assert got[0].original_content.isascii()


def test_the_commit_comes_after_the_body_and_before_the_dot(sink):
    """With the commit refused, the server has heard everything but the dot, and forgets it."""
    heard = []

    def commit():
        heard.append((sink.heard["data"], sink.heard["dot"]))
        raise RuntimeError

    message = Message(pk=1, address="ada@example.com")
    connection = post.server(sink).open()
    with pytest.raises(RuntimeError):
        connection.hand_over(Letter(post.write(message, {}), "ada@example.com", "1.0"), commit)
    assert heard == [(1, 0)]
    assert not connection.is_open
    assert sink.taken == []


def test_a_server_that_hangs_up_while_it_reads_is_noticed_before_the_dot(sink):
    """However late: a doubt less. (Hanging up after that look is a doubt: see above.)"""
    sink.script["body"] = CUT
    connection = post.server(sink).open()
    letter = Letter(post.write(Message(pk=1, address="ada@example.com"), {}), "ada@example.com", "1.0")
    with pytest.raises(Unreachable):
        connection.hand_over(letter, lambda: sink.hung_up.wait(20))
    assert not connection.is_open


def test_the_certificates_of_these_tests_are_not_trusted_by_the_system(tmp_path):
    """The guard of the tests of encryption."""
    context = certificates.server_context(tmp_path)
    assert isinstance(context, ssl.SSLContext)
    trusted = ssl.create_default_context().get_ca_certs()
    assert not any("Ghostcart" in str(each) for each in trusted)
