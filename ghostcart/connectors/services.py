"""Attaching other shops, and what staff decide about them. They are read by `reading`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from ghostcart.connectors import errors, vouchers
from ghostcart.connectors.models import READ_HERE, Connection, Kind, State
from ghostcart.connectors.prestashop import access, checking, webservice_basics, webservice_checking
from ghostcart.connectors.prestashop.basics import Basics
from ghostcart.connectors.prestashop.checking import Found, FoundShop
from ghostcart.connectors.prestashop.configuration import Configuration, is_zone
from ghostcart.connectors.prestashop.database import Database, password_of, without_password
from ghostcart.connectors.prestashop.webservice import Webservice
from ghostcart.connectors.prestashop.webservice_basics import Source
from ghostcart.lib import sealing
from ghostcart.lib.texts import LANGUAGES
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop
from ghostcart.shops.services import free_slug


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
            shop=ours, kind=kind, address=address, secret=sealing.seal(password_of(url), access.SEALED),
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
            shop=ours, kind=Kind.PRESTASHOP_API, address=webservice.base, secret=sealing.seal(key, access.SEALED),
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
    made = Shop.objects.create(
        slug=free_slug(name, "prestashop"), name=name[:120],
        language=theirs.language if theirs.language in languages else languages[0],
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
    state = State.IMPORTING if connection.is_importing else State.FOLLOWING
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
        kept.address, kept.secret = without_password(url), sealing.seal(password_of(url), access.SEALED)
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
