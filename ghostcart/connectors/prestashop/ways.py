"""The two ways to read a PrestaShop, each as `connectors.readers` asks for it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection
from ghostcart.connectors.portions import Cursor, Seen, Slice
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
from ghostcart.connectors.prestashop.database import Database, password_of, without_password
from ghostcart.connectors.prestashop.reader import Reader
from ghostcart.connectors.prestashop.webservice import Webservice
from ghostcart.connectors.prestashop.webservice_basics import Source
from ghostcart.connectors.prestashop.webservice_reader import WebserviceReader
from ghostcart.lib.texts import LANGUAGES
from ghostcart.shops.services import free_slug


class ByDatabase(Reader):
    """Slices of a long import are read ahead by another process."""

    lease: ClassVar[timedelta] = timedelta(seconds=30)
    every: ClassVar[timedelta] = timedelta(seconds=0.7)
    place: Place
    beside: Beside | None = None
    """Reads the next slices of a long import."""

    @classmethod
    def meet(cls, address: str, options: Mapping[str, Any]) -> Seen:
        """`options`: `prefix`, `shop_id` (none: its first), `time_zone` (if the shop does not tell),
        `newsletter_is_consent`."""
        prefix, time_zone = str(options.get("prefix") or "ps_"), str(options.get("time_zone") or "")
        with Database.open(address, prefix) as database:
            found = checking.check(database, time_zone)
            theirs = _chosen(found, int(options.get("shop_id") or 0) or None)
            basics = Basics.read(database, Configuration.read(database, theirs.number, time_zone))
        place = {"prefix": prefix, "shop_id": theirs.number}
        return Seen(
            address=without_password(address), secret=password_of(address), place=place,
            options={**options, **place, "time_zone": time_zone}, found=found.as_json(), website=theirs.address,
            shop=_set_up(theirs, basics),
        )  # fmt: skip

    @classmethod
    def of(cls, connection: Connection) -> Self:
        place = access.place_of(connection)
        made = cls.at(place)
        made.place = place
        return made

    begin = importing.begin
    look = following.look

    def next_slice(self, cursor: Cursor, now: datetime) -> Slice:
        part = self.beside.next_slice(cursor) if self.beside else None
        if part is None or part.is_last:
            self.end_beside()
        part = part or importing.next_slice(self, cursor, now)
        if part.is_long and self.beside is None:
            self.beside = Beside(self.place, part.cursor)
        self.read_strangers(part.portion)
        return part

    def close(self) -> None:
        self.end_beside()
        super().close()

    def end_beside(self) -> None:
        if self.beside is not None:
            self.beside.close()
            self.beside = None


class ByWebservice(WebserviceReader):
    """It is asked a dozen times for one slice, and may be slow each time."""

    lease: ClassVar[timedelta] = timedelta(minutes=5)
    every: ClassVar[timedelta] = timedelta(seconds=30)

    @classmethod
    def meet(cls, address: str, options: Mapping[str, Any]) -> Seen:
        """The same `options`, and the `key`, which is the secret."""
        kept = {name: value for name, value in options.items() if name != "key"}
        key, time_zone = str(options.get("key", "")), str(options.get("time_zone") or "")
        place = {"shop_id": int(options.get("shop_id") or 1)}
        webservice = Webservice(address, key)
        found = webservice_checking.check(webservice, place["shop_id"], time_zone)
        theirs = _chosen(found, place["shop_id"])
        basics = webservice_basics.read(Source.of(webservice, theirs.number), time_zone)
        return Seen(
            address=webservice.base, secret=key, place=place, options={**kept, **place}, found=found.as_json(),
            website=theirs.address, shop=_set_up(theirs, basics),
        )  # fmt: skip

    @classmethod
    def of(cls, connection: Connection) -> Self:
        options = connection.options
        return cls(
            access.open_webservice(connection), connection.shop_id, connection.source, access.shop_number(connection),
            str(options.get("time_zone") or ""), bool(options.get("newsletter_is_consent")),
        )  # fmt: skip

    begin = webservice_following.begin
    next_slice = webservice_following.next_slice
    look = webservice_following.look


def _chosen(found: Found, number: int | None) -> FoundShop:
    """Raises ShopTrouble: what hinders us, or NoSuchShop."""
    if found.missing:
        raise errors.trouble_of(found.missing[0])
    return found.shop(number)


def _set_up(theirs: FoundShop, basics: Basics) -> dict[str, Any]:
    """How one of our shops is set up as it is set up there."""
    languages = [code for code in theirs.languages if code in LANGUAGES] or ["en"]
    name = theirs.name or theirs.address or "PrestaShop"
    return {
        "slug": free_slug(name, "prestashop"), "name": name[:120],
        "language": theirs.language if theirs.language in languages else languages[0],
        "languages": languages, "currency": theirs.currency, "currencies": theirs.currencies,
        "time_zone": theirs.time_zone if is_zone(theirs.time_zone) else "UTC", "country": theirs.country,
        "rounding": basics.rounding.value, "rounding_type": basics.rounding_type,
        "prices_include_tax": basics.group(basics.settings.number("PS_CUSTOMER_GROUP", 3)).shows_tax,
    }  # fmt: skip
