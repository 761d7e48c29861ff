"""How an attached PrestaShop is spoken to: its database, its web service, or both."""

from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.prestashop.database import STATEMENT_SECONDS, Database, with_password
from ghostcart.connectors.prestashop.webservice import SECONDS, Webservice, base_of
from ghostcart.lib import sealing

SEALED = "connections"


def open_database(
    connection: Connection, *, writes: bool = False, statement_seconds: int = STATEMENT_SECONDS
) -> Database:
    """Raises ShopTrouble."""
    if connection.kind != Kind.PRESTASHOP:
        raise errors.NoDatabase
    url = with_password(connection.address, _secret(connection.secret))
    prefix = str(connection.options.get("prefix", "ps_"))
    return Database.open(url, prefix, writes=writes, statement_seconds=statement_seconds)


def open_webservice(connection: Connection, *, seconds: float = SECONDS) -> Webservice:
    """That of a shop that is read by it, or the one that staff named beside the database. Raises ShopTrouble."""
    if connection.kind == Kind.PRESTASHOP_API:
        return Webservice(connection.address, _secret(connection.secret), seconds=seconds)
    url, key = (str(connection.options.get(name, "")) for name in ("webservice_url", "webservice_key"))
    if not url or not key:
        raise errors.NoWebservice
    return Webservice(url, _secret(key), seconds=seconds)


def shop_number(connection: Connection) -> int:
    """Which shop of the installation it is."""
    return int(connection.options.get("shop") or 1)


def name_webservice(connection: Connection, url: str, key: str) -> None:
    """Keep, beside the database, where the web service is, and its key, sealed. Raises ShopTrouble."""
    Webservice(url, key)
    sealed = sealing.seal(key, SEALED)
    connection.options = {**connection.options, "webservice_url": base_of(url), "webservice_key": sealed}
    connection.save(update_fields=["options"])


def _secret(sealed: str) -> str:
    if not sealed:
        return ""
    try:
        return sealing.unseal(sealed, SEALED)
    except sealing.Unreadable:
        raise errors.SecretLost from None
