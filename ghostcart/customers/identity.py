"""Who is the same human, as far as we can prove.

E-mail (canonical) and phone are strong: who shares one is one person. Postal address and device are weak: who shares
one is related, which stops mail after a relative's order and keeps vouchers scarce, and does nothing else.

Locks are taken in one order everywhere: the customer, keys (by kind and hash), people (by id), then carts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q

from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import canonical_email, keyed_hash, phone_key, postal_key
from ghostcart.customers.models import Customer, Person, PersonKey

STRONG, WEAK = ("email", "phone"), ("address", "device")
MOST_RELATIVES = 200
MOST_SHARING = 20
"""An address or device of more people than this is an office, a parcel shop or a library: it relates nobody."""
SEEN_STEP = timedelta(days=1)
"""`PersonKey.seen_at` moves in steps of this size: most visits should write nothing."""

Key = tuple[str, str]  # kind and hash


def recognise(
    customer: Customer,
    now: datetime,
    *,
    phone: str = "",
    address: Mapping[str, str] | None = None,
    device: str = "",
) -> Person:
    """The person behind a customer, with what they have just been seen with. Joins people who turn out to be one.

    `phone` and `address` are those of an order, `device` is the hash of a cart token. Call it before locking people
    or carts; mostly it only reads.
    """
    keys = keys_of(customer, phone=phone, address=address, device=device)
    with transaction.atomic():
        person = _person_of(customer, keys, now)
        _register(person, keys, now)
        return _join(person, keys)


def keys_of(
    customer: Customer, *, phone: str = "", address: Mapping[str, str] | None = None, device: str = ""
) -> list[Key]:
    """What a person can be recognised by, in the order in which keys are locked."""
    country = (address or {}).get("country") or customer.shop.country
    values = {
        ("email", _email_of(customer)),
        ("phone", phone_key(phone, country)),
        ("phone", phone_key(customer.phone, customer.shop.country)),
        ("address", postal_key(address or {})),
        ("device", device),
    }
    return sorted((kind, keyed_hash(kind, value)) for kind, value in values if value)


def _email_of(customer: Customer) -> str:
    try:
        return canonical_email(customer.email)
    except BadAddress:  # what an import or an erasure left there
        return ""


def _person_of(customer: Customer, keys: Collection[Key], now: datetime) -> Person:
    """The customer's person: the one they have, the one that owns a strong key, else a new one."""
    if customer.person_id is None:  # perhaps given in the meantime, by another request
        locked = Customer.objects.select_for_update(no_key=True).filter(pk=customer.pk)
        customer.person_id = locked.values_list("person_id", flat=True).first()
    if customer.person_id is not None:
        person = Person.objects.select_related("merged_into").get(pk=customer.person_id)
        return person.merged_into or person
    owner = next(iter(_owners(customer.shop_id, keys)), None)
    person = Person.objects.get(pk=owner) if owner else Person.objects.create(shop_id=customer.shop_id, created_at=now)
    Customer.objects.filter(pk=customer.pk).update(person=person)
    customer.person = person
    return person


def _owners(shop_id: int, keys: Iterable[Key]) -> list[int]:
    """The roots of those who own a strong key, the oldest first."""
    hashes = [value for kind, value in keys if kind in STRONG]
    rows = PersonKey.objects.filter(shop_id=shop_id, kind__in=STRONG, value_hash__in=hashes)
    return sorted({merged or own for own, merged in rows.values_list("person_id", "person__merged_into_id")})


def _register(person: Person, keys: Collection[Key], now: datetime) -> None:
    """Note the keys that are new. A strong one that somebody else has stays theirs: `_join` sees it."""
    hashes = [value for _kind, value in keys]
    rows = PersonKey.objects.filter(shop_id=person.shop_id, kind__in=[*STRONG, *WEAK], value_hash__in=hashes)
    mine = {person.pk, *Person.objects.filter(merged_into=person).values_list("pk", flat=True)}
    known: dict[Key, datetime] = {}
    for kind, value, owner, seen_at in rows.values_list("kind", "value_hash", "person_id", "seen_at"):
        if kind in STRONG or owner in mine:
            known[kind, value] = max(seen_at, known.get((kind, value), seen_at))
    for kind, value in keys:  # one by one, in their order: a bulk insert of several tells no order
        if (kind, value) not in known:
            new = PersonKey(shop_id=person.shop_id, person=person, kind=kind, value_hash=value, seen_at=now)
            PersonKey.objects.bulk_create([new], ignore_conflicts=True)
        elif known[kind, value] < now - SEEN_STEP:
            mine_or_strong = Q(person__in=mine) | Q(kind__in=STRONG)
            rows.filter(mine_or_strong, kind=kind, value_hash=value).update(seen_at=now)


