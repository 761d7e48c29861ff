"""Everything that others read about customers."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash, email_key, words
from ghostcart.customers.models import Address, Customer, Person, Tombstone

MOST_WORDS = 8


def list_customers(shop_ids: Collection[int]) -> QuerySet[Customer]:
    """The customers and guests of these shops, newest first."""
    return Customer.objects.filter(shop_id__in=shop_ids).select_related("shop").order_by("-id")


def search(shop_ids: Collection[int], text: str) -> QuerySet[Customer]:
    """The customers in whose name or address every word of `text` occurs, in any case and without accents, or whose
    telephone number it is."""
    found = list_customers(shop_ids)
    for word in words(text)[:MOST_WORDS]:
        found = found.filter(search_text__contains=word)
    return found


def by_email(shop_id: int, email: str) -> Customer | None:
    """The shop's customer with this address, however it is typed."""
    try:
        key = email_key(email)
    except BadAddress:
        return None
    return Customer.objects.filter(shop_id=shop_id, email_key=key).first()


def of_person(person_id: int) -> QuerySet[Customer]:
    """All customers that are the same human as this row of theirs (see `identity.family`), in one query."""
    root = Subquery(Person.objects.filter(pk=person_id).values(root=Coalesce("merged_into_id", "pk")))
    return Customer.objects.filter(person__in=Person.objects.filter(Q(pk=root) | Q(merged_into=root)))


def of_session(shop_id: int, kept: object) -> Customer | None:
    """The account that a session belongs to. `kept` is what `session_value` gave; anything else is nobody."""
    if not (isinstance(kept, Sequence) and len(kept) == 2 and isinstance(kept[0], int)):
        return None
    customer = Customer.objects.filter(shop_id=shop_id, pk=kept[0], is_guest=False).first()
    return customer if customer and customer.fits_session(str(kept[1])) else None


def session_value(customer: Customer) -> list[object]:
    """What a session keeps of a sign-in: the row, and a mark that changes with the password."""
    return [customer.pk, customer.session_mark]


def visible_since(customer: Customer) -> datetime:
    """From when on an account may see what happened under its address: what a guest did before stays hidden."""
    return customer.registered_at


def last_address(customer: Customer) -> Address | None:
    """The address that an account used last."""
    return customer.addresses.filter(created_at__gte=visible_since(customer)).first()


def has_consented(customer: Customer, purpose: str = "reminders") -> bool:
    """Whether the person's newest answer was yes."""
    return bool(customer.consents.filter(purpose=purpose).values_list("is_given", flat=True).first())


def is_erased(shop_id: int, key: str, at: datetime) -> bool:
    """Whether what happened at that moment is of somebody who was erased since. `key` is the address's `email_key`."""
    return Tombstone.objects.filter(shop_id=shop_id, address_hash=address_hash(key), at__gte=at).exists()
