"""Faults for real: a migration that is killed, a database that stands still, a disk that is full. Each is told with the
way to mend it, keeps nobody for ever, leaves nothing half done, and when it is over the shop goes on.

A disk is made full by a limit on the size of files, which needs no rights: for SQLite on the server's processes, so
that its log can grow no more; for PostgreSQL on its own, so that a table cannot, or its log.
"""

import json
import resource
import signal
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import psycopg
import pytest

from ghostcart.lib import patience
from tests import postgres
from tests.config.test_upgrades import LOOK
from tests.config.test_upgrades import empty_room as empty_room
from tests.conftest import ON_POSTGRES
from tests.journeys import test_kill
from tests.journeys.test_database_kill import Databases, _is_dead
from tests.journeys.test_kill import PREPARE, SOON, Server
from tests.journeys.test_live_shop import frozen
from tests.streams import wait_for

KILLS, PAGE_THREADS = 3, 8
MANY = 100
"""More than a group of the writer holds, and than there are connections."""
MOST = 16 * 2**20
"""Bytes of a file of PostgreSQL's: its log needs that much."""
TOO_FEW = 8 * 2**20
"""Bytes, for its log; its tables need less."""

# -- a migration that is killed --------------------------------------------------------------------------------

DIES = """
import os, signal
from tests import upgrading
upgrading.set_up()
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from ghostcart.config.management.commands.migrate import Executor
def look(execute, statement, words, many, context):
    if statement.startswith('INSERT INTO "django_migrations"') and tuple(words[:2]) == {last}:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(statement, words, many, context)
migrate.MigrationExecutor = {executor}
with connection.execute_wrapper(look):
    call_command("migrate", verbosity=0)
"""
READY = """
from tests import upgrading
upgrading.set_up()
from django.test import Client
answer = Client(headers={"host": "localhost"}).get("/readyz")
print(answer.status_code, answer.json()["checks"]["migrations"])
"""
WAY = "Tables are older than the program. Run: ghostcart migrate"


def noted(room) -> int:
    """How many migrations are written down as done."""
    if not ON_POSTGRES:
        with sqlite3.connect(room.url.removeprefix("sqlite:///")) as connection:
            return connection.execute("SELECT count(*) FROM django_migrations").fetchone()[0]
    with psycopg.connect(room.url) as connection:
        return connection.execute("SELECT count(*) FROM django_migrations").fetchone()[0]


def kill_midway(room) -> None:
    """`ghostcart migrate`, killed when it has noted one more migration, wherever it is then."""
    before = noted(room)
    process = room.start("-m", "ghostcart", "migrate", stdout=subprocess.DEVNULL)
    wait_for(lambda: noted(room) > before, SOON)
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_again_and_again_a_migration_is_told_of_and_the_next_one_finishes_it(empty_room):
    walked = empty_room.ask("-m", "tests.upgrading", "carts.0001_initial")
    for _ in range(KILLS):
        kill_midway(empty_room)
    assert empty_room.told("-c", READY) == f"503 {WAY}"
    doctor = empty_room.run("-m", "ghostcart", "doctor")
    assert f"WRONG  migrations: {WAY}" in doctor.stdout
    assert doctor.returncode == 1
    empty_room.told("-m", "ghostcart", "migrate")
    looked = empty_room.ask("-c", LOOK, given=json.dumps(walked["written"]))
    assert (looked["lost"], looked["dangling"]) == ({}, [])
    assert empty_room.told("-c", READY).endswith("ok")


@pytest.mark.slow
def test_killed_when_all_but_the_note_is_done_a_migration_is_run_again(empty_room):
    for last in (("backoffice", "0001_initial"), ("carts", "0010_log_in_months")):
        done = empty_room.run("-c", DIES.format(last=last, executor="Executor"))
        assert done.returncode == -signal.SIGKILL, done.stderr
    empty_room.told("-m", "ghostcart", "migrate")
    assert empty_room.told("-c", READY).endswith("ok")


@pytest.mark.slow
def test_noted_afterwards_it_could_never_be_run_again(empty_room):
    """The guard of the test above: with Django's own executor."""
    script = DIES.format(last=("backoffice", "0001_initial"), executor="MigrationExecutor")
    assert empty_room.run("-c", script).returncode == -signal.SIGKILL
    done = empty_room.run("-m", "ghostcart", "migrate")
    assert done.returncode != 0
    assert "already exists" in done.stderr


# -- a running shop ------------------------------------------------------------------------------------------------


