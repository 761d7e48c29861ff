"""How an attached PrestaShop is reached: its database, and its web service, be that all we know of it or not."""

from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.options import SEALED, change_options
from ghostcart.connectors.prestashop.beside import Place
from ghostcart.connectors.prestashop.database import STATEMENT_SECONDS, Database, with_password
from ghostcart.connectors.prestashop.webservice import SECONDS, Webservice, base_of
from ghostcart.lib import sealing

SLICE = 2000
"""Carts, or customers, that an import takes at once."""


def open_database(
    connection: Connection, *, writes: bool = False, statement_seconds: int = STATEMENT_SECONDS
) -> Database:
    """The shop's database, with the password that was sealed. Raises ShopTrouble."""
    if connection.kind != Kind.PRESTASHOP:
        raise errors.NoDatabase
    place = place_of(connection)
    return Database.open(place.url, place.prefix, writes=writes, statement_seconds=statement_seconds)


def place_of(connection: Connection) -> Place:
    """What a reader of its database needs to know. Raises SecretLost."""
    options = connection.options
    return Place(
        with_password(connection.address, unsealed(connection.secret)), str(options.get("prefix", "ps_")),
        connection.shop_id, connection.source, int(options["shop_id"]),
        str(options.get("time_zone") or ""), bool(options.get("newsletter_is_consent")), SLICE,
    )  # fmt: skip


def open_webservice(connection: Connection, *, seconds: float = SECONDS) -> Webservice:
    """That of a shop that is read by it, or the one that staff named beside the database. Raises ShopTrouble."""
    if connection.kind == Kind.PRESTASHOP_API:
        return Webservice(connection.address, unsealed(connection.secret), seconds=seconds)
    url, key = (str(connection.options.get(name, "")) for name in ("webservice_url", "webservice_key"))
    if not url or not key:
        raise errors.NoWebservice
    return Webservice(url, unsealed(key), seconds=seconds)


def shop_number(connection: Connection) -> int:
    """Which shop of the installation it is."""
    return int(connection.options.get("shop_id") or 1)


def name_webservice(connection: Connection, url: str, key: str) -> None:
    """Keep, beside the database, where the web service is, and its key, sealed. Raises ShopTrouble."""
    Webservice(url, key)
    change_options(connection, webservice_url=base_of(url), webservice_key=sealing.seal(key, SEALED))


def unsealed(sealed: str) -> str:
    """A password or key as it was entered. Raises SecretLost."""
    if not sealed:
        return ""
    try:
        return sealing.unseal(sealed, SEALED)
    except sealing.Unreadable:
        raise errors.SecretLost from None
