"""The bytes of a mail: its head, by the rules of those who receive millions of them, and its two parts.

Every field is written by us as it goes over the wire, and stands on one line unless it has encoded words: Python would
encode or fold a long address in `List-Unsubscribe`, and then neither its reader nor a DKIM signature knows it again.
"""

from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
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


class _Bare(EmailPolicy):
    """We write each field once; looking that up would cost more than everything else here."""

    def header_max_count(self, name: str) -> None:
        return None


_BARE = _Bare()


class _Field(str):
    """A field of the head: reads as people see it, and folds to what was written for the wire.

    The policies of `email` ask any value that has a name to fold itself.
    """

    name: str
    wire: str
    addresses: tuple[Address, ...] = ()

    def __new__(cls, name: str, value: str, wire: str = "", addresses: tuple[Address, ...] = ()) -> "_Field":
        made = super().__new__(cls, value)
        made.name, made.wire, made.addresses = name, wire or value, addresses
        if any(letter in made.wire.replace("\n ", "") for letter in "\r\n") or not made.wire.isascii():
            raise ValueError(f"{name} cannot be written")
        return made

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self.wire}\n".replace("\n", policy.linesep)


def compose(message: Message, drawn: Drawn, links: Mapping[str, str], *, now: datetime | None = None) -> EmailMessage:
    """The mail of a message, ready to be handed over. `now` is its date. Raises BadSender for an impossible address."""
    mail = EmailMessage(_BARE)
    mail.make_alternative(boundary=f"=_{_mark(message)}")  # "=_" stands in no quoted-printable text
    for field in _head(message, drawn, links, now or clock.now()):
        mail[field.name] = field
    mail.attach(_part("plain", drawn.text))
    mail.attach(_part("html", drawn.html))
    return mail


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


def _head(message: Message, drawn: Drawn, links: Mapping[str, str], now: datetime) -> Iterator[_Field]:
    shop, who = message.shop, sender(message.shop)
    yield _Field("MIME-Version", "1.0")
    yield _address_field("From", who)
    yield _address_field("To", _address(message.address))
    if shop.mail_reply_to:
        yield _address_field("Reply-To", _address(shop.mail_reply_to))
    yield _text_field("Subject", tidy(drawn.subject, _LONGEST_SUBJECT))
    yield _Field("Date", format_datetime(now))
    yield _Field("Message-ID", message_id(message))
    yield _Field("Content-Language", message.language if message.language.isascii() else "en")
    # No person wrote it: out-of-office assistants should stay silent.
    yield _Field("Auto-Submitted", "auto-generated")
    yield _Field("X-Auto-Response-Suppress", "OOF, AutoReply")
    yield _Field("Feedback-ID", f"{message.shop_id}:{message.kind}:{message.language}:ghostcart")
    stop = links.get("stop", "")
    if stop.startswith(("https://", "http://")):
        yield _Field("List-Id", f"<{message.kind}.{shop.slug}.{who.domain}>")
        yield _Field("List-Unsubscribe", f"<{stop}>")
        yield _Field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


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


def _address_field(name: str, address: Address) -> _Field:
    """A name is quoted, or encoded, whatever is in it: it must never be read as one more address."""
    if not address.display_name:
        return _Field(name, address.addr_spec, f"<{address.addr_spec}>", (address,))
    if _is_plain(address.display_name):
        escaped = address.display_name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    else:
        phrase = _encoded(address.display_name) + "\n"
    return _Field(name, str(address), f"{phrase} <{address.addr_spec}>", (address,))


def _text_field(name: str, text: str) -> _Field:
    return _Field(name, text, text if _is_plain(text) else _encoded(text))


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


def _part(subtype: str, text: str) -> EmailMessage:
    part = EmailMessage(_BARE)
    part["Content-Type"] = _Field("Content-Type", f'text/{subtype}; charset="utf-8"')
    part["Content-Transfer-Encoding"] = _Field("Content-Transfer-Encoding", "quoted-printable")
    part.set_payload(b2a_qp(text.encode(), istext=True).decode("ascii"))
    return part
