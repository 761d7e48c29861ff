"""The head of a mail, byte for byte, and that nothing typed anywhere can change who gets it or what it says it is."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.mail import compose, samples
from ghostcart.mail.drawing import Drawn, draw
from ghostcart.mail.errors import BadSender
from ghostcart.mail.models import Message
from ghostcart.shops.models import Shop
from tests.hostile import forms_of
from tests.mail.reading import addresses

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "Zm9yIGEgZ2hvc3QgdG8gZmluZCBpdHMgd2F5IGhvbWU"
HOST = "https://a-rather-long-host-name-for-a-shop.example"
LINKS = {"restore": f"{HOST}/m/back/{TOKEN}/", "stop": f"{HOST}/m/stop/{TOKEN}/"}
DRAWN = Drawn("Your cart", "<p>Hello Zoë</p>\n", "Hello Zoë\n")
FIELDS = ["Content-Type", "MIME-Version", "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Content-Language",
          "Auto-Submitted", "X-Auto-Response-Suppress", "Feedback-ID", "List-Id", "List-Unsubscribe",
          "List-Unsubscribe-Post"]  # fmt: skip


def message(kind="reminder", address="ada@example.com", claims=1, language="it", **shop):
    known = {
        "pk": 3,
        "slug": "fern",
        "name": "Fern",
        "mail_from": "post@fern.example",
        "mail_reply_to": "help@fern.example",
    }
    return Message(pk=41, claims=claims, kind=kind, address=address, language=language, shop=Shop(**known | shop))


def sent(what, drawn=DRAWN, links=LINKS) -> bytes:
    """The mail as it goes over the wire."""
    return compose.compose(what, drawn, links, now=NOW).as_bytes()


def read(content):
    return message_from_bytes(content, policy=policy.default)


def test_the_whole_head(settings):
    settings.SECRET_KEY = "a fixed one"
    head = sent(message()).decode().partition("\r\n\r\n")[0]
    assert head.split("\r\n") == [
        'Content-Type: multipart/alternative; boundary="=_422cfd6e6cf4b234e1e9"',
        "MIME-Version: 1.0",
        'From: "Fern" <post@fern.example>',
        "To: <ada@example.com>",
        "Reply-To: <help@fern.example>",
        "Subject: Your cart",
        "Date: Sun, 22 Nov 2026 12:00:00 +0000",
        "Message-ID: <41.1.422cfd6e6cf4b234e1e9@fern.example>",
        "Content-Language: it",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "Feedback-ID: 3:reminder:it:ghostcart",
        "List-Id: <reminder.fern.fern.example>",
        f"List-Unsubscribe: <{HOST}/m/stop/{TOKEN}/>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]


def test_unsubscribing_stands_on_one_line_of_any_length():
    """Folded or encoded, its address is another one, and the signature over it is broken."""
    long = f"{HOST}/{'shop/' * 30}m/stop/{TOKEN}/"
    content = sent(message(), links={"stop": long})
    assert f"\r\nList-Unsubscribe: <{long}>\r\n".encode() in content
    assert read(content)["List-Unsubscribe"] == f"<{long}>"


def test_the_library_alone_would_have_broken_it():
    """The guard: why the head is written by ourselves."""
    from email.message import EmailMessage

    plain = EmailMessage()
    plain["List-Unsubscribe"] = f"<{HOST}/{'shop/' * 30}m/stop/{TOKEN}/>"
    assert f"<{HOST}/{'shop/' * 30}m/stop/{TOKEN}/>".encode() not in plain.as_bytes(policy=policy.SMTP)


def test_the_id_is_stable_for_a_claim_and_new_for_the_next(settings):
    first, again, next_claim = (read(sent(message(claims=claims)))["Message-ID"] for claims in (1, 1, 2))
    assert first == again != next_claim
    assert first == compose.message_id(message())
    settings.SECRET_KEY = "another installation's"
    assert compose.message_id(message()) != first


def test_both_parts_arrive_as_they_were_drawn():
    drawn = draw(
        {"subject": "Ciao", "body": "Perché — “è” 🦦\n\n.\n\nFrom here\n\n{{ restore_button }}{{ voucher_box }}"},
        samples.facts("abandoned", "it"), LINKS, language="it",
    )  # fmt: skip
    content = sent(message(), drawn)
    mail = read(content)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    plain, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert (plain, html.strip()) == (drawn.text, drawn.html.strip())
    assert set(LINKS.values()) <= addresses(plain)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_no_mail_tells_the_secret_that_marks_it(settings):
    """Its id and the border of its parts are made from it."""
    settings.SECRET_KEY = "correct-horse-battery-staple-of-this-installation"
    facts = samples.facts("abandoned", "it")
    drawn = draw({"subject": "Ciao", "body": "{{ restore_button }}{{ cart_lines }}"}, facts, LINKS, language="it")
    content = sent(message(), drawn).decode()
    assert [form for form in forms_of(settings.SECRET_KEY) if form in content + drawn.html + drawn.text] == []
    assert [form for form in forms_of(settings.SECRET_KEY) if form in f"<img src='/seen?key={settings.SECRET_KEY}'>"]


def test_mails_that_nobody_subscribed_to_have_nothing_to_unsubscribe_from():
    mail = read(sent(message(kind="account"), links={}))
    assert not {"List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Precedence"} & set(mail.keys())
    assert "List-Unsubscribe" not in read(sent(message(), links={"stop": "#"}))


def test_the_sender_is_the_shop_or_else_the_installation(settings):
    settings.DEFAULT_FROM_EMAIL = "Ghostcart <mail@host.example>"
    mail = read(sent(message(mail_from="", mail_name="", mail_reply_to="")))
    assert str(mail["From"]) == "Fern <mail@host.example>"
    assert mail["Reply-To"] is None
    assert mail["Message-ID"].endswith("@host.example>")
    named = read(sent(message(mail_name="Anna from Fern")))
    assert named["From"].addresses[0].display_name == "Anna from Fern"


def test_domains_in_other_scripts_go_out_as_in_dns():
    mail = read(sent(message(address="anna+x@bücher.example", mail_from="post@münchen.example")))
    assert mail["To"].addresses[0].addr_spec == "anna+x@xn--bcher-kva.example"
    assert mail["From"].addresses[0].addr_spec == "post@xn--mnchen-3ya.example"
    assert mail["Message-ID"].endswith("@xn--mnchen-3ya.example>")


NAMES = [
    "Bücher & Söhne", 'Fern "the best" <x@evil.example>', "Fern, x@evil.example", "Fern\r\nBcc: x@evil.example",
    "日本の店",
    "=?utf-8?q?evil?=", "a\\b", "(comment)", "Fern; evil@x.example:", "x" * 200, "ö" * 200, "🦦" * 100,
    "\u202eevil", "@",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_name_becomes_an_address_or_a_field(name):
    content = sent(message(name=name[:120], mail_name=name[:120]))
    mail = read(content)
    (sender,) = mail["From"].addresses
    assert sender.addr_spec == "post@fern.example"
    # Python 3.11 puts a space between encoded words as it reads them; mail programs don't (RFC 2047, 6.2)
    assert sender.display_name.replace(" ", "") == compose.tidy(name, 60).replace(" ", "")
    assert list(mail.keys()) == FIELDS
    assert not mail.defects
    head = content.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 200 for line in head.split(b"\r\n"))


@pytest.mark.parametrize("subject", [
    "Hi\r\nBcc: x@evil.example", "Hi\nX: y", "a\x00b", "=?utf-8?q?evil?=", "x" * 5000, "ß" * 300, "", "日本" * 60,
    "\u2028a", "Re: a: b", "🦦 ghost", " spaces  in  it ",
])  # fmt: skip
def test_no_subject_becomes_a_field(subject):
    content = sent(message(), Drawn(subject, "<p></p>", "x"))
    mail = read(content)
    assert list(mail.keys()) == FIELDS
    assert str(mail["Subject"]) == compose.tidy(subject, 200)
    assert not mail.defects
    for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        assert b"=?" not in line or len(line) <= 90


@pytest.mark.parametrize("address", [
    "", "a", "a@", "@b.example", "a@b.example, c@d.example", "a@b\r\nBcc: x@y.example", "a b@c.example",
    "a@b@c.example",
    "ä@b.example", "<a@b.example>", "Name <a@b.example>", "a@b_ü.example", "a@" + "ü" * 300, "a@[1.2.3.4",
    "a;b@c.example", "a@b.example (x)", "a:b@c.example", "a@\x00.example",
])  # fmt: skip
def test_what_is_no_single_address_is_refused(address):
    for what in (message(address=address), message(mail_from=address or "x"), message(mail_reply_to=address or "x")):
        with pytest.raises(BadSender):
            sent(what)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_no_field_goes_on_in_another_one(end):
    hostile = f"en{end}Bcc: eve@example.com"
    for field in (("Content-Language", hostile), ("Content-Language", "en", hostile)):
        with pytest.raises(ValueError, match="cannot be written"):
            compose.Field(*field)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=150), st.text(max_size=250), st.text(max_size=60))
def test_whatever_is_typed_the_fields_are_the_same(name, subject, local):
    try:
        content = sent(message(mail_name=name, address=f"{local}@example.com"), Drawn(subject, "<p></p>", "x"))
    except BadSender:
        content = sent(message(mail_name=name), Drawn(subject, "<p></p>", "x"))
    mail = read(content)
    assert list(mail.keys()) == FIELDS
    assert str(mail["Subject"]) == compose.tidy(subject, 200)
    assert len(mail["To"].addresses) == len(mail["From"].addresses) == 1
    assert mail["From"].addresses[0].addr_spec == "post@fern.example"
