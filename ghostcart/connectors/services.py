"""Attaching other shops, and reading them: the worker's task. Several workers may run, and any may be killed.

A connection is leased to one worker. What is read is written in one transaction with the place it reached and under
the lease, so a worker that lost its lease writes nothing, and nothing is left half done.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from ghostcart.connectors import errors, vouchers
from ghostcart.connectors.models import Connection, Kind, State
from ghostcart.connectors.prestashop import (
    access,
    checking,
    following,
    importing,
    webservice_basics,
    webservice_checking,
    webservice_following,
)
from ghostcart.connectors.prestashop.basics import Basics
from ghostcart.connectors.prestashop.beside import Beside, Place
from ghostcart.connectors.prestashop.checking import Found, FoundShop
from ghostcart.connectors.prestashop.configuration import Configuration, is_zone
from ghostcart.connectors.prestashop.database import (
    STATEMENT_SECONDS,
    Database,
    password_of,
    with_password,
    without_password,
)
from ghostcart.connectors.prestashop.reader import Reader
from ghostcart.connectors.prestashop.webservice import Webservice
from ghostcart.connectors.prestashop.webservice_basics import Source
from ghostcart.connectors.prestashop.webservice_reader import WebserviceReader
from ghostcart.lib import sealing
from ghostcart.lib.texts import LANGUAGES
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop

PURPOSE = "connections"
EVERY = timedelta(seconds=0.7)
"""Between two looks at a shop that is followed."""
EVERY_SPARED = timedelta(seconds=5)
"""The same, where staff asked to spare the shop (option `is_spared`)."""
LEASE, WEBSERVICE_LEASE = timedelta(seconds=30), timedelta(minutes=5)
WORKS_SECONDS = 1.0
"""How long one task of an import works before others have their turn."""
LONG = 2000
"""A slice of an import that is at least so long is not the last one: reading beside is worth a process."""
LONGEST_REST = timedelta(minutes=2)
_PROCESS = secrets.token_hex(4)

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker reads this shop now: what was read is thrown away."""


# -- attaching -----------------------------------------------------------------------------------


def check(url: str, prefix: str = "ps_", time_zone: str = "") -> Found:
    """Look at a PrestaShop's database. Raises ShopTrouble."""
    with Database.open(url, prefix) as database:
        return checking.check(database, time_zone)


def attach(
    *, kind: str, url: str, options: Mapping[str, Any], now: datetime, shop: Shop | None = None,
    found: Found | None = None,
) -> Connection:  # fmt: skip
    """Attach a shop: to one of ours, or to a new one made as it is set up there. Its import begins with the worker.

    Options of a PrestaShop read from its database: `prefix`, `shop_id` (none: its first), `time_zone` (if the shop
    does not tell), `newsletter_is_consent`. Raises ShopTrouble and AlreadyAttached.
    """
    if kind == Kind.PRESTASHOP_API:
        return _attach_webservice(url, options, now, shop)
    if kind != Kind.PRESTASHOP:
        raise ValueError(f"nothing here attaches {kind}")
    prefix, time_zone = str(options.get("prefix") or "ps_"), str(options.get("time_zone") or "")
    with Database.open(url, prefix) as database:
        found = found or checking.check(database, time_zone)
        if found.missing:
            raise errors.trouble_of(found.missing[0])
        theirs = found.shop(int(options["shop_id"]) if options.get("shop_id") else None)
        basics = Basics.read(database, Configuration.read(database, theirs.number, time_zone))
    address = without_password(url)
    with transaction.atomic():
        taken = Connection.objects.filter(kind=kind, address=address, options__prefix=prefix)
        if any(one.options.get("shop_id") == theirs.number for one in taken):
            raise errors.AlreadyAttached
        ours = shop or _make_shop(theirs, basics, now)
        if _is_attached(ours):
            raise errors.AlreadyAttached
        made = Connection.objects.create(
            shop=ours, kind=kind, address=address, secret=sealing.seal(password_of(url), PURPOSE),
            options={**options, "prefix": prefix, "shop_id": theirs.number, "time_zone": time_zone},
            found=found.as_json(), created_at=now, due_at=now,
        )  # fmt: skip
        return _belongs_elsewhere(made, theirs)