class Shop:
    """One server, and one shopper at it."""

    def __init__(self, room, output):
        self.room, self.output, self.acknowledged = room, output, []
        key = room.told("-c", PREPARE)
        self.serve()
        self.client = httpx.Client(
            headers={"Ghostcart-Shop": key, "User-Agent": "Mozilla/5.0 (a person)"}, timeout=SOON,
            limits=httpx.Limits(max_connections=None),
        )  # fmt: skip
        wait_for(self.is_up, SOON)
        self.client.headers["Ghostcart-Cart"] = self.client.post(f"{self.server.address}/carts", json={}).json()[
            "token"
        ]

    def serve(self):
        """At first, and again after its server was killed."""
        self.server = Server("ghostcart.config.asgi:application", self.room, self.output)
        self.address = self.server.address.removesuffix("/api/v1/store")

    def is_up(self):
        try:
            return self.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path):
        return self.client.get(f"{self.address}{path}")

    def add(self, key):
        answer = self.client.post(
            f"{self.server.address}/cart/lines", json={"sku": "MUG"}, headers={"Idempotency-Key": key}
        )
        if answer.status_code == 200:
            self.acknowledged.append(key)
        return answer

    def checks(self):
        return self.get("/readyz").json()["checks"]

    def assert_whole(self):
        figures = test_kill.held_against([SimpleNamespace(acknowledged=self.acknowledged, retries=0)], self.room)
        assert (figures["missing"], figures["doubled"], figures["broken carts"]) == (0, 0, 0)

    def stop(self):
        self.client.close()
        self.server.kill()


@contextmanager
def shop_in(room):
    with (room.folder / "shop.log").open("wb") as output, ExitStack() as stack:
        shop = Shop(room, output)
        stack.callback(shop.stop)
        yield shop


def assert_busy(answers):
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(503, "busy")}


# -- a database that stands still ----------------------------------------------------------------------------------


def main_process(server) -> int:
    return int((server.folder / "data/postmaster.pid").read_text().split()[0])


def waiting(connection) -> int:
    return connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_database_that_stands_still_keeps_nobody_for_ever(tmp_path):
    databases = Databases(tmp_path)
    try:
        with shop_in(databases.room) as shop:
            assert shop.add("before").status_code == 200
            keys = [f"meanwhile {number}" for number in range(MANY)]
            with ThreadPoolExecutor(2 * MANY) as threads, psycopg.connect(databases.room.url) as holding:
                holding.execute("LOCK TABLE catalog_category")
                pages = [threads.submit(shop.get, "/shop1/en/") for _ in range(PAGE_THREADS + 1)]
                wait_for(lambda: waiting(holding) == PAGE_THREADS, SOON)
                with frozen(main_process(databases.database)):
                    adding = [threads.submit(shop.add, key) for key in keys]
                    assert shop.get("/healthz").status_code == 200
                    ready = shop.get("/readyz")
                    refused = [one.result() for one in adding]
                    assert all(page.result().status_code for page in pages)
            assert ready.status_code == 503
            assert "stands still" in ready.json()["checks"]["database"]
            assert_busy(refused)
            wait_for(lambda: shop.add("after").status_code == 200, SOON)
            assert {shop.add(key).status_code for key in keys} == {200}
            assert shop.checks()["database"] == "ok"
            shop.assert_whole()
    finally:
        databases.stop()


@pytest.fixture
def silent_server(monkeypatch):
    """A PostgreSQL of its own, and little patience with it."""
    monkeypatch.setattr(patience, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 2)
    server = postgres.start()
    yield server
    server.stop()


@pytest.mark.postgres
def test_who_waits_without_patience_waits_for_as_long_as_it_stands_still(silent_server):
    """The guard of the test above."""
    url = silent_server.url
    with patience.Connection.connect(url) as patient, psycopg.connect(url) as other, ThreadPoolExecutor() as threads:
        with frozen(main_process(silent_server)):
            waiting = threads.submit(other.execute, "SELECT 1")
            with pytest.raises(psycopg.OperationalError, match="stands still"):
                patient.execute("SELECT 1")
            assert patient.closed
            assert not waiting.done()
        assert waiting.result(SOON).fetchone() == (1,)


@pytest.mark.postgres
def test_a_long_statement_is_waited_for(silent_server):
    with patience.Connection.connect(silent_server.url) as patient:
        assert patient.execute("SELECT 1 FROM pg_sleep(1)").fetchone() == (1,)


