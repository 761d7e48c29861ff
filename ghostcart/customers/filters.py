"""What a list of customers is asked for, as a value, and the list that answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from ghostcart.customers import queries
from ghostcart.customers.models import Consent, Customer
from ghostcart.lib import paging
from ghostcart.lib.paging import Page

SORTS = {
    "id": "id",
    "name": "last_name",
    "email": "email_key",
    "language": "language",
    "registered": "registered_at",
}
"""What the list can be sorted by, and the column behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Conditions that all must hold; what is None or empty is not asked.

    `registered_to` is the first moment too late.
    """

    shop_ids: tuple[int, ...]
    text: str = ""
    """Every word of it in the name or the address."""
    is_guest: bool | None = None
    language: str = ""
    has_consent: bool | None = None
    registered_from: datetime | None = None
    registered_to: datetime | None = None


def matching(wanted: CustomerFilter) -> QuerySet[Customer]:
    """The customers that a filter asks for, in no order."""
    found = queries.search(wanted.shop_ids, wanted.text).order_by()
    for condition in _conditions(wanted):
        found = found.filter(condition)
    return found


def page(wanted: CustomerFilter, sort: str, size: int, after: str | None, before: str | None) -> Page[Customer]:
    """One page of the list, sorted by a name of SORTS (with a minus: descending)."""
    column = SORTS.get(sort.removeprefix("-"), "id")
    return paging.page(
        matching(wanted),
        f"-{column}" if sort.startswith("-") else column,
        size,
        after,
        before,
        shop_ids=wanted.shop_ids,
    )


def count(wanted: CustomerFilter) -> int:
    return paging.counted(matching(wanted))


def _conditions(wanted: CustomerFilter) -> Iterable[Q]:
    if wanted.is_guest is not None:
        yield Q(is_guest=wanted.is_guest)
    if wanted.language:
        yield Q(language=wanted.language)
    if wanted.has_consent is not None:
        yield Q(_consents()) if wanted.has_consent else ~Q(_consents())
    if wanted.registered_from:
        yield Q(registered_at__gte=wanted.registered_from)
    if wanted.registered_to:
        yield Q(registered_at__lt=wanted.registered_to)


def _consents(purpose: str = "reminders") -> Exists:
    """Whose newest answer was yes: the same as `queries.has_consented`."""
    newest = Consent.objects.filter(customer=OuterRef(OuterRef("pk")), purpose=purpose).order_by("-at", "-id")
    return Exists(Consent.objects.filter(pk=newest.values("pk")[:1], is_given=True))
