"""Attaching other shops, and what staff decide about them. They are read by `reading`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from ghostcart.connectors import errors, vouchers
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.options import SEALED
from ghostcart.connectors.portions import Seen
from ghostcart.connectors.prestashop import checking
from ghostcart.connectors.prestashop.checking import Found
from ghostcart.connectors.prestashop.database import Database, password_of, without_password
from ghostcart.connectors.readers import READERS
from ghostcart.lib import sealing
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop


def check(url: str, prefix: str = "ps_", time_zone: str = "") -> Found:
    """Look at a PrestaShop's database. Raises ShopTrouble."""
    with Database.open(url, prefix) as database:
        return checking.check(database, time_zone)


def attach(*, kind: str, url: str, options: Mapping[str, Any], now: datetime, shop: Shop | None = None) -> Connection:
    """Attach a shop: to one of ours, or to a new one made as it is set up there. Its import begins with the worker.

    For `options` see the `meet` of the kind's reader. Raises ShopTrouble and AlreadyAttached.
    """
    seen = READERS[kind].meet(url, options)
    with transaction.atomic():
        taken = Connection.objects.filter(kind=kind, address=seen.address)
        if any(seen.place.items() <= one.options.items() for one in taken):
            raise errors.AlreadyAttached
        ours = shop or _make_shop(seen, now)
        # read in two ways, each of its carts would be two of ours
        if Connection.objects.filter(shop=ours, kind__in=list(READERS)).exists():
            raise errors.AlreadyAttached
        made = Connection.objects.create(
            shop=ours, kind=kind, address=seen.address, secret=sealing.seal(seen.secret, SEALED),
            options=seen.options, found=seen.found, created_at=now, due_at=now,
        )  # fmt: skip
        # from now on the shop's pages are there, and its vouchers need a way to get there (`vouchers.choose`)
        ours.address = seen.website[:300]
        ours.takes_vouchers = vouchers.way_of(made) != vouchers.Way.NONE
        ours.save(update_fields=["address", "takes_vouchers"])
    return made


def _make_shop(seen: Seen, now: datetime) -> Shop:
    """One of our shops, set as it is set there."""
    made = Shop.objects.create(**seen.shop, created_at=now)
    shop_rules.forget()
    return made


def pause(connection: Connection) -> None:
    """Read the shop no more, until resumed."""
    Connection.objects.filter(pk=connection.pk).update(state=State.PAUSED, claimed_by="", claimed_until=None)


def resume(connection: Connection, now: datetime) -> None:
    """Go on where reading stopped; without a place in the shop, at the beginning of the import."""
    follows = bool(connection.cursor) and not connection.is_importing
    state = State.FOLLOWING if follows else State.IMPORTING
    Connection.objects.filter(pk=connection.pk, state=State.PAUSED).update(
        state=state, due_at=now, failures=0, trouble="", trouble_at=None
    )


def retry(connection: Connection, now: datetime) -> None:
    """Do not wait for the end of the rest after a failure."""
    Connection.objects.filter(pk=connection.pk).update(due_at=now)


def import_again(connection: Connection, now: datetime) -> None:
    """Read the whole shop once more; what is the same stays as it is."""
    Connection.objects.filter(pk=connection.pk).update(
        state=State.IMPORTING, cursor={}, done=0, total=0, due_at=now, claimed_by="", claimed_until=None
    )


def change_address(connection: Connection, *, url: str, prefix: str, now: datetime) -> None:
    """The same shop at another address, or with another user or password: looked at first. Raises ShopTrouble."""
    found = check(url, prefix, str(connection.options.get("time_zone") or ""))
    if found.missing:
        raise errors.trouble_of(found.missing[0])
    found.shop(connection.options.get("shop_id"))
    with transaction.atomic():
        kept = Connection.objects.select_for_update().get(pk=connection.pk)
        kept.address, kept.secret = without_password(url), sealing.seal(password_of(url), SEALED)
        kept.options, kept.found = {**kept.options, "prefix": prefix}, found.as_json()
        kept.due_at, kept.failures, kept.trouble, kept.trouble_at = now, 0, "", None
        kept.save(
            update_fields=["address", "secret", "options", "found", "due_at", "failures", "trouble", "trouble_at"]
        )


def detach(connection: Connection) -> None:
    """Forget the connection and its password. What was read stays."""
    connection.delete()
    if not Connection.objects.filter(shop=connection.shop_id).exists():
        Shop.objects.filter(pk=connection.shop_id).update(takes_vouchers=True)
