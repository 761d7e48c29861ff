"""The database dies at any moment, with all its processes: whatever was acknowledged is there, once; the shop goes on.

As test_kill, but it is PostgreSQL that is killed with -9 under load, and started again. GHOSTCART_KILLS says how often.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from tests import databases
from tests.conftest import IN_CI
from tests.journeys.test_kill import (
    PREPARE,
    SHOPPERS,
    SOON,
    Server,
    Shopper,
    _until,
    _until_acknowledged,
    held_against,
)
from tests.rooms import Room

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
KILLS = int(os.environ.get("GHOSTCART_KILLS", 8 if IN_CI else 3))
LOSES = "-c fsync=off -c synchronous_commit=off -c wal_writer_delay=10s -c wal_writer_flush_after=0"


class Databases:
    """One PostgreSQL, killed and started again. `servers` as shoppers know them: two of the same shop."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.database = databases.start_server(durable=True, settings=settings)
        self.room = Room(folder, databases.named(self.database.url, databases.MIGRATED))
        self.output = (folder / "server.log").open("wb")
        self.running: list[Server] = []

    def serve(self) -> None:
        application = "ghostcart.config.asgi:application"
        self.running = [Server(application, self.room, self.output) for _ in range(2)]

    def kill(self) -> None:
        """The server and all its processes, as the power would."""
        assert self.database.folder
        (main, *_rest) = (self.database.folder / "data/postmaster.pid").read_text().split()
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *children):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        assert _until(lambda: not any(Path(f"/proc/{pid}").exists() and not _is_dead(pid) for pid in (main, *children)))

    def boot(self) -> None:
        assert self.database.restart
        assert _until(lambda: _starts(self.database.restart))

    def stop(self) -> None:
        for server in self.running:
            server.kill()
        self.output.close()
        self.database.stop()


def _is_dead(pid: str) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def _starts(restart) -> bool:
    try:
        restart()
    except RuntimeError:  # what the dead ones shared is not given back yet
        return False
    return True


def kill_and_count(folder: Path, kills: int, settings: str = "") -> dict[str, int]:
    shops, enough = Databases(folder, settings), Event()
    try:
        shop = shops.room.told("-c", PREPARE)
        shops.serve()
        shoppers = [Shopper(shops, shop, enough) for _ in range(SHOPPERS)]
        for shopper in shoppers:
            shopper.start()
        for _ in range(kills):
            _until_acknowledged(shoppers, 40)
            shops.kill()
            shops.boot()
        _until_acknowledged(shoppers, 10)
        enough.set()
        for shopper in shoppers:
            shopper.join(SOON)
        assert [shopper.trouble for shopper in shoppers if shopper.trouble] == []
        return held_against(shoppers, shops.room) | {"kills": kills}
    finally:
        enough.set()
        shops.stop()


def test_nothing_acknowledged_is_lost_or_doubled_when_the_database_is_killed(tmp_path):
    figures = kill_and_count(tmp_path, KILLS)
    print(f"\n{figures}")
    assert (figures["missing"], figures["doubled"], figures["broken carts"]) == (0, 0, 0)


def test_a_database_that_says_done_before_it_is_written_loses(tmp_path):
    """The guard of the test above: why the doctor looks for it."""
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        figures = kill_and_count(folder, 2, LOSES)
        print(f"\n{figures}")
        if figures["missing"]:
            return
    pytest.fail("an early answer never lost anything: the test above proves nothing")
