"""What is wrong with an installation, in sentences that say how to mend it: `ghostcart doctor`.

What `/readyz` tells machines, and what only somebody on the host may see: settings, disk, database, what was built.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import DatabaseError, connection
from django.http.request import validate_host

from ghostcart.config import health
from ghostcart.lib import clock, database_file, replica

LEAST_FREE = 2 * 2**30
OLDEST_POSTGRES = 13
MOST_SKEW = timedelta(seconds=5)
LONG = timedelta(minutes=5)
"""A transaction that runs for so long holds back the live page of everybody."""
BUILT = ("backoffice/dist/manifest.json", "storefront/dist/manifest.json")


@dataclass(frozen=True, slots=True)
class Finding:
    """A part that was looked at; `trouble` is empty if it is well. A warning is no reason not to open the shop."""

    part: str
    trouble: str = ""
    is_warning: bool = False


def examine() -> Iterator[Finding]:
    """All parts, one after the other. What needs the database is left out while it cannot be reached."""
    for part, look in (
        ("secret key", secret_key), ("address", address), ("encryption", encryption), ("clock", moved_clock),
        ("data folder", data_folder), ("front end", front_end), ("translations", translations),
    ):  # fmt: skip
        yield _told(part, look)
    checks, _backlog, _workers = health.look()
    is_ready = checks["database"] == checks["migrations"] == "ok"
    checks.pop("disk")  # `data folder` speaks sooner
    for part, told in checks.items():
        if is_ready or part in ("database", "migrations"):
            yield Finding(part, "" if told == "ok" else told)
    if checks["database"] == "ok":
        for part, look in (("database version", version), ("database file", whole_file),
                           ("durability", durability), ("connections", connections),
                           ("database clock", database_clock), ("long transactions", long_transactions),
                           ("database copy", copy)):  # fmt: skip
            yield _told(part, look)


def _told(part: str, look: Callable[[], tuple[str, bool]]) -> Finding:
    try:
        trouble, is_warning = look()
    except DatabaseError as error:
        return Finding(part, f"It could not be asked ({type(error).__name__}).", is_warning=True)
    return Finding(part, trouble, is_warning)


def _well() -> tuple[str, bool]:
    return "", False


# -- settings ----------------------------------------------------------------------------------------


def secret_key() -> tuple[str, bool]:
    if len(settings.SECRET_KEY) < 32:
        return (
            "SECRET_KEY is short enough to be guessed. Set one of 50 characters, or none: one is made.",
            False,
        )
    path = settings.DATA / "secret_key"
    if not os.environ.get("SECRET_KEY") and path.stat().st_mode & 0o077:
        return f"Others on this host may read {path}. Run: chmod 600 {path}", False
    return _well()


def address() -> tuple[str, bool]:
    host = urlsplit(settings.SITE_URL).hostname or ""
    if host in ("127.0.0.1", "localhost", "::1") and not settings.IS_DEMO:
        return f"Links in mails lead to {settings.SITE_URL}. Set GHOSTCART_URL to the shop's public address.", True
    if not validate_host(host, settings.ALLOWED_HOSTS):
        return f"{host} is not among ALLOWED_HOSTS, so its pages answer 400. Add it.", False
    return _well()


def encryption() -> tuple[str, bool]:
    is_public = urlsplit(settings.SITE_URL).scheme == "https"
    if is_public and not settings.IS_HTTPS:
        return "GHOSTCART_URL is https, but cookies go without it. Set GHOSTCART_HTTPS=true.", False
    if is_public and not settings.TRUSTED_PROXIES and settings.HOST in ("127.0.0.1", "::1"):
        return "The proxy's word on who calls is not believed. Set TRUSTED_PROXIES to its address.", True
    return _well()


def moved_clock() -> tuple[str, bool]:
    if clock.offset() and not settings.IS_DEMO:
        return f"GHOSTCART_CLOCK moves the time by {clock.offset()}. Only a demo should have it.", False
    return _well()


# -- this host ---------------------------------------------------------------------------------------


def data_folder() -> tuple[str, bool]:
    folder = settings.DATA
    if not os.access(folder, os.W_OK):
        return f"Nothing can be written to {folder}. Give it to the user that runs Ghostcart.", False
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        return f"Only {free / 2**30:.1f} GiB are left where {folder} lies. Make room before it is full.", False
    return _well()


def front_end() -> tuple[str, bool]:
    missing = [name for name in BUILT if finders.find(name) is None]
    return ("The styles and scripts are not built. Run: make assets", False) if missing else _well()


def translations() -> tuple[str, bool]:
    missing = [
        language
        for language, _name in settings.LANGUAGES
        if language != "en" and not (settings.LOCALE_PATHS[0] / language / "LC_MESSAGES" / "django.mo").exists()
    ]
    trouble = f"Texts are not compiled for {', '.join(missing)}. Run: make assets .venv/.translations"
    return (trouble, False) if missing else _well()


# -- the database ------------------------------------------------------------------------------------


def _ask(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _is_postgres() -> bool:
    return bool(connection.vendor == "postgresql")


def version() -> tuple[str, bool]:
    if not _is_postgres():
        return _well()
    number = int(_ask("SHOW server_version_num")) // 10_000
    if number < OLDEST_POSTGRES:
        return f"PostgreSQL {number} is too old. Upgrade it to {OLDEST_POSTGRES} or newer.", False
    encoding = _ask("SHOW server_encoding")
    if encoding != "UTF8":
        return f"The database keeps texts as {encoding}: names in other scripts are lost. Make one with UTF8.", False
    return _well()


def whole_file() -> tuple[str, bool]:
    return database_file.torn(is_thorough=True), False


def durability() -> tuple[str, bool]:
    """An accepted change must be on disk before it is acknowledged."""
    if not _is_postgres():
        return ("PRAGMA synchronous is below FULL.", False) if int(_ask("PRAGMA synchronous")) < 2 else _well()
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if _ask(f"SHOW {name}") == "off":
            return f"PostgreSQL runs with {name} = off: a power cut loses carts. Set it to on.", False
    if _ask("SHOW autovacuum") == "off":
        return "PostgreSQL runs with autovacuum = off: tables grow and slow down. Set it to on.", True
    return _well()


def connections() -> tuple[str, bool]:
    if not _is_postgres():
        return _well()
    most, ours = int(_ask("SHOW max_connections")), settings.DATABASE_POOL
    used = int(_ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    if used + ours > most:
        return (
            f"{used} of {most} connections are taken, and a process may take {ours} (DATABASE_POOL)."
            " Raise max_connections or lower DATABASE_POOL."
        ), True
    return _well()


def database_clock() -> tuple[str, bool]:
    if not _is_postgres():
        return _well()
    skew = abs(datetime.fromtimestamp(float(_ask("SELECT extract(epoch FROM clock_timestamp())")), UTC) - _real_now())
    if skew > MOST_SKEW:
        return f"The database's clock differs from this host's by {skew.total_seconds():.0f} s. Run NTP on both.", False
    return _well()


def _real_now() -> datetime:
    return clock.now() - clock.offset()


def copy() -> tuple[str, bool]:
    if not replica.is_set_up():
        return _well()
    with replica.reading(None):
        if not replica.is_reading():
            return (
                "The copy at DATABASE_REPLICA_URL is away or far behind, so the primary answers for it."
                " On the copy, ask: SELECT * FROM pg_stat_wal_receiver"
            ), True
    return _well()


def long_transactions() -> tuple[str, bool]:
    if not _is_postgres():
        return _well()
    seconds = float(
        _ask(
            "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity"
            " WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
        )
    )
    if seconds > LONG.total_seconds():
        return (
            f"A transaction has been writing for {seconds / 60:.0f} minutes: the live page shows nothing newer."
            " pg_stat_activity names it; end it with pg_terminate_backend(pid)."
        ), True
    return _well()
