"""The customers of a shop there."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from ghostcart.connectors.prestashop.basics import Basics, clean, marks
from ghostcart.connectors.prestashop.database import Database
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.customers.services import Consented

COLUMNS = """c.id_customer, c.id_lang, c.id_default_group, c.firstname, c.lastname, c.email, c.is_guest, c.deleted,
             c.date_add"""
_NO_ADDRESS = {"anonymous@psgdpr.com"}
"""Who stands for all that were made anonymous."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def read(
    database: Database, basics: Basics, numbers: Collection[int], *, newsletter_is_consent: bool = False
) -> list[CustomerSnapshot]:
    """Customers by number; those the shop has no more are not among them."""
    if not numbers:
        return []
    sql = f"SELECT {COLUMNS} FROM {{p}}customer c WHERE c.id_customer IN ({marks(numbers)})"
    rows = database.tuples(sql, tuple(numbers))
    subscribed = _subscribed(database, {row[5] for row in rows}) if newsletter_is_consent else {}
    return [snapshot(basics, row, subscribed) for row in rows]


def _subscribed(database: Database, addresses: Collection[str]) -> dict[str, bool]:
    """Which addresses take the newsletter. Of several customers with one, an account has the word, and the newest."""
    if not addresses:
        return {}
    sql = f"""SELECT email, newsletter FROM {{p}}customer WHERE email IN ({marks(addresses)}) AND deleted = 0
              ORDER BY is_guest DESC, id_customer"""
    return {str(email).strip().lower(): bool(takes) for email, takes in database.tuples(sql, tuple(addresses))}


def snapshot(basics: Basics, row: tuple[Any, ...], subscribed: dict[str, bool]) -> CustomerSnapshot:
    """Who was deleted there, or made anonymous, keeps a name in the history and no address."""
    number, language, group, first, last, email, is_guest, is_deleted, added = row
    address = str(email).strip().lower()
    is_reachable = not is_deleted and address not in _NO_ADDRESS
    consent = None
    if is_reachable and address in subscribed:
        consent = Consented(subscribed[address], "", "newsletter", source="prestashop")
    return CustomerSnapshot(
        external_id=str(number),
        email=clean(email) if is_reachable else "",
        first_name=clean(first),
        last_name=clean(last),
        language=basics.language(language or 0),
        is_guest=bool(is_guest),
        group=basics.group(group).name,
        registered_at=basics.times.utc(added) or _LONG_AGO,
        consent=consent,
    )


def numbers_after(database: Database, basics: Basics, after: int, most: int) -> list[int]:
    """The next customers of the shop, or of its group where the shops of a group share theirs."""
    settings = basics.settings
    sql = """SELECT id_customer FROM {p}customer WHERE id_customer > %s
             AND (id_shop = %s OR (id_shop_group = %s AND %s)) ORDER BY id_customer LIMIT %s"""
    rows = database.tuples(sql, (after, settings.shop_id, settings.group_id, shares(database, basics), most))
    return [row[0] for row in rows]


def shares(database: Database, basics: Basics) -> bool:
    """Whether the shops of the group share their customers."""
    if not basics.settings.has("shop_group", "share_customer"):
        return False
    sql = "SELECT share_customer FROM {p}shop_group WHERE id_shop_group = %s"
    return bool(database.value(sql, [basics.settings.group_id]))
