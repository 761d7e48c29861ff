"""Short cuts for the tests of mail: messages, mails without a template, a clock that stands, sending once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.header import Header
from email.headerregistry import Address
from typing import Any

from ghostcart.mail import outbox, smtp
from ghostcart.mail.compose import Field, Mail
from ghostcart.mail.models import Message, State
from tests.factories import NOON
from tests.mail.sink import Sink

WAITING = timedelta(minutes=10)


def message(shop: Any, address: str = "ada@example.com", **more: Any) -> Message:
    values: dict[str, Any] = {"kind": "notice", "language": "en", "due_at": NOON, "now": NOON}
    return outbox.enqueue(shop_id=shop.pk, address=address, **values | more)


def write(message: Message, urls: Mapping[str, str]) -> Mail:
    """A mail with just what the outbox needs of one."""
    sender, subject = (
        Address("Shop", addr_spec="shop@example.org"),
        message.template.get("subject", f"To number {message.pk}"),
    )
    text = message.template.get("body", "Hello.\n") + "".join(f"{url}\n" for url in urls.values())
    fields = [
        Field("MIME-Version", "1.0"),
        Field("From", str(sender)),
        Field("To", outbox.envelope(message.address)),
        Field("Subject", subject, "" if subject.isascii() else Header(subject, "utf-8").encode(linesep="\n")),
        Field("Message-ID", message_id(message)),
    ]
    return Mail(sender, subject, message_id(message), fields, text, "", "=_mark")


def message_id(message: Message) -> str:
    return f"<{message.pk}.{message.claims}@example.org>"


def server(sink: Sink, **more: Any) -> smtp.Server:
    values: dict[str, Any] = {"key": "sink", "host": "127.0.0.1", "port": sink.port, "seconds": 20}
    return smtp.Server(**values | more)


def send(sink: Any, *, now: datetime = NOON, decide: Any = None, **more: Any) -> int:
    """One round of one worker. `sink` may also be a transport."""
    transport = server(sink) if isinstance(sink, Sink) else sink
    values: dict[str, Any] = {"worker": "w1", "write": write} | more
    return outbox.send_due(lambda: now, decide=decide or {}, transport=transport, **values)


def state(message: Message) -> tuple[State, str]:
    """Where it stands, and why."""
    message.refresh_from_db()
    return State(message.state), message.reason
