"""EMAIL_URL: what each form leads to, what is refused with a reason, and that secrets stay secret."""

import json
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import rmtree
from threading import Thread

import pytest

from ghostcart.mail import mailbox, providers, relay, transports
from ghostcart.mail.compose import Field
from ghostcart.mail.errors import BadEmailUrl
from ghostcart.mail.models import Message, State
from ghostcart.mail.smtp import Server
from tests import factories
from tests.factories import NOON
from tests.mail import post
from tests.mail.post import send, state
from tests.mail.sink import Sink

# -- reading the setting -------------------------------------------------------------------------


def server(url) -> Server:
    made = transports.parse(url)
    assert isinstance(made, Server)
    return made


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "tls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, "", "", "offered"),
        ("smtp://mail.example.org:2525", "mail.example.org", 2525, "", "", "offered"),
        ("smtp://shop:p%40ss%2Fword@mail.example.org", "mail.example.org", 587, "shop", "p@ss/word", "required"),
        ("smtp://a%40b.example:x@localhost:587", "localhost", 587, "a@b.example", "x", "offered"),
        ("smtp://shop:x@mail.example.org?tls=never", "mail.example.org", 587, "shop", "x", "never"),
        ("smtp://mail.example.org?tls=required", "mail.example.org", 25, "", "", "required"),
        ("smtps://shop:x@mail.example.org", "mail.example.org", 465, "shop", "x", "implicit"),
        ("smtp://[::1]:25", "::1", 25, "", "", "offered"),
    ],
)
def test_a_mail_server(url, host, port, user, password, tls):
    made = server(url)
    assert (made.host, made.port, made.user, made.password, made.tls) == (host, port, user, password, tls)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://",
        "smtp://host:port",
        "smtp://host:70000",
        "smtp://host?tls=maybe",
        "smtp://host?color=red",
        "smtp://host?seconds=0",
        "smtp://host?seconds=3600",
        "smtp://[::1",
        "carrier-pigeon://loft",
        "mailbox:/somewhere/else",
        "mail.example.org",
        "postmark://",
        "mailgun://key-without-a-domain",
    ],
)
def test_what_names_no_way_out_is_refused_with_a_reason(url):
    with pytest.raises(BadEmailUrl) as refused:
        transports.parse(url)
    assert "EMAIL_URL" in str(refused.value)


def test_secrets_are_not_shown():
    made = transports.parse("smtp://shop:hidden@mail.example.org")
    account = transports.parse("postmark://hidden-token")
    assert made.name == "mail.example.org:587"
    assert "hidden" not in made.name + account.name + repr(account)
    with pytest.raises(BadEmailUrl) as refused:
        transports.parse("smtp://shop:hidden@mail.example.org?tls=maybe")
    assert "hidden" not in str(refused.value)


def test_another_setting_is_another_relay():
    keys = {transports.parse(url).key for url in ("smtp://a:x@host", "smtp://a:y@host", "postmark://a", "postmark://b")}
    assert len(keys) == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "EMAIL_URL is not set, so mail is kept and not sent."),
        ("fax://", "The setting EMAIL_URL cannot be used: 'fax' is not known"),
        ("mailbox:", ""),
    ],
)
def test_the_health_page_says_why_no_mail_goes_out(settings, url, told):
    settings.EMAIL_URL = url
    assert relay.trouble() == told


# -- the mailbox of the demo ---------------------------------------------------------------------


@pytest.fixture
def in_mailbox(settings, tmp_path):
    settings.EMAIL_URL, settings.MAILBOX_ROOT = "mailbox:", tmp_path / "mail" / "box"
    return settings.MAILBOX_ROOT


@pytest.mark.django_db
def test_the_mailbox_keeps_mail_that_the_back_office_reads(in_mailbox):
    shop, other = factories.shop(), factories.shop()
    message = post.message(shop, template={"subject": "Für Ada", "body": "Grüße\n"})
    post.message(other)
    assert send(None) == 2
    assert state(message) == (State.SENT, "")
    assert mailbox.kept([shop.pk]) == [message]
    mail = mailbox.read(message)
    assert mail is not None
    assert (mail.subject, mail.recipient, mail.text, mail.html) == ("Für Ada", "ada@example.com", "Grüße\n", "")
    assert ("From", "Shop <shop@example.org>") in mail.headers


@pytest.mark.django_db
@pytest.mark.parametrize("answer", ["250 ok", "mailbox ../../secret_key", "mailbox ", "mailbox gone", "mailbox a/b"])
def test_only_mails_are_read_from_the_mailbox(in_mailbox, answer):
    assert mailbox.read(Message(answer=answer)) is None
    in_mailbox.mkdir(parents=True)
    assert mailbox.read(Message(answer=answer)) is None


@pytest.mark.django_db
def test_the_mailbox_does_not_grow_for_ever(in_mailbox):
    shop = factories.shop()
    messages = [post.message(shop, f"c{number}@example.com") for number in range(5)]
    assert mailbox.forget_old() == 0
    send(None)
    assert mailbox.forget_old(keep=2) == 3
    kept = [mailbox.read(Message.objects.get(pk=message.pk)) for message in messages]
    assert [mail is not None for mail in kept].count(True) == 2


@pytest.mark.django_db
def test_a_mail_leaves_the_mailbox_once_whether_it_is_still_there_or_not(in_mailbox):
    message = post.message(factories.shop())
    send(None)
    message.refresh_from_db()
    mailbox.remove([message.answer, "250 ok", "mailbox ../../secret_key"])
    assert mailbox.read(message) is None
    mailbox.remove([message.answer])
    rmtree(in_mailbox)
    mailbox.remove([message.answer])


