"""The bytes of a mail: its head, by the rules of those who receive millions of them, and its two parts.

Every field is written by us as it goes over the wire, and stands on one line unless it has encoded words: Python would
encode or fold a long address in `List-Unsubscribe`, and then neither its reader nor a DKIM signature knows it again.
"""

from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from functools import lru_cache

import idna
from django.conf import settings
from django.utils.crypto import salted_hmac

from ghostcart.customers.keys import tidy
from ghostcart.lib import clock
from ghostcart.mail.drawing import Drawn
from ghostcart.mail.errors import BadSender
from ghostcart.mail.models import Message
from ghostcart.shops.models import Shop

_LONGEST_NAME, _LONGEST_SUBJECT = 60, 200


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the head: as people read it, and as it was written for the wire (lines end with a bare LF)."""

    name: str
    value: str
    wire: str = ""

    def __post_init__(self) -> None:
        line = self.wire.replace("\n ", "") or self.value
        if "\r" in line or "\n" in line or not self.written.isascii():
            raise ValueError(f"{self.name} cannot be written")

    @property
    def written(self) -> str:
        return f"{self.name}: {self.wire or self.value}\n"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be handed over. `mark` parts it: no text of its own holds that."""

    sender: Address
    subject: str
    message_id: str
    fields: Sequence[Field]
    text: str
    html: str
    mark: str

    def as_bytes(self) -> bytes:
        """As it is carried: seven bits, lines of at most 998 that end with CRLF."""
        head = Field("Content-Type", f'multipart/alternative; boundary="{self.mark}"').written
        written = "".join([head, *(field.written for field in self.fields)])
        parts = [(kind, text) for kind, text in (("plain", self.text), ("html", self.html)) if text]
        body = "".join(f"\n--{self.mark}\n{_PART.format(kind)}{_quoted(text)}" for kind, text in parts)
        return f"{written}{body}\n--{self.mark}--\n".replace("\n", "\r\n").encode("ascii")


_PART = 'Content-Type: text/{}; charset="utf-8"\nContent-Transfer-Encoding: quoted-printable\n\n'


def _quoted(text: str) -> str:
    """Python's own `email` takes ten times as long to do this, and to look it over twice."""
    return b2a_qp(text.replace("\r\n", "\n").replace("\r", "\n").encode(), istext=True).decode("ascii")


def compose(message: Message, drawn: Drawn, links: Mapping[str, str], *, now: datetime | None = None) -> Mail:
    """The mail of a message, ready to be handed over. `now` is its date. Raises BadSender for an impossible address."""
    fields = list(_head(message, drawn, links, now or clock.now()))
    return Mail(
        sender=sender(message.shop),
        subject=tidy(drawn.subject, _LONGEST_SUBJECT),
        message_id=message_id(message),
        fields=fields,
        text=drawn.text,
        html=drawn.html,
        mark=f"=_{_mark(message)}",  # "=_" stands in no quoted-printable text
    )


def message_id(message: Message) -> str:
    """Names this claim of this message: the same each time it is written, and a new one when it is claimed anew.

    Its last part cannot be guessed, as bounces name it.
    """
    return f"<{message.pk}.{message.claims}.{_mark(message)}@{sender(message.shop).domain}>"


def sender(shop: Shop) -> Address:
    """Who the shop's mails are from. Raises BadSender."""
    default_name, default = parseaddr(settings.DEFAULT_FROM_EMAIL)
    name = shop.mail_name or shop.name or default_name
    return _address(shop.mail_from or default, tidy(name, _LONGEST_NAME))


def _head(message: Message, drawn: Drawn, links: Mapping[str, str], now: datetime) -> Iterator[Field]:
    shop, who = message.shop, sender(message.shop)
    yield Field("MIME-Version", "1.0")
    yield _address_field("From", who)
    yield _address_field("To", _address(message.address))
    if shop.mail_reply_to:
        yield _address_field("Reply-To", _address(shop.mail_reply_to))
    yield _text_field("Subject", tidy(drawn.subject, _LONGEST_SUBJECT))
    yield Field("Date", format_datetime(now))
    yield Field("Message-ID", message_id(message))
    yield Field("Content-Language", message.language if message.language.isascii() else "en")
    # No person wrote it: out-of-office assistants should stay silent.
    yield Field("Auto-Submitted", "auto-generated")
    yield Field("X-Auto-Response-Suppress", "OOF, AutoReply")
    yield Field("Feedback-ID", f"{message.shop_id}:{message.kind}:{message.language}:ghostcart")
    stop = links.get("stop", "")
    if stop.startswith(("https://", "http://")):
        yield Field("List-Id", f"<{message.kind}.{shop.slug}.{who.domain}>")
        yield Field("List-Unsubscribe", f"<{stop}>")
        yield Field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def _mark(message: Message) -> str:
    return salted_hmac("ghostcart.mail", f"{message.pk}.{message.claims}").hexdigest()[:20]


@lru_cache(maxsize=4096)
def _address(text: str, name: str = "") -> Address:
    """One address, its domain as it stands in DNS."""
    local, _at, domain = text.strip().rpartition("@")
    try:
        plain = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain
        made = Address(name, addr_spec=f"{local}@{plain}")
    except (idna.IDNAError, ValueError, IndexError, AttributeError):
        raise BadSender(address=text[:80]) from None
    except Exception as error:  # the parser's own errors are private classes
        raise BadSender(address=text[:80]) from error
    is_whole = made.addr_spec == f"{local}@{plain}" or local.startswith('"')  # no comment was left out
    if not (is_whole and made.addr_spec.isascii() and made.addr_spec.isprintable() and made.username and made.domain):
        raise BadSender(address=text[:80])
    return made


def _address_field(name: str, address: Address) -> Field:
    """A name is quoted, or encoded, whatever is in it: it must never be read as one more address."""
    if not address.display_name:
        return Field(name, address.addr_spec, f"<{address.addr_spec}>")
    if _is_plain(address.display_name):
        escaped = address.display_name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    else:
        phrase = _encoded(address.display_name) + "\n"
    return Field(name, str(address), f"{phrase} <{address.addr_spec}>")


def _text_field(name: str, text: str) -> Field:
    return Field(name, text, text if _is_plain(text) else _encoded(text))


def _is_plain(text: str) -> bool:
    """Whether it may go over the wire as it is: what looks like an encoded word would be read as one."""
    return text.isascii() and text.isprintable() and "=?" not in text


def _encoded(text: str) -> str:
    """The text as encoded words (RFC 2047), none longer than 75 characters, none breaking a letter."""
    words, chunk = [], b""
    for letter in text:
        if len(chunk) + len(letter.encode()) > 42:
            words.append(chunk)
            chunk = b""
        chunk += letter.encode()
    return "\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in (*words, chunk))
