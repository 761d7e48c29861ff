"""The way back from an upgrade. As long as a version's tables only gain something, the version before goes on beside
them; from anything else the backup that was taken before leads back, on both databases.

No version was released yet: the next one's tables are today's, with one more migration.
"""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests import databases, postgres
from tests.config.test_hard_faults import SOON, shop_in
from tests.rooms import Room
from tests.streams import wait_for

pytestmark = pytest.mark.slow

NEXT = """
from django.db import migrations, models
from tests import upgrading
upgrading.set_up()
class Migration(migrations.Migration):
    operations = [{operations}]
executor = upgrading.Walk().executor
state = executor._create_project_state(with_applied_migrations=True)
executor.apply_migration(state, Migration("9999_next", "carts"))
"""
GAINS = """
migrations.AddField("cart", "greeting", models.CharField(max_length=9, default="", db_default="")),
migrations.AddIndex("cart", models.Index(fields=["greeting"], name="cart_by_greeting")),
migrations.CreateModel("Parcel", [("id", models.BigAutoField(primary_key=True)),
                                  ("cart", models.ForeignKey("carts.cart", models.CASCADE))]),
"""
ASKS_FOR_MORE = 'migrations.AddField("cart", "greeting", models.CharField(max_length=9, default=""))'
"""A column that the version before does not fill, and the database does not either."""
LOSES = 'migrations.RemoveField("cart", "bot_reasons"),' + GAINS
NEWER = "Tables are newer than this program (9999_next): two versions run. Put the newer one everywhere."


def start_again(shop):
    shop.server.kill()
    shop.serve()
    wait_for(shop.is_up, SOON)


def test_the_version_before_goes_on_beside_tables_that_gained_something(room):
    with shop_in(room) as shop:
        assert shop.add("before").status_code == 200
        room.told("-c", NEXT.format(operations=GAINS))
        assert shop.add("beside").status_code == 200
        start_again(shop)
        assert shop.add("back").status_code == 200
        assert shop.get("/shop1/en/").status_code == 200
        room.told("-m", "ghostcart", "worker", "--once")
        ready = shop.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["version"]) == (200, NEWER)
        shop.assert_whole()


def test_beside_tables_that_ask_for_more_it_would_not(room):
    """The guard of the test above."""
    with shop_in(room) as shop:
        room.told("-c", NEXT.format(operations=ASKS_FOR_MORE))
        assert shop.add("beside").status_code >= 500


# -- the backup that was taken before --------------------------------------------------------------------------------


@pytest.fixture
def clock(room):
    """Moves the time of all processes of the room."""
    room.environment["GHOSTCART_CLOCK"] = str(room.folder / "clock")
    return lambda hours: room.told("-m", "ghostcart", "clock", "--forward-hours", str(hours))


@pytest.fixture
def elsewhere(database_server, tmp_path):
    """A fresh database for what a dump of PostgreSQL holds; SQLite's file goes back to where it was."""
    (tmp_path / "elsewhere").mkdir()
    with databases.own(database_server, tmp_path / "elsewhere", is_migrated=False) as url:
        yield url


def program(name: str, *words: object) -> None:
    subprocess.run([postgres._programs() / name, *map(str, words)], check=True, timeout=300)


def back_up(room: Room) -> Path:
    """As `docs/how-to` says."""
    backup = room.folder / "backup"
    if room.url.startswith("sqlite"):
        with closing(sqlite3.connect(file_of(room))) as shop, closing(sqlite3.connect(backup)) as copy:
            shop.backup(copy)  # what `.backup` of the command does
    else:
        program("pg_dump", "--format=custom", "--file", backup, room.url)
    return backup


def put_back(backup: Path, room: Room, fresh: str) -> Room:
    """As `docs/how-to` says."""
    if room.url.startswith("sqlite"):
        for ending in ("-wal", "-shm"):
            Path(f"{file_of(room)}{ending}").unlink(missing_ok=True)
        shutil.copyfile(backup, file_of(room))
        return room
    program("pg_restore", "--exit-on-error", "--no-owner", "--dbname", fresh, backup)
    there = Room(room.folder, fresh)
    there.environment["GHOSTCART_CLOCK"] = room.environment["GHOSTCART_CLOCK"]
    return there


def file_of(room: Room) -> Path:
    return Path(room.url.removeprefix("sqlite:///"))


def test_from_anything_else_the_backup_that_was_taken_before_leads_back(room, clock, elsewhere):
    with shop_in(room) as shop:
        assert shop.add("before").status_code == 200
        room.told("-m", "ghostcart", "worker", "--once")
        backup = back_up(room)
        clock(1)
        room.told("-m", "ghostcart", "worker", "--once")
        room.told("-c", NEXT.format(operations=LOSES))
        assert shop.add("too late").status_code >= 500
        shop.server.kill()
        shop.room = put_back(backup, room, elsewhere)
        shop.serve()
        wait_for(shop.is_up, SOON)
        assert "version" not in shop.checks()
        assert "ghostcart restored" in shop.checks()["mail"]
        shop.room.told("-m", "ghostcart", "restored")
        assert "ghostcart restored" not in shop.checks()["mail"]
        assert shop.add("after").status_code == 200
        shop.assert_whole()
