"""Databases for tests: migrated once, then copied.

What migrations make is kept in .pytest_cache until one of them changes, or anything else that it comes from: a file for
SQLite, the data folder of a server for PostgreSQL. Of runs that start at once one makes it, and the others wait.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests import postgres

ROOT = Path(__file__).parent.parent
KEPT = ROOT / ".pytest_cache" / "databases"
MANY = 3
"""So many are kept of each kind: there may be several branches."""
MIGRATED = "migrated"
"""The name of the database that others are copies of, on a private server."""
SOURCES = (
    "ghostcart/**/migrations/*.py", "ghostcart/**/models.py", "ghostcart/lib/*.py", "ghostcart/config/*.py",
    "ghostcart/config/management/commands/migrate.py", "tests/databases.py", "tests/postgres.py",
)  # fmt: skip


def key(kind: str, now: datetime, root: Path = ROOT) -> str:
    """What migrations make depends on: themselves and what they use, whose they are, and where and when they run."""
    told = hashlib.sha256()
    engine = postgres.version() if kind == "postgres" else sqlite3.sqlite_version
    versions = [f"{name} {metadata.version(name)}" for name in ("django", "django-allauth", "psycopg")]
    told.update(repr([engine, *versions, f"{now.astimezone(UTC):%Y-%m}"]).encode())  # the log is split by months
    for path in sorted({path for pattern in SOURCES for path in root.glob(pattern)}):
        told.update(repr([str(path.relative_to(root)), path.read_bytes()]).encode())
    return told.hexdigest()[:16]


@contextmanager
def kept(kind: str, make: Callable[[Path], None], folder: Path = KEPT) -> Iterator[Path]:
    """Where the one of this kind is kept, made if it is not there; until the end of the block nobody removes it.

    What is there is whole: it is made elsewhere and moved into its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = folder / f"{kind}-{key(kind, datetime.now(UTC))}"
        if not place.exists():
            others = sorted(folder.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)
            for old in (*folder.glob("new-*"), *others[: 1 - MANY]):
                _remove(old)
            new = Path(tempfile.mkdtemp(prefix="new-", dir=folder)) / "it"
            make(new)
            os.sync()
            new.rename(place)
            new.parent.rmdir()
        yield place


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


# -- a database --------------------------------------------------------------------------------------------------


@contextmanager
def own(server: str | None, folder: Path, *, is_migrated: bool = True) -> Iterator[str]:
    """The URL of a new database, gone at the end of the block: on the PostgreSQL server of this URL, else a file in the
    folder."""
    if server is None:
        file = folder / "ghostcart.sqlite3"
        if is_migrated:
            with kept("sqlite", _make_file) as whole:
                shutil.copyfile(whole, file)
        yield f"sqlite:///{file}"
        return
    name = f"tests_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as asking:
        is_known = asking.execute("SELECT FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone() is not None
        asking.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {MIGRATED}" if is_migrated and is_known else ""))
    url = named(server, name)
    try:
        if is_migrated and not is_known:  # a server that was given
            _migrate(url)
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as asking:
            asking.execute(f"DROP DATABASE {name} WITH (FORCE)")


def named(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def start_server(**options: Any) -> postgres.Server:
    """A private PostgreSQL that has the database MIGRATED. Options are those of `postgres.start`."""
    if "TEST_DATABASE_URL" in os.environ:
        return postgres.start(**options)
    with kept("postgres", _make_server) as data:
        return postgres.start(begin_with=data, **options)


def _make_file(file: Path) -> None:
    _migrate(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _make_server(data: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ghostcart-pg-") as folder:
        server = postgres.start(keep=Path(folder))
        try:
            with psycopg.connect(server.url, autocommit=True) as asking:
                asking.execute(f"CREATE DATABASE {MIGRATED}")
            _migrate(named(server.url, MIGRATED))
        finally:
            server.stop()
        shutil.copytree(Path(folder) / "data", data)


def _migrate(url: str) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTCART_")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "ghostcart", "migrate", "-v", "0"],
            env=given | {"GHOSTCART_DATA": folder, "DATABASE_URL": url, "LOG_LEVEL": "CRITICAL"}, cwd=ROOT, check=True,
        )  # fmt: skip