def _join(person: Person, keys: Iterable[Key]) -> Person:
    """Make one person of all who own these strong keys: the oldest stays, the others point at them."""
    roots = {person.pk, *_owners(person.shop_id, keys)}
    if len(roots) == 1:
        return person
    hold(roots)
    roots = set(_roots(roots).values())  # as they are behind the lock
    oldest, *others = sorted(roots)
    Person.objects.filter(Q(pk__in=others) | Q(merged_into__in=others)).update(merged_into=oldest)
    return Person.objects.get(pk=oldest)


def catch_up(now: datetime, limit: int = 500) -> bool:
    """Recognise customers that were written without it (an import, the demo); says whether there were any."""
    waiting = Customer.objects.filter(person=None, erased_at=None).select_related("shop").order_by("pk")[:limit]
    for customer in waiting:
        recognise(customer, now)
    return bool(waiting)


# -- families and relatives --------------------------------------------------------------------------


def _roots(person_ids: Iterable[int]) -> dict[int, int]:
    rows = Person.objects.filter(pk__in=set(person_ids)).values_list("pk", "merged_into_id")
    return {pk: merged or pk for pk, merged in rows}


def root(person_id: int) -> int:
    """The oldest of the person's family: names the person for ever, but for a later join."""
    return _roots([person_id]).get(person_id, person_id)


def families(person_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """For each id the ids of all rows that are the same person, its own among them."""
    roots = _roots(person_ids)
    members: dict[int, set[int]] = {pk: {pk} for pk in roots.values()}
    merged = Person.objects.filter(merged_into__in=list(members)).values_list("pk", "merged_into_id")
    for pk, into in merged:
        members[into or pk].add(pk)
    return {pk: frozenset(members[at] | {pk}) for pk, at in roots.items()}


def family(person_id: int) -> frozenset[int]:
    """The ids of all rows that are the same person; ask with `__in`."""
    return families([person_id]).get(person_id, frozenset({person_id}))


def sharing(person_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """For each id the others (families and all) who share an address or a device with exactly these rows."""
    own = PersonKey.objects.filter(person__in=person_ids, kind__in=WEAK)
    mine: dict[Key, set[int]] = defaultdict(set)
    shops = set()
    for shop_id, kind, value, person_id in own.values_list("shop_id", "kind", "value_hash", "person_id"):
        mine[kind, value].add(person_id)
        shops.add(shop_id)
    hashes = {value for _kind, value in mine}
    theirs = PersonKey.objects.filter(shop__in=shops, kind__in=WEAK, value_hash__in=hashes)
    crowded = (
        theirs.order_by().values("kind", "value_hash").annotate(people=Count("pk")).filter(people__gt=MOST_SHARING)
    )
    too_many = set(crowded.values_list("kind", "value_hash"))
    found: dict[int, set[int]] = {person_id: set() for person_id in person_ids}
    rows = theirs.values_list("kind", "value_hash", "person_id", "person__merged_into_id")
    for kind, value, person_id, merged in rows if mine else ():
        for one in mine[kind, value] if (kind, value) not in too_many else ():
            found[one] |= {person_id, merged or person_id}
    return {one: frozenset(others - {one}) for one, others in found.items()}


def relatives(person_id: int) -> frozenset[int]:
    """The person's family and everybody who is related to it by weak keys, over any number of steps; at most 200."""
    return related([person_id])


def related(person_ids: Iterable[int]) -> frozenset[int]:
    """The relatives of several people together (200 for each)."""
    asked = list(person_ids)
    most = MOST_RELATIVES * max(1, len(asked))
    found = frozenset[int]().union(*families(asked).values(), asked)
    fresh: Collection[int] = found
    while fresh and len(found) < most:
        nearby = frozenset[int]().union(*sharing(fresh).values())
        wider = nearby.union(*families(nearby - found).values()) - found
        fresh = sorted(wider)[: most - len(found)]
        found |= frozenset(fresh)
    return found


# -- locks -------------------------------------------------------------------------------------------


def lock(person_ids: Iterable[int]) -> None:
    """Lock these rows until the end of the transaction, by id. SQLite has one writer and needs none."""
    rows = Person.objects.filter(pk__in=set(person_ids)).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk", flat=True))


def hold(person_ids: Iterable[int]) -> frozenset[int]:
    """Lock people with all their relatives, so that an order of one and a mail to another cannot cross; who they are.

    When somebody joined them while we waited, everything is let go and taken again: locks stay in the order of ids.
    """
    asked = list(person_ids)
    wanted = related(asked)
    while True:
        before = transaction.savepoint()
        lock(wanted)
        now_related = related(asked)
        if now_related <= wanted:
            transaction.savepoint_commit(before)
            return wanted
        transaction.savepoint_rollback(before)
        wanted = now_related
