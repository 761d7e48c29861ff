"""How the web service of an attached PrestaShop is spoken to, whether it is all we know of it or not."""

from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.prestashop.webservice import SECONDS, Webservice, base_of
from ghostcart.lib import sealing

SEALED = "connections"


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
    sealed = sealing.seal(key, SEALED)
    connection.options = {**connection.options, "webservice_url": base_of(url), "webservice_key": sealed}
    connection.save(update_fields=["options"])


def unsealed(sealed: str) -> str:
    """A password or key as it was entered. Raises SecretLost."""
    if not sealed:
        return ""
    try:
        return sealing.unseal(sealed, SEALED)
    except sealing.Unreadable:
        raise errors.SecretLost from None
