"""A PrestaShop's database, read (and, for vouchers only, written) with care: bounded, harmless, plain words for errors.

Statements name tables as `{p}cart`; parameters are `%s` or `%(name)s`. Times and decimals come as the text that the
database holds ('0000-00-00 00:00:00' and '12.345000' are fine there): `rows` of this room turn them into values.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import pymysql
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions, encoders
from pymysql.cursors import Cursor, SSCursor

from ghostcart.connectors import errors

CONNECT_SECONDS = 5
READ_SECONDS = 60
STATEMENT_SECONDS = 30
"""Longest time for one statement: the shop's own pages come first."""
FETCHED_AT_ONCE = 1000

_PREFIX = re.compile(r"[A-Za-z0-9_]{0,40}")
_AS_TEXT = (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE, FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL)
_CONVERSIONS: dict[Any, Any] = {
    **{kind: convert for kind, convert in conversions.items() if kind not in _AS_TEXT},
    **encoders,
}
_TABLE = re.compile(r"for table `?(?:[^`'.]+`?\.)?[`']?([^`']+)[`']?|Table '(?:[^'.]+\.)?([^']+)'")

_GLUE = "\x1f"

Parameters = Sequence[Any] | dict[str, Any] | None


class Database:
    """An open connection. Raises ShopTrouble of `connectors.errors`, never an error of the client."""

    def __init__(self, connection: "pymysql.Connection[Any]", prefix: str, place: str) -> None:
        self._connection, self.prefix, self.place = connection, prefix, place

    @classmethod
    def open(
        cls, url: str, prefix: str = "ps_", *, writes: bool = False, statement_seconds: int = STATEMENT_SECONDS
    ) -> Self:
        """Connect to `mysql://user:password@host:port/database`; `?ssl=1` encrypts, `?unix_socket=/path` is local.

        Without `writes` the server itself refuses every change.
        """
        if not _PREFIX.fullmatch(prefix):
            raise errors.BadShopAddress
        values, place = _arguments(url)
        with _plain_words(place):
            connection: pymysql.Connection[Any] = pymysql.connect(
                **values,
                charset="utf8mb4",
                conv=_CONVERSIONS,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                write_timeout=READ_SECONDS,
                local_infile=False,
                program_name="ghostcart",
            )
        made = cls(connection, prefix, place)
        try:
            made._settle(writes, statement_seconds)
        except BaseException:
            made.close()
            raise
        return made

    def _settle(self, writes: bool, statement_seconds: int) -> None:
        """Times as they are stored, no modes that would refuse them, no statement without end."""
        version = str(self.value("SELECT VERSION()"))
        self.is_mariadb = "mariadb" in version.lower()
        limit = f"max_execution_time = {statement_seconds * 1000}"
        if self.is_mariadb:
            limit = f"max_statement_time = {statement_seconds}"
        self.execute(
            "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 600, group_concat_max_len = 8000000"
        )
        self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with suppress(errors.DatabaseTrouble):  # a server older than this limit
            self.execute(f"SET SESSION {limit}")
        if not writes:
            self.execute("SET SESSION TRANSACTION READ ONLY")

    # -- asking ----------------------------------------------------------------------------------

    def rows(self, sql: str, params: Parameters = None) -> list[dict[str, Any]]:
        """All rows, a dict each."""
        with self._cursor(sql, params) as cursor:
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def tuples(self, sql: str, params: Parameters = None) -> Sequence[tuple[Any, ...]]:
        """All rows, a tuple each: for many."""
        with self._cursor(sql, params) as cursor:
            return cursor.fetchall()

    def packed(self, columns: Sequence[str], rest: str, params: Parameters = None) -> Iterator[list[str]]:
        """Rows of `SELECT columns rest` as lists of texts, NULL as "": one field a row is read four times as fast.

        For numbers and times only: a text could hold the mark between two columns.
        """
        glued = ", ".join(f"IFNULL({column}, '')" for column in columns)
        for (row,) in self.tuples(f"SELECT CONCAT_WS('{_GLUE}', {glued}) {rest}", params):
            yield row.split(_GLUE)

    def value(self, sql: str, params: Parameters = None) -> Any:
        """The first column of the first row; None if there is no row."""
        found = self.tuples(sql, params)
        return found[0][0] if found else None

    def stream(self, sql: str, params: Parameters = None) -> Iterator[tuple[Any, ...]]:
        """Rows as the server finds them, without keeping them: read to the end before anything else is asked."""
        with _plain_words(self.place):
            cursor: SSCursor = self._connection.cursor(SSCursor)
            try:
                cursor.execute(self._named(sql), params)
                while found := cursor.fetchmany(FETCHED_AT_ONCE):
                    yield from found
            finally:
                cursor.close()

    def execute(self, sql: str, params: Parameters = None) -> int:
        """Run a statement; says how many rows it touched."""
        with self._cursor(sql, params) as cursor:
            return int(cursor.rowcount)

    def insert(self, sql: str, params: Parameters = None) -> int:
        """Run an INSERT; says the number that the new row was given."""
        with self._cursor(sql, params) as cursor:
            return int(cursor.lastrowid or 0)

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Everything read within belongs to one moment of the shop."""
        self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        try:
            yield
        finally:
            self._end("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; only for a database opened with `writes`."""
        self.execute("START TRANSACTION")
        try:
            yield
        except BaseException:
            self._end("ROLLBACK")
            raise
        self.execute("COMMIT")

    def _end(self, how: str) -> None:
        with suppress(errors.ShopTrouble):  # the connection is gone, and with it the transaction
            self.execute(how)

    def table(self, name: str) -> str:
        """The full name of a table: `cart` is `ps_cart`."""
        return f"{self.prefix}{name}"

    def close(self) -> None:
        try:
            self._connection.close()
        except pymysql.MySQLError:
            self._connection._force_close()  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _named(self, sql: str) -> str:
        return sql.replace("{p}", self.prefix)

    @contextmanager
    def _cursor(self, sql: str, params: Parameters) -> "Iterator[Cursor]":
        with _plain_words(self.place), self._connection.cursor() as cursor:
            cursor.execute(self._named(sql), params)
            yield cursor


