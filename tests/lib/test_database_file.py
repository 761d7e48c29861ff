"""A file of SQLite that is torn is noticed before anybody works on with it, and told with the way to mend it."""

import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import databases
from tests.rooms import Room
from tests.running import free_port

PAGE = 4096

START = """
from tests import upgrading
upgrading.set_up()
from ghostcart.lib import database_file
print(database_file.trouble_at_start())
"""
READY = """
import json
from tests import upgrading
upgrading.set_up()
from django.test import Client
answer = Client(headers={"host": "localhost"}).get("/readyz")
print(json.dumps([answer.status_code, answer.json()["checks"]["database"]]))
"""


def write(file: Path, rows: int) -> None:
    """Half of the sessions go, and so many come."""
    made = ((secrets.token_hex(16), "x" * 500, "2026-11-22 12:00:00") for _ in range(rows))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM django_session WHERE session_key < '8'")
        connection.executemany(
            "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)", made
        )


@pytest.fixture
def room(tmp_path):
    """On SQLite in every run."""
    with databases.own(None, tmp_path) as url:
        yield Room(tmp_path, url)


@pytest.fixture
def file(room) -> Path:
    file = Path(room.url.removeprefix("sqlite:///"))
    write(file, 2000)
    return file


def tear(room: Room, file: Path) -> None:
    """As a copy is, of which the second half was read after somebody had written."""
    before = file.read_bytes()
    write(file, 2000)
    half = len(before) // PAGE // 2 * PAGE
    file.write_bytes(before[:half] + file.read_bytes()[half:])


def cut_off(room: Room, file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(room: Room, file: Path) -> None:
    file.write_bytes(b"not a database at all " * 1000)


@pytest.mark.parametrize("damage", [tear, cut_off, overwrite])
def test_nobody_starts_on_a_torn_file(room, file, damage):
    damage(room, file)
    done = room.run("-m", "ghostcart", "worker", "--once")
    assert done.returncode != 0
    assert "is torn" in done.stderr
    assert "ghostcart restored" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["web"], ["wire"], ["demo", "--prepare-only"]])
def test_each_way_to_start_looks(room, file, command):
    cut_off(room, file)
    done = room.run("-m", "ghostcart", *command, PORT=str(free_port()), GHOSTCART_DEMO="1")
    assert done.returncode != 0
    assert "is torn" in done.stderr


@pytest.mark.parametrize("damage", [tear, cut_off, overwrite])
def test_the_doctor_names_it(room, file, damage):
    damage(room, file)
    done = room.run("-m", "ghostcart", "doctor")
    assert [line for line in done.stdout.splitlines() if line.startswith("WRONG") and "is torn" in line]
    assert done.returncode == 1


def test_the_health_page_names_it_where_the_database_cannot_answer(room, file):
    cut_off(room, file)
    status, told = room.ask("-c", READY)
    assert (status, "is torn" in told) == (503, True)


def test_an_index_that_is_older_than_its_table_is_found_by_the_doctor(room, file):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM django_session")
        connection.execute("VACUUM")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND name LIKE 'django_session_expire_date%'"
        ).fetchone()
    place = slice((root - 1) * PAGE, root * PAGE)
    page = file.read_bytes()[place]
    write(file, 2)
    later = bytearray(file.read_bytes())
    assert later[place] != page
    later[place] = page
    file.write_bytes(later)
    assert (
        "is torn (row 1 missing from index django_session_expire_date" in room.run("-m", "ghostcart", "doctor").stdout
    )
    assert room.told("-c", START) == ""  # for that the whole file would have to be held against its indexes


def test_a_whole_copy_of_a_file_that_is_in_use_is_not_complained_of(room, file):
    with closing(sqlite3.connect(file)) as used, closing(sqlite3.connect(room.folder / "copy")) as copy:
        used.execute("DELETE FROM django_session WHERE session_key < 'c'")
        used.commit()
        used.backup(copy)
        shutil.copyfile(room.folder / "copy", room.folder / "other.sqlite3")
    there = Room(room.folder, f"sqlite:///{room.folder}/other.sqlite3")
    assert there.told("-c", START) == ""
    assert "torn" not in there.run("-m", "ghostcart", "doctor").stdout


def test_a_torn_file_is_mended_as_it_says(room, file):
    with closing(sqlite3.connect(file)) as shop, closing(sqlite3.connect(room.folder / "copy")) as copy:
        shop.backup(copy)
    tear(room, file)
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    shutil.copyfile(room.folder / "copy", file)
    room.told("-m", "ghostcart", "restored")
    room.told("-m", "ghostcart", "worker", "--once")


def test_a_shop_that_is_not_there_yet_is_no_trouble(tmp_path):
    assert Room(tmp_path, f"sqlite:///{tmp_path}/new.sqlite3").told("-c", START) == ""


def test_a_log_that_was_left_beside_a_restored_file_is_noticed(room, file):
    """Whoever puts a backup in place and leaves -wal beside it: SQLite lays the one over the other."""
    with closing(sqlite3.connect(room.folder / "copy")) as copy, closing(sqlite3.connect(file)) as shop:
        shop.backup(copy)
    write(file, 2000)
    with closing(sqlite3.connect(file)) as shop:
        shop.execute("SELECT * FROM django_session").fetchone()
        write(file, 2000)  # its log stays as long as somebody has the file open
        log = Path(f"{file}-wal").read_bytes()
    shutil.copyfile(room.folder / "copy", file)
    Path(f"{file}-wal").write_bytes(log)
    assert "is torn" in room.told("-c", START)
