"""From a message's row to the mail that goes out."""

from collections.abc import Callable, Mapping
from email.message import EmailMessage

from ghostcart.mail import compose, drawing
from ghostcart.mail.models import Message

Write = Callable[[Message, Mapping[str, str]], EmailMessage]
"""Makes the mail of a message (its text and facts are in the row) with the addresses of its links."""


def write_mail(message: Message, urls: Mapping[str, str]) -> EmailMessage:
    """Raises what drawing and composing raise: a template that is wrong, a sender that cannot be."""
    drawn = drawing.draw(message.template, message.facts, dict(urls), language=message.language)
    return compose.compose(message, drawn, urls)