def without_password(url: str) -> str:
    """The address as staff may see it."""
    parts = urlsplit(url)
    user, _at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if user else host))


def with_password(address: str, password: str) -> str:
    """The whole address again, of the part that is shown and the one that is sealed."""
    parts = urlsplit(address)
    user, _at, host = parts.netloc.rpartition("@")
    secret = f":{quote(password, safe='')}" if password else ""
    return urlunsplit(parts._replace(netloc=f"{user}{secret}@{host}"))


def password_of(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def _arguments(url: str) -> tuple[dict[str, Any], str]:
    """What the client wants to know, and the place as people name it."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise errors.BadShopAddress from None
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("mysql", "mariadb") or not name or "/" in name or not parts.username:
        raise errors.BadShopAddress
    values: dict[str, Any] = {
        "user": unquote(parts.username),
        "password": unquote(parts.password or "").encode(),  # as text the client would send it in Latin-1
        "database": name,
    }
    if path := options.get("unix_socket"):
        return {**values, "unix_socket": path}, path
    if not parts.hostname:
        raise errors.BadShopAddress
    if options.get("ssl") == "1":
        values["ssl"] = {"check_hostname": False, "verify_mode": "none"} if "ssl_ca" not in options else {
            "ca": options["ssl_ca"], "check_hostname": True, "verify_mode": "required",
        }  # fmt: skip
    return {**values, "host": parts.hostname, "port": port}, f"{parts.hostname}:{port}"


@contextmanager
def _plain_words(place: str) -> Iterator[None]:
    """Errors of the client and the server as troubles with a code. What they say may hold secrets."""
    try:
        yield
    except pymysql.MySQLError as error:
        raise _trouble(error, place) from None
    except (OSError, EOFError):
        raise errors.ConnectionLost from None
    except RuntimeError as error:  # the server wants the password enciphered and we lack the cipher
        if "cryptography" not in str(error):
            raise
        raise errors.EncryptionNeeded from None


def _trouble(error: pymysql.MySQLError, place: str) -> errors.ShopTrouble:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = str(error.args[1]) if len(error.args) > 1 else ""
    match number:
        case 1045 | 1698 | 1130:
            return errors.AccessDenied()
        case 1044 | 1049:
            return errors.NoSuchDatabase()
        case 3159 | 1251:
            return errors.EncryptionNeeded()
        case 1142 | 1143:
            return errors.MissingRight(table=_table(words))
        case 1146:
            return errors.NotAPrestaShop(table=_table(words))
        case 2002 | 2003 | 2005 | 1040 | 1203:
            return errors.CannotConnect(place=place)
        case 1053 | 1927 | 2006 | 2013 | 2055 | 0:
            return errors.ConnectionLost()
        case 1969 | 3024 | 1205 | 1317:
            return errors.TooSlow()
    return errors.DatabaseTrouble(number=number)


def _table(words: str) -> str:
    found = _TABLE.search(words)
    return (found.group(1) or found.group(2) or "") if found else ""
