"""A customer is forgotten: what stays of them is a number without a name, and a mark that they are not to come back."""

from datetime import datetime

from django.db import transaction

from ghostcart.customers import identity
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash, email_key
from ghostcart.customers.models import Address, Customer, ExternalCustomer, PersonKey, Tombstone
from ghostcart.customers.services import forget_failures

_EMPTY = {
    "email": "", "first_name": "", "last_name": "", "phone": "", "note": "", "password": "", "search_text": "",
    "group": "", "is_guest": True,
}  # fmt: skip


@transaction.atomic
def forget(customer: Customer, now: datetime) -> None:
    """Empty the customer's row, remove their addresses and what they were recognised by, and set the mark.

    Their answers about consent stay as proof; they name nobody any more.
    """
    _forget_keys(customer)
    try:
        mark = address_hash(customer.email)
        forget_failures(customer.shop_id, email_key(customer.email))
    except BadAddress:
        mark = ""
    if mark:
        Tombstone.objects.update_or_create(shop_id=customer.shop_id, address_hash=mark, defaults={"at": now})
    Address.objects.filter(customer=customer).delete()
    ExternalCustomer.objects.filter(customer=customer).update(customer=None)  # told again, they stay forgotten
    for name, value in _EMPTY.items():
        setattr(customer, name, value)
    customer.email_key, customer.erased_at = f"erased-{customer.pk}", now
    customer.save(update_fields=[*_EMPTY, "email_key", "erased_at"])


def _forget_keys(customer: Customer) -> None:
    """Only what is theirs alone: others of the same person keep what they share."""
    if customer.person_id is None:
        return
    family = identity.family(customer.person_id)
    others = Customer.objects.filter(person_id__in=family, erased_at=None).exclude(pk=customer.pk)
    keys = PersonKey.objects.filter(person_id__in=family)
    if not others.exists():
        keys.delete()
        return
    theirs = {key for other in others.select_related("shop") for key in identity.keys_of(other)}
    for kind, value_hash in identity.keys_of(customer):
        if (kind, value_hash) not in theirs:
            keys.filter(kind=kind, value_hash=value_hash).delete()
