"""A mailbox instead of a mail server: mail goes into a folder (Maildir) of this installation, for the demo.

The message keeps the name of its file as the "server's answer", so that the back office finds its mail again.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from mailbox import Error, Maildir

from django.conf import settings

from ghostcart.mail.handover import Letter, Receipt, Unreachable
from ghostcart.mail.models import Message, State

KEPT = 2_000
"""More than that many mails are not kept: the oldest go."""
_PREFIX = "mailbox "
_NAME = re.compile(r"[\w.=+-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The transport."""

    key: str

    @property
    def name(self) -> str:
        return "mailbox"

    def open(self) -> "Connection":
        try:
            settings.MAILBOX_ROOT.parent.mkdir(parents=True, exist_ok=True)
            return Connection(Maildir(settings.MAILBOX_ROOT, create=True))
        except OSError as error:
            raise Unreachable("unreachable", str(error)) from error


class Connection:
    is_open = True

    def __init__(self, maildir: Maildir) -> None:
        self.maildir = maildir

    def hand_over(self, letter: Letter, commit: Callable[[], None]) -> Receipt:
        content = letter.mail.as_bytes().replace(b"\r\n", b"\n")  # as folders of mail are kept
        commit()
        try:
            return Receipt(_PREFIX + self.maildir.add(content))
        except OSError as error:  # nothing stands in the folder before it is renamed into it
            raise Unreachable("unreachable", str(error)) from error

    def leave(self) -> None:
        self.maildir.close()


# -- reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail in the mailbox, as its reader would see it."""

    sender: str
    recipient: str
    subject: str
    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    size: int


def kept(shop_ids: list[int], limit: int = 50) -> list[Message]:
    """The messages of shops that went into the mailbox, newest first; `read` opens them."""
    there = Message.objects.filter(shop_id__in=shop_ids, state=State.SENT, answer__startswith=_PREFIX)
    return list(there.select_related("shop", "customer").order_by("-id")[:limit])


def read(message: Message) -> Kept | None:
    """The mail of a message; None if it did not go into the mailbox, or is not kept any more."""
    name = message.answer.removeprefix(_PREFIX)
    if not message.answer.startswith(_PREFIX) or not _NAME.fullmatch(name):
        return None
    try:
        content = Maildir(settings.MAILBOX_ROOT, create=False).get_bytes(name)
    except (KeyError, OSError, Error):
        return None
    mail = message_from_bytes(content, policy=policy.default)
    return Kept(
        sender=str(mail["From"]),
        recipient=str(mail["To"]),
        subject=str(mail["Subject"]),
        headers=tuple((name, str(value)) for name, value in mail.items()),
        html=_part(mail, "html"),
        text=_part(mail, "plain"),
        size=len(content),
    )


def remove(answers: Iterable[str]) -> None:
    """Take the mails with these answers out of the mailbox, those that went into it."""
    for answer in answers:
        name = answer.removeprefix(_PREFIX)
        if answer.startswith(_PREFIX) and _NAME.fullmatch(name):
            with suppress(KeyError, OSError, Error):
                Maildir(settings.MAILBOX_ROOT, create=False).remove(name)


def _part(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body(preferencelist=(subtype,))
    return part.get_content() if part is not None else ""


def forget_old(keep: int = KEPT) -> int:
    """Remove the oldest mails beyond `keep`; returns how many."""
    folder = settings.MAILBOX_ROOT / "new"
    if not folder.is_dir():
        return 0
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)
    old = files[: max(0, len(files) - keep)]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)