def test_who_takes_calls_and_says_nothing_stands_still_and_who_hangs_up_does_not():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = {"host": "127.0.0.1", "port": silent.getsockname()[1], "sslmode": "disable"}
        assert patience.stands_still(seconds=2, **where)
    assert not patience.stands_still(seconds=2, **where)


# -- a full disk ---------------------------------------------------------------------------------------------------


@contextmanager
def full_for_sqlite(shop):
    """No file grows beyond the write-ahead log as it is now."""
    most = Path(shop.room.url.removeprefix("sqlite:///") + "-wal").stat().st_size
    main = shop.server.process.pid
    members = [int(one) for one in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in members}
    for pid, (_soft, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
    yield
    for pid, limit in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def full_for_postgres(shop):
    """The table that each change writes into is as large as a file may become; until room is made in it."""
    insert = (
        "INSERT INTO carts_idempotencykey (shop_id, scope, key, request_hash, answer, at)"
        " SELECT 0, 'ballast', gen_random_uuid()::text, '', repeat('x', %s), now() FROM generate_series(1, %s)"
    )
    with psycopg.connect(shop.room.url, autocommit=True) as connection:
        for length, rows in ((1900, 4000), (1900, 100), (1900, 1), (500, 1), (100, 1), (1, 1)):
            while fits(connection, insert, length, rows):
                pass
        yield
        connection.execute("DELETE FROM carts_idempotencykey WHERE scope = 'ballast'")
        connection.execute("VACUUM carts_idempotencykey")


def fits(connection, *words) -> bool:
    try:
        connection.execute(words[0], words[1:])
    except psycopg.Error as error:
        if "File too large" not in str(error):
            raise
        return False
    return True


@contextmanager
def small_files():
    """What is started meanwhile writes no file beyond MOST."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def place(room, tmp_path):
    """Where a shop can run whose database may become full."""
    if not ON_POSTGRES:
        yield room
        return
    with small_files():
        databases = Databases(tmp_path)
    yield databases.room
    databases.stop()


@pytest.mark.slow
def test_on_a_full_disk_changes_are_refused_whole_and_when_there_is_room_the_shop_goes_on(place):
    full = full_for_postgres if ON_POSTGRES else full_for_sqlite
    with shop_in(place) as shop:
        assert shop.add("before").status_code == 200
        assert "changes" not in shop.checks()
        keys = [f"meanwhile {number}" for number in range(5)]
        with full(shop):
            assert_busy([shop.add(key) for key in keys])
            ready = shop.get("/readyz")
            read = shop.client.get(f"{shop.server.address}/cart")
            shop.assert_whole()
        assert "make room" in ready.json()["checks"]["changes"]
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert read.json()["items"] == 1
        assert {shop.add(key).status_code for key in keys} == {200}
        assert "changes" not in shop.checks()
        shop.assert_whole()


# -- no room for the database's own log ------------------------------------------------------------------------------


def leave_no_room_for_the_log(database):
    """Its log, which is half-way through a file, can go no further in it."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        while place_in_log(connection) < TOO_FEW:
            connection.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 100000))")
    main = main_process(database)
    members = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    for pid in (main, *members):  # by the user that they run as: root in a container may not
        command = ["prlimit", f"--fsize={TOO_FEW}:", "--pid", str(pid)]
        subprocess.run(command, check=pid == main, **postgres._unprivileged(database.folder))  # others come and go


def place_in_log(connection) -> int:
    statement = "SELECT file_offset FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())"
    return connection.execute(statement).fetchone()[0]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_database_that_stops_as_its_log_finds_no_room_has_all_that_was_acknowledged(tmp_path):
    databases = Databases(tmp_path)
    try:
        with shop_in(databases.room) as shop:
            assert shop.add("before").status_code == 200
            leave_no_room_for_the_log(databases.database)
            main = main_process(databases.database)
            keys = [f"meanwhile {number}" for number in range(5)]
            with ThreadPoolExecutor(len(keys)) as threads:
                assert_busy(threads.map(shop.add, keys))
            wait_for(lambda: _is_dead(str(main)), SOON)
            assert "could not write to log file" in (databases.database.folder / "log").read_text()
            ready = shop.get("/readyz")
            assert (ready.status_code, "cannot be reached" in ready.json()["checks"]["database"]) == (503, True)
            databases.boot()
            wait_for(lambda: shop.add("after").status_code == 200, SOON)
            assert {shop.add(key).status_code for key in keys} == {200}
            shop.assert_whole()
    finally:
        databases.stop()
