"""Customers that another shop tells us of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Min

from ghostcart.customers import services
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash, email_key, searched, tidy
from ghostcart.customers.models import Customer, ExternalCustomer, Tombstone
from ghostcart.customers.services import Consented
from ghostcart.lib import sql
from ghostcart.lib.planning import Among
from ghostcart.lib.snapshots import Taken, newest


class CustomerSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody the other shop can name. An address that no mail can reach is kept as no address."""

    external_id: str
    version: int = 0
    email: str
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    language: str = "en"
    is_guest: bool = False
    group: str = ""
    registered_at: datetime
    consent: Consented | None = None


def take(shop_id: int, source: str, told: Iterable[CustomerSnapshot], now: datetime) -> dict[str, Taken]:
    """Store customers as they are told; says of each external id what became of it.

    Several ids with one address are one customer (guests there repeat theirs); who was erased is not taken again.
    The people behind them are recognised later (`identity.catch_up`).
    """
    customers = {str(name): one for name, one in newest(told, lambda c: c.external_id, lambda c: c.version).items()}
    for is_last in (False, True):
        try:
            with transaction.atomic():
                return _Intake(shop_id, source, customers, now).take()
        except IntegrityError:  # somebody else has made one of them at this moment: now they are known
            if is_last:
                raise
    raise AssertionError


Known = Mapping[str, tuple[int, str]]
"""Our customer, by number and label, for what another shop calls its customers."""


def known(shop_id: int, source: str, external_ids: Collection[str]) -> dict[str, tuple[int, str]]:
    """Those of these ids that were told."""
    if not external_ids:
        return {}
    rows = ExternalCustomer.objects.filter(
        Among("external_id", external_ids), shop_id=shop_id, source=source, customer__isnull=False
    ).values_list("external_id", "customer_id", "customer__first_name", "customer__last_name", "customer__email")
    found = {}
    for name, number, first, last, email in rows:
        label = f"{first} {last}".strip() or email
        found[str(name)] = (number, label or Customer(pk=number).label)
    return found


def erased(shop_id: int, told: Mapping[str, tuple[str, datetime]]) -> set[str]:
    """Whose mail address and moment, by name, are of somebody who asked to be forgotten after that."""
    graves = Tombstone.objects.filter(shop_id=shop_id)
    if not graves.exists():
        return set()
    hashes = {name: _hash(address) for name, (address, _at) in told.items()}
    ends = dict(graves.filter(Among("address_hash", hashes.values())).values_list("address_hash", "at"))
    return {name for name, mark in hashes.items() if mark in ends and told[name][1] <= ends[mark]}


def forgotten(shop_id: int, source: str, external_ids: Collection[str]) -> set[str]:
    """Those of these ids whose person was erased: told again, they stay forgotten."""
    if not external_ids:
        return set()
    rows = ExternalCustomer.objects.filter(Among("external_id", external_ids), shop_id=shop_id, source=source)
    return set(rows.filter(customer=None).values_list("external_id", flat=True))


def _hash(address: str) -> str:
    try:
        return address_hash(address)
    except BadAddress:
        return ""


TABLE = "customers_customer"
ROW = (
    "id", "shop_id", "email", "email_key", "search_text", "registered_at",
    "first_name", "last_name", "phone", "language", "is_guest", "group",  # as `_values` has them
    "password", "note", "is_demo",
)  # fmt: skip


class New(NamedTuple):
    """A customer that is being made."""

    pk: int
    email_key: str


