"""What pages show of attached shops."""

from typing import Any

from django import template

from ghostcart.backoffice import connection_words
from ghostcart.backoffice.access import StaffRequest, may_anywhere
from ghostcart.backoffice.models import Role
from ghostcart.connectors import errors, queries
from ghostcart.connectors.models import Connection
from ghostcart.connectors.prestashop import checking, webservice_checking
from ghostcart.lib import clock

register = template.Library()


@register.inclusion_tag("backoffice/_importing.html", takes_context=True)
def importing(context: template.Context) -> dict[str, Any]:
    """How far the history of the shops in view is, while it comes in; nothing otherwise."""
    return importing_context(context["request"])


def importing_context(request: StaffRequest) -> dict[str, Any]:
    """For `_importing.html`. What is wrong in detail is for owners."""
    scope = getattr(request, "scope", [])
    return {
        "connections": queries.importing([shop.pk for shop in scope]), "shows_shops": len(scope) > 1,
        "is_owner": may_anywhere(request, Role.OWNER),
    }  # fmt: skip


@register.filter
def progress_words(connection: Connection) -> str:
    return connection_words.progress(connection)


@register.filter
def state_words(connection: Connection) -> str:
    return connection_words.state(connection, clock.now())


@register.filter
def trouble_words(connection: Connection) -> str:
    return connection_words.trouble(connection, clock.now())


@register.filter
def mending_words(connection: Connection) -> str:
    return connection_words.mending(connection, clock.now())


@register.filter
def missing_words(note: str) -> str:
    """Why it cannot be attached."""
    return errors.explain(note)


@register.filter
def note_words(note: str) -> str:
    """A note of a check: what will not be known, and why."""
    return webservice_checking.sentence(note) or checking.sentence(note)
