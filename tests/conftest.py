"""What every test stands on: the database of the run, a folder for data, a browser, and an honest end.

GHOSTCART_TEST_DATABASE=postgres: a private PostgreSQL for each process of the run. Otherwise SQLite, in files.
--once: what does not depend on the database is left out of one of the two runs (CONTRIBUTING.md says which).
CI=true: whatever had to be skipped fails the run.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.rooms import Room

ON_POSTGRES = os.environ.get("GHOSTCART_TEST_DATABASE") == "postgres"
pytest_plugins = ["tests.promises"]
IN_CI = os.environ.get("CI") == "true"
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

# -- the database: chosen before the settings are read -------------------------------------------------------

SERVER = pytest.StashKey[str | None]()


def pytest_addoption(parser):
    parser.addoption("--once", action="store_true", help="leave out what the run on the other database does for both")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    is_shared_out = bool(config.getoption("numprocesses", None)) and not IS_WORKER
    if is_shared_out:  # its processes do this for themselves, and must find nothing of it done: not even these names
        return
    folder = tempfile.mkdtemp(prefix="ghostcart-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.stash[SERVER] = None
    os.environ |= {"DJANGO_SETTINGS_MODULE": "ghostcart.config.settings", "GHOSTCART_DATA": folder}
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/nothing.sqlite3"
    if ON_POSTGRES:
        # One for each process: transactions of all databases of a server hold back the horizon of its cart logs, so
        # that a long test in one process would let the log of another stand still.
        server = databases.start_server()
        config.add_cleanup(server.stop)
        config.stash[SERVER] = os.environ["DATABASE_URL"] = server.url
    import django

    django.setup()
    del os.environ["DATABASE_URL"]  # who needs a database asks for it


def pytest_report_header(config):
    return f"database: {'PostgreSQL, private' if ON_POSTGRES else 'SQLite'}"


@pytest.fixture(scope="session")
def database_server(pytestconfig) -> str | None:
    """The URL of the PostgreSQL of this process; None in a run on SQLite."""
    return pytestconfig.stash[SERVER]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, database_server) -> Iterator[None]:
    """Instead of migrating: a copy of what was migrated."""
    from django.conf import settings
    from django.db import connection, connections

    from ghostcart.config.settings import database
    from tests import emptying

    with databases.own(database_server, settings.DATA) as url:
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = database(url)["NAME"]
        if database_server is None:  # as the private PostgreSQL, it need not outlive a power cut
            connection.settings_dict["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
        with django_db_blocker.unblock():
            emptying.install()
        yield
        connections.close_all()
        if database_server:
            connection.close_pool()


@pytest.fixture(scope="module")
def made_once(django_db_setup, django_db_blocker) -> Callable[..., AbstractContextManager[Any]]:
    """What a function made, with its rows there for all tests of a module: until the end of the block they are in a
    transaction, in which each test undoes its own. None of them may need a transaction of its own."""

    @contextmanager
    def making(make: Callable[[], Any]) -> Iterator[Any]:
        from django.db import transaction

        with django_db_blocker.unblock(), transaction.atomic():
            made = make()
            with django_db_blocker.block():
                yield made
            transaction.set_rollback(True)

    return making


@pytest.fixture(scope="module")
def new_room(database_server) -> Iterator[Callable[..., Room]]:
    """Makes rooms, each with a database of its own that is migrated, or empty."""
    with ExitStack() as stack:

        def make(folder: Path, *, is_migrated: bool = True) -> Room:
            return Room(folder, stack.enter_context(databases.own(database_server, folder, is_migrated=is_migrated)))

        yield make


@pytest.fixture
def room(new_room, tmp_path) -> Room:
    return new_room(tmp_path)


# -- what runs where -------------------------------------------------------------------------------------------


def asks_for_a_database(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("django_db")) or "database_server" in item.fixturenames


def belongs_here(item: pytest.Item, once: bool) -> bool:
    """Tests of PostgreSQL alone need it. `once`: those that drive a browser run there too, and those that ask for no
    database on SQLite."""
    if item.get_closest_marker("postgres"):
        return ON_POSTGRES
    if not once:
        return True
    if "chromium" in item.fixturenames:
        return ON_POSTGRES
    return asks_for_a_database(item) or not ON_POSTGRES


def pytest_collection_modifyitems(config, items):
    """What belongs to the other run is left out, not skipped."""
    once = config.getoption("once", False)
    left_out = [item for item in items if not belongs_here(item, once)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if belongs_here(item, once)]


# -- the cast --------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(db):
    """As `factories.shop` makes it."""
    from tests import factories

    return factories.shop()


@pytest.fixture
def ada(shop):
    """A customer of the shop."""
    from tests import factories

    return factories.customer(shop)


# -- the browser ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium():
    """Playwright's browser object, on the system's Chromium. One per worker; ask it for new_context()."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "no Chromium here (as root, `make test` installs it; else: apt-get install chromium)"
        (pytest.fail if IN_CI else pytest.skip)(reason)

    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread, and Django would refuse to touch the database beside it.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


# -- the end -------------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if IN_CI and not IS_WORKER and exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if IN_CI and _skipped(config):
        terminalreporter.write_line("CI=true: nothing may be skipped, so this run fails.", red=True)


def _skipped(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def forget_rules():
    """Rules of shops are kept for a second; the next test has other shops with the same numbers."""
    from ghostcart.shops import rules

    rules.forget()
    yield
    rules.forget()


@pytest.fixture(autouse=True)
def rest_before_the_flush(request):
    """Behind a test with transactions all tables are emptied. A thread of ours that still wrote would wait for that
    in a circle (PostgreSQL), or write into the next test."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")) and "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")  # made before this fixture, so it ends after it
    yield
    at_rest()


def at_rest(seconds: float = 60) -> None:
    """Wait until the threads that work beside a test have nothing in hand: the writer, and followers of the log."""
    from django.db import connection

    from ghostcart.api import live, store
    from ghostcart.api.merchant import events
    from ghostcart.carts import log
    from ghostcart.live.follower import Follower

    assert store.writer.drain(seconds), "a write hangs"
    live.hub.screens.clear()
    events.hub.screens.clear()
    followers = [thread for thread in threading.enumerate() if isinstance(thread, Follower)]
    for follower in followers:
        follower.stop()
    if followers and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {log.CHANNEL}")  # wakes them from their wait
    for follower in followers:
        follower.join(seconds)
        assert not follower.is_alive(), "a follower hangs"