@pytest.mark.django_db
def test_a_mailbox_that_cannot_be_written_is_like_a_server_that_is_away(in_mailbox):
    in_mailbox.parent.parent.mkdir(exist_ok=True)
    in_mailbox.parent.write_text("a file where the folder should be")
    message = post.message(factories.shop())
    send(None)
    assert state(message) == (State.FAILED_TEMP, "unreachable")


# -- providers -----------------------------------------------------------------------------------


class Provider(BaseHTTPRequestHandler):
    """Answers as it is told, and keeps what it was sent."""

    answer = (200, {})
    got: list = []

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, dict(self.headers), json.loads(content)))
        status, body = self.answer
        if status is None:
            self.connection.close()
            return
        answer = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *told):
        pass


@contextmanager
def provider(status, body=None):
    Provider.answer, Provider.got = (status, {} if body is None else body), []
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as listening:
        Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield transports.parse(f"postmark://tok3n?api_url=http://127.0.0.1:{listening.server_port}/")
        finally:
            listening.shutdown()


TAKEN = {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a-e38e", "To": "ada@example.com", "SubmittedAt": ""}


INACTIVE = "You tried to send to recipients marked as inactive. Found inactive addresses: ada@example.com. \
Inactive recipients are ones that have generated a hard bounce or a spam complaint."


@pytest.mark.django_db
def test_a_provider_takes_the_mail_and_names_it():
    message = post.message(factories.shop(), template={"subject": "Hallo", "body": "Text\n"})

    def write(message, urls):
        mail = post.write(message, urls)
        more = [Field("Reply-To", "help@example.org"), Field("List-Unsubscribe", "<https://example.org/m/stop/x/>")]
        return replace(mail, fields=[*mail.fields, *more], html="<p>Text</p>\n")

    with provider(200, TAKEN) as transport:
        send(transport, write=write)
    assert state(message) == (State.SENT, "")
    assert (message.message_id, message.answer) == ("b7bc2f4a-e38e", "Postmark: sent")
    _path, headers, sent = Provider.got[0]
    assert headers["X-Postmark-Server-Token"] == "tok3n"
    assert (sent["To"], sent["Subject"], sent["ReplyTo"]) == ("ada@example.com", "Hallo", "help@example.org")
    assert (sent["TextBody"], sent["HtmlBody"]) == ("Text\n", "<p>Text</p>\n")
    assert sent["Headers"] == [{"Name": "List-Unsubscribe", "Value": "<https://example.org/m/stop/x/>"}]
    assert sent["Metadata"] == {providers.MARK: f"{message.pk}.1"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "body", "becomes", "reason"),
    [
        (401, {"ErrorCode": 10, "Message": "bad token"}, State.DUE, ""),
        (403, {}, State.DUE, ""),
        (408, {}, State.FAILED_TEMP, "put_off"),
        (422, {"ErrorCode": 402, "Message": "bad json"}, State.FAILED_PERM, "content_refused"),
        (422, {"ErrorCode": 406, "Message": INACTIVE}, State.FAILED_PERM, "address_refused"),
        (429, {}, State.FAILED_TEMP, "busy"),
        (503, {}, State.FAILED_TEMP, "busy"),
        (500, {}, State.IN_DOUBT, "unanswered"),
        (504, "<html>", State.IN_DOUBT, "unanswered"),
        (422, {"ErrorCode": 406, "Message": "something else"}, State.IN_DOUBT, "unanswered"),
        (200, "no json", State.IN_DOUBT, "unanswered"),
        (None, None, State.IN_DOUBT, "unanswered"),
    ],
)
def test_what_a_provider_answers_has_its_state(status, body, becomes, reason):
    message = post.message(factories.shop())
    with provider(status, body) as transport:
        send(transport)
        is_paused = relay.is_resting(transport, NOON)
    assert state(message) == (becomes, reason)
    assert is_paused == (becomes in (State.DUE, State.IN_DOUBT) or reason == "busy")
    assert len(Provider.got) == 1


@pytest.mark.django_db
def test_a_provider_that_is_not_there():
    message = post.message(factories.shop())
    with provider(200) as transport:
        pass
    send(transport)
    assert state(message) == (State.FAILED_TEMP, "unreachable")


SIGNING = {
    "mailersend": ["signing_secret"],
    "mailtrap": ["tracking_secret"],
    "mandrill": ["webhook_key"],
}


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")
@pytest.mark.parametrize("scheme", sorted(providers.KNOWN))
def test_every_provider_can_be_set_up(scheme):
    """Key and whatever more it wants; a sending side and a side that reads reports."""
    signing = "&".join(f"{name}=whsec_c2VjcmV0" for name in SIGNING.get(scheme, ()))
    account = transports.parse(f"{scheme}://key@more.example?{signing}".rstrip("?"))
    assert isinstance(account, providers.Account)
    connection = account.open()
    assert connection.is_open
    connection.leave()
    reports = account.reports("ghostcart:secret")
    assert reports.basic_auth == ["ghostcart:secret"]
    assert len(reports.validators) > 1 or not signing


@pytest.mark.django_db
def test_smtp_is_reached_through_the_setting(settings):
    message = post.message(factories.shop())
    with Sink() as sink:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{sink.port}"
        assert send(None) == 1
    assert state(message) == (State.SENT, "")