class _Intake:
    def __init__(self, shop_id: int, source: str, told: dict[str, CustomerSnapshot], now: datetime) -> None:
        self.shop_id, self.source, self.told, self.now = shop_id, source, told, now
        rows = ExternalCustomer.objects.select_for_update(of=("self",)).select_related("customer")
        rows = rows.filter(Among("external_id", told), shop_id=shop_id, source=source).order_by("pk")
        self.rows = {row.external_id: row for row in rows}
        self.keys = {name: self._key(one) for name, one in told.items()}
        self.corrected: set[str] = set()
        """Those whose address is another one now."""

    def _key(self, one: CustomerSnapshot) -> str:
        try:
            return email_key(one.email)
        except BadAddress:
            return f"{self.source}:{one.external_id}"

    def take(self) -> dict[str, Taken]:
        erased = self._erased()
        fresh = {
            name: one
            for name, one in self.told.items()
            if name not in self.rows or one.version >= self.rows[name].external_version
        }
        ours = self._customers([name for name in fresh if name not in erased])
        self.first = self._first_rows(ours.values())
        fates = {}
        for name in self.told:
            if name not in fresh:
                fates[name] = Taken.STALE
            elif name in erased:
                fates[name] = Taken.FORGOTTEN
            else:
                fates[name] = self._write(name, ours[self.keys[name]], fresh[name])
        self._remember(fresh, ours)
        return fates

    def _erased(self) -> set[str]:
        told = {name: (one.email, one.registered_at) for name, one in self.told.items()}
        return erased(self.shop_id, told) | {name for name, row in self.rows.items() if row.customer_id is None}

    def _first_rows(self, customers: Iterable[Customer | New]) -> dict[int, int]:
        """Which id of those that are one customer was told first: of guests who repeat an address it has the word."""
        old = [one.pk for one in customers if isinstance(one, Customer)]
        rows = ExternalCustomer.objects.filter(Among("customer_id", old), shop_id=self.shop_id, source=self.source)
        return dict(rows.order_by().values_list("customer_id").annotate(Min("pk"))) if old else {}

    def _customers(self, names: Sequence[str]) -> dict[str, Customer | New]:
        """Our rows by address, the missing ones made."""
        # of one address: the last account, else the first guest, as `_write` has it
        guests = [self.told[name] for name in reversed(names) if self.told[name].is_guest]
        accounts = [self.told[name] for name in names if not self.told[name].is_guest]
        wanted = {self.keys[one.external_id]: one for one in [*guests, *accounts]}
        theirs = Customer.objects.filter(Among("email_key", wanted), shop_id=self.shop_id)
        found = {one.email_key: one for one in theirs}
        missing = {key for key in wanted if key not in found}
        for name in names:  # an address that was corrected there is corrected here, unless somebody has it
            row, key = self.rows.get(name), self.keys[name]
            if row and row.customer and key in missing and row.customer.email_key != key:
                found[key] = self._correct(row.customer, key, self.told[name])
                missing.discard(key)
                self.corrected.add(name)
        new = sorted(missing)
        made = {key: New(number, key) for number, key in zip(sql.next_ids(TABLE, len(new)), new, strict=True)}
        sql.insert_rows(TABLE, ROW, [self._row(number, key, wanted[key]) for number, key in made.values()])
        return {**found, **made}

    def _correct(self, ours: Customer, key: str, one: CustomerSnapshot) -> Customer:
        ours.email_key, ours.email = key, _email(one, key)
        ours.search_text = searched(ours.first_name, ours.last_name, one.email, ours.phone)
        ours.save(update_fields=["email_key", "email", "search_text"])
        return ours

    def _row(self, number: int, key: str, one: CustomerSnapshot) -> tuple[object, ...]:
        values = _values(one)
        found_by = searched(values["first_name"], values["last_name"], one.email, values["phone"])
        fixed = (number, self.shop_id, _email(one, key), key, found_by, sql.to_db(one.registered_at))
        return (*fixed, *values.values(), "", "", False)

    def _write(self, name: str, ours: Customer | New, one: CustomerSnapshot) -> Taken:
        if one.consent is not None:
            services.record_consent(Customer(pk=ours.pk), one.consent, self.now)
        if isinstance(ours, New):
            return Taken.CREATED
        row = self.rows.get(name)
        first = self.first.get(ours.pk)
        if one.is_guest and not (ours.is_guest and first in (None, row and row.pk)):
            return Taken.CHANGED if name in self.corrected else Taken.UNCHANGED
        values = {name: value for name, value in _values(one).items() if value or name == "is_guest"}
        if not ours.is_guest:
            values["is_guest"] = False  # an account there stays one when its owner buys as a guest
        changed = [name for name, value in values.items() if getattr(ours, name) != value]
        for name in changed:
            setattr(ours, name, values[name])
        if changed:
            ours.search_text = searched(ours.first_name, ours.last_name, one.email, ours.phone)
            ours.save(update_fields=[*changed, "search_text"])
        return Taken.CHANGED if changed or name in self.corrected else Taken.UNCHANGED

    def _remember(self, fresh: dict[str, CustomerSnapshot], ours: dict[str, Customer | New]) -> None:
        new = []
        for name, one in fresh.items():
            customer = ours.get(self.keys[name])
            row = self.rows.get(name)
            if row is None:
                new.append((self.shop_id, self.source, name, one.version, customer and customer.pk))
            elif (row.external_version, row.customer_id) != (one.version, customer and customer.pk):
                ExternalCustomer.objects.filter(pk=row.pk).update(
                    external_version=one.version, customer=customer and customer.pk
                )
        columns = ("shop_id", "source", "external_id", "external_version", "customer_id")
        sql.insert_rows("customers_externalcustomer", columns, new)


def _email(one: CustomerSnapshot, key: str) -> str:
    return tidy(one.email, 320) if "@" in key else ""


def _values(one: CustomerSnapshot) -> dict[str, object]:
    return {
        "first_name": tidy(one.first_name, 120),
        "last_name": tidy(one.last_name, 120),
        "phone": tidy(one.phone, 40),
        "language": one.language,
        "is_guest": one.is_guest,
        "group": tidy(one.group, 60),
    }