def _attach_webservice(address: str, options: Mapping[str, Any], now: datetime, shop: Shop | None) -> Connection:
    """The same by the web service. `options` has the `key`, which is kept sealed and not among them."""
    kept = {name: value for name, value in options.items() if name != "key"}
    key, number = str(options.get("key", "")), int(options.get("shop_id") or 1)
    webservice = Webservice(address, key)
    found = webservice_checking.check(webservice, number, str(options.get("time_zone") or ""))
    if found.missing:
        raise errors.trouble_of(found.missing[0])
    theirs = found.shop(number)
    basics = webservice_basics.read(Source.of(webservice, number), str(options.get("time_zone") or ""))
    with transaction.atomic():
        taken = Connection.objects.filter(kind=Kind.PRESTASHOP_API, address=webservice.base)
        if any(one.options.get("shop_id") == number for one in taken):
            raise errors.AlreadyAttached
        ours = shop or _make_shop(theirs, basics, now)
        if _is_attached(ours):
            raise errors.AlreadyAttached
        made = Connection.objects.create(
            shop=ours, kind=Kind.PRESTASHOP_API, address=webservice.base, secret=sealing.seal(key, PURPOSE),
            options={**kept, "shop_id": number}, found=found.as_json(), created_at=now, due_at=now,
        )  # fmt: skip
        return _belongs_elsewhere(made, theirs)


def _belongs_elsewhere(made: Connection, theirs: FoundShop) -> Connection:
    """From now on the shop's pages are there, and its vouchers need a way to get there (`vouchers.choose`)."""
    made.shop.address = theirs.address[:300]
    made.shop.takes_vouchers = vouchers.way_of(made) != vouchers.Way.NONE
    made.shop.save(update_fields=["address", "takes_vouchers"])
    return made


def _is_attached(shop: Shop) -> bool:
    """By either way: read by both, each of its carts would be two of ours."""
    return Connection.objects.filter(shop=shop, kind__in=READ_HERE).exists()


def _make_shop(theirs: FoundShop, basics: Basics, now: datetime) -> Shop:
    """One of our shops, set as it is set there."""
    languages = [code for code in theirs.languages if code in LANGUAGES] or ["en"]
    name = theirs.name or theirs.address or "PrestaShop"
    slug = base = slugify(name)[:40] or "prestashop"
    number = 1
    while Shop.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    made = Shop.objects.create(
        slug=slug, name=name[:120], language=theirs.language if theirs.language in languages else languages[0],
        languages=languages, currency=theirs.currency, currencies=theirs.currencies,
        time_zone=theirs.time_zone if is_zone(theirs.time_zone) else "UTC", country=theirs.country,
        rounding=basics.rounding.value, rounding_type=basics.rounding_type,
        prices_include_tax=basics.group(basics.settings.number("PS_CUSTOMER_GROUP", 3)).shows_tax, created_at=now,
    )  # fmt: skip
    shop_rules.forget()
    return made


def pause(connection: Connection) -> None:
    """Read the shop no more, until resumed."""
    Connection.objects.filter(pk=connection.pk).update(state=State.PAUSED, claimed_by="", claimed_until=None)


def resume(connection: Connection, now: datetime) -> None:
    """Go on where reading stopped."""
    state = State.IMPORTING if _is_importing(connection.cursor) else State.FOLLOWING
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


def change_options(connection: Connection, **changed: Any) -> None:
    """What staff decided; the next look goes by it."""
    with transaction.atomic():
        kept = Connection.objects.select_for_update().get(pk=connection.pk)
        kept.options = {**kept.options, **changed}
        kept.save(update_fields=["options"])


def change_address(connection: Connection, *, url: str, prefix: str, now: datetime) -> None:
    """The same shop at another address, or with another user or password: looked at first. Raises ShopTrouble."""
    found = check(url, prefix, str(connection.options.get("time_zone") or ""))
    if found.missing:
        raise errors.trouble_of(found.missing[0])
    found.shop(connection.options.get("shop_id"))
    with transaction.atomic():
        kept = Connection.objects.select_for_update().get(pk=connection.pk)
        kept.address, kept.secret = without_password(url), sealing.seal(password_of(url), PURPOSE)
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


