"""From a message's row to the mail that goes out."""

from collections.abc import Callable, Mapping

from ghostcart.mail import compose, drawing
from ghostcart.mail.models import Message

Write = Callable[[Message, Mapping[str, str]], compose.Mail]
"""Makes the mail of a message (its text and facts are in the row) with the addresses of its links."""


def write_mail(message: Message, urls: Mapping[str, str]) -> compose.Mail:
    """Raises what drawing and composing raise: a template that is wrong, a sender that cannot be."""
    links = {**message.facts.get("links", {}), **urls}  # addresses without a secret may stand among the facts
    drawn = drawing.draw(message.template, message.facts, links, language=message.language)
    return compose.compose(message, drawn, links)
