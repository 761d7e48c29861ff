"""What a shop there is set to, and how its tables look: the differences between 1.6, 1.7, 8 and 9 are asked here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop.database import Database

Columns = Mapping[str, frozenset[str]]


def columns(database: Database) -> Columns:
    """The tables that this user sees, without their prefix, with their columns."""
    found: dict[str, set[str]] = {}
    sql = """SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS
             WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, %s) = %s"""
    for table, column in database.tuples(sql, [len(database.prefix), database.prefix]):
        found.setdefault(table[len(database.prefix) :], set()).add(column)
    return {table: frozenset(names) for table, names in found.items()}


@dataclass(frozen=True)
class Configuration:
    """The settings of one shop of an installation: its own, else its group's, else everybody's."""

    shop_id: int
    group_id: int
    values: Mapping[str, str]
    columns: Columns
    given_time_zone: str = ""

    @classmethod
    def read(
        cls, database: Database, shop_id: int, time_zone: str = "", known: Columns | None = None
    ) -> "Configuration":
        """Raises NoSuchShop, MissingRight, NotAPrestaShop."""
        seen = known if known is not None else columns(database)
        if "shop" in seen:
            rows = database.tuples("SELECT id_shop_group FROM {p}shop WHERE id_shop = %s", [shop_id])
            if not rows:
                raise errors.NoSuchShop(number=shop_id)
            group_id = int(rows[0][0])
        else:
            group_id = 1
        values: dict[str, str] = {}
        if "configuration" in seen:
            sql = """SELECT name, value FROM {p}configuration
                     WHERE name LIKE 'PS\\_%%' AND name NOT LIKE 'PS\\_%%PASSWD%%' AND LENGTH(value) < 500
                       AND (id_shop = %s OR (id_shop IS NULL AND id_shop_group = %s)
                            OR (id_shop IS NULL AND id_shop_group IS NULL))
                     ORDER BY id_shop IS NOT NULL, id_shop_group IS NOT NULL, id_configuration"""
            values = {name: value or "" for name, value in database.tuples(sql, [shop_id, group_id])}
        return cls(shop_id, group_id, values, seen, time_zone)

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def number(self, name: str, default: int = 0) -> int:
        try:
            return int(float(self.values[name]))
        except (KeyError, ValueError, OverflowError):
            return default

    def has(self, table: str, column: str = "") -> bool:
        """Whether there is such a table, or column of it, that we may read."""
        return (
            column in self.columns[table] if column and table in self.columns else table in self.columns and not column
        )

    def address(self, domain: str, safe_domain: str, *folders: str) -> str:
        """Where the shop is, with a closing slash."""
        is_safe = self.number("PS_SSL_ENABLED") != 0
        path = f"/{'/'.join(folders)}/".replace("//", "/").replace("//", "/")
        return f"{'https' if is_safe else 'http'}://{(is_safe and safe_domain) or domain}{path}"

    @cached_property
    def zone_name(self) -> str:
        """The zone of all times in the database; UTC if neither the shop nor staff say."""
        for name in (self.given_time_zone, self.text("PS_TIMEZONE")):
            if name and is_zone(name):
                return name
        return "UTC"

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone_name)

    @cached_property
    def has_taxes(self) -> bool:
        return self.number("PS_TAX", 1) != 0


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