def open_database(
    connection: Connection, *, writes: bool = False, statement_seconds: int = STATEMENT_SECONDS
) -> Database:
    """The shop's database, with the password that was sealed. Raises ShopTrouble."""
    if connection.kind != Kind.PRESTASHOP:
        raise errors.NoDatabase
    place = _place(connection)
    return Database.open(place.url, place.prefix, writes=writes, statement_seconds=statement_seconds)


def _place(connection: Connection) -> Place:
    options = connection.options
    return Place(
        with_password(connection.address, access.unsealed(connection.secret)), str(options.get("prefix", "ps_")),
        connection.shop_id, connection.source, int(options["shop_id"]),
        str(options.get("time_zone") or ""), bool(options.get("newsletter_is_consent")),
    )  # fmt: skip


# -- reading -------------------------------------------------------------------------------------


def read_due(now: datetime, clock: Callable[[], datetime] | None = None) -> bool:
    """Read one shop that is due: some slices of its import, or one look at what changed. Says whether there is more.

    `clock` tells the time of each slice; without it all of them happen at `now`.
    """
    connection = _claim(now)
    if connection is None:
        return False
    try:
        with _reading(connection) as reader:
            reader.refresh(now)
            if connection.state == State.IMPORTING:
                return _import(connection, reader, now)
            return _follow(connection, reader, now)
    except errors.ShopTrouble as trouble:
        _note(connection, trouble, now)
    except sealing.Unreadable:
        _note(connection, errors.SecretLost(), now)
    except LeaseLost:
        _log.warning("another worker reads %s now", connection.address)
    return False


def me() -> str:
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{_PROCESS}"


def _claim(now: datetime) -> Connection | None:
    """A connection that is due, leased to this process. The one who holds the lease keeps it as long as they look."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_by=me())
    due = Q(due_at=None) | Q(due_at__lte=now)
    waiting = Connection.objects.filter(free, due, state__in=[State.IMPORTING, State.FOLLOWING], kind__in=READ_HERE)
    for connection in waiting.order_by("due_at", "pk")[:5]:
        claimed = Connection.objects.filter(free, pk=connection.pk, state=connection.state)
        if claimed.update(claimed_by=me(), claimed_until=now + _lease(connection)):
            return Connection.objects.get(pk=connection.pk)
    return None


READ_HERE = (Kind.PRESTASHOP, Kind.PRESTASHOP_API)
AnyReader = Reader | WebserviceReader


def _lease(connection: Connection) -> timedelta:
    """A web service is asked a dozen times for one slice, and may be slow each time."""
    return WEBSERVICE_LEASE if connection.kind == Kind.PRESTASHOP_API else LEASE


@dataclass(slots=True)
class _Open:
    reader: AnyReader
    mark: tuple[object, ...]


_open: dict[int, _Open] = {}
"""The databases that this process has open, by connection."""


@contextmanager
def _reading(connection: Connection) -> Iterator[AnyReader]:
    """The reader of a connection, kept open from look to look; dropped with any error."""
    mark = (connection.address, connection.secret, str(connection.options), connection.created_at, os.getpid())
    kept = _open.pop(connection.pk, None)
    if kept is not None and kept.mark != mark:
        kept.reader.close()
        kept = None
    reader = kept.reader if kept else _reader(connection)
    try:
        yield reader
    except BaseException:
        reader.close()
        raise
    _open[connection.pk] = _Open(reader, mark)


def release() -> None:
    """At the end of a process: another may read its shops at once, not only when the lease has ended."""
    close_all()
    Connection.objects.filter(claimed_by=me()).update(claimed_by="", claimed_until=None)


def close_all() -> None:
    """Let go of all shops' databases (at the end of a process or a test)."""
    while _open:
        _open.popitem()[1].reader.close()


def _reader(connection: Connection) -> AnyReader:
    if connection.kind == Kind.PRESTASHOP:
        return Reader.at(_place(connection))
    options = connection.options
    return WebserviceReader(
        access.open_webservice(connection), connection.shop_id, connection.source, access.shop_number(connection),
        str(options.get("time_zone") or ""), bool(options.get("newsletter_is_consent")),
    )  # fmt: skip


def _import(connection: Connection, reader: AnyReader, now: datetime) -> bool:
    if not _is_importing(connection.cursor):
        cursor, total = _begin(reader, now)
        connection.cursor, connection.total, connection.done = cursor, total, 0
        _save(connection, now, cursor=cursor, total=total, done=0)
    end = perf_counter() + WORKS_SECONDS
    while True:
        part = _next_slice(connection, reader, now)
        _take(connection, reader, part, now)
        if part.is_last or perf_counter() > end:
            return True


def _next_slice(connection: Connection, reader: AnyReader, now: datetime) -> importing.Slice:
    """The slice at the cursor. Of a large database the one after it is read beside, while this one is written."""
    if isinstance(reader, WebserviceReader):
        return webservice_following.next_slice(reader, connection.cursor, now)
    part = reader.beside.answer(connection.cursor) if reader.beside else None
    part = part or importing.next_slice(reader, connection.cursor, now)
    if part.size >= LONG and reader.beside is None:
        reader.beside = Beside(_place(connection))
    if part.is_last:
        reader.end_beside()
    elif reader.beside:
        reader.beside.ask(part.cursor, now)
    reader.read_strangers(part.portion)
    return part


def _take(connection: Connection, reader: AnyReader, part: importing.Slice, now: datetime) -> None:
    """Write a slice, and in the same transaction the place it reached."""
    changed: dict[str, Any] = {"cursor": part.cursor, "done": connection.done + part.size}
    if part.is_last:
        changed |= {"state": State.FOLLOWING, "cursor": part.cursor["follow"], "total": changed["done"]}
    with transaction.atomic():
        _hold(connection)
        reader.take(part.portion, now, is_history=True)
        _save(connection, now, **changed)
    connection.cursor, connection.done = changed["cursor"], changed["done"]


def _follow(connection: Connection, reader: AnyReader, now: datetime) -> bool:
    found = _look(reader, connection.cursor, now)
    rest = webservice_following.EVERY if connection.kind == Kind.PRESTASHOP_API else EVERY
    if connection.options.get("is_spared"):
        rest = max(rest, EVERY_SPARED)
    with transaction.atomic():
        _hold(connection)
        for take in found.takes:
            take()
        _save(connection, now, cursor=found.cursor, due_at=now if found.behind else now + rest)
    connection.cursor = found.cursor
    for remember in found.afterwards:
        remember()
    return found.behind


def _begin(reader: AnyReader, now: datetime) -> tuple[dict[str, Any], int]:
    if isinstance(reader, WebserviceReader):
        return webservice_following.begin(reader, now)
    return importing.begin(reader, now)


def _look(reader: AnyReader, cursor: dict[str, Any], now: datetime) -> following.Look:
    if isinstance(reader, WebserviceReader):
        return webservice_following.look(reader, cursor, now)
    return following.look(reader, cursor, now)


def _is_importing(cursor: Mapping[str, Any]) -> bool:
    return "stage" in cursor


def _hold(connection: Connection) -> None:
    """Within a transaction: nobody else reads this shop until it ends. Raises LeaseLost."""
    mine = Connection.objects.filter(pk=connection.pk, claimed_by=me(), state=connection.state)
    if not mine.update(claimed_by=me()):
        raise LeaseLost


def _save(connection: Connection, now: datetime, **changed: Any) -> None:
    healthy = {
        "read_at": now,
        "trouble": "",
        "trouble_at": None,
        "failures": 0,
        "claimed_until": now + _lease(connection),
    }
    Connection.objects.filter(pk=connection.pk, claimed_by=me()).update(**healthy, **changed)


def _note(connection: Connection, trouble: errors.ShopTrouble, now: datetime) -> None:
    """Why it could not be read, and when to try again: after a second, then ever later."""
    _log.warning("%s cannot be read: %s", connection.address, trouble.note)
    failures = connection.failures + 1
    rest = min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_REST)
    Connection.objects.filter(pk=connection.pk, claimed_by=me()).update(
        trouble=trouble.note, trouble_at=connection.trouble_at or now, failures=failures, due_at=now + rest,
        claimed_by="", claimed_until=None,
    )  # fmt: skip
