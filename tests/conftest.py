"""What every test stands on: the database of the run, a folder for data, a browser, and an honest end.

GHOSTCART_TEST_DATABASE=postgres: a private PostgreSQL for each process of the run. Otherwise SQLite, in files.
CI=true: whatever had to be skipped fails the run.
"""

import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from tests import postgres

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

# -- the database: chosen before the settings are read; workers inherit the first process's environment


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    os.environ["DJANGO_SETTINGS_MODULE"] = "ghostcart.config.settings"
    if IS_WORKER:  # a folder of its own, for pictures and exports
        os.environ["GHOSTCART_DATA"] += f"/{os.environ['PYTEST_XDIST_WORKER']}"
        if ON_POSTGRES:
            _own_server(config)
    else:
        _choose_database(config)
    import django

    django.setup()


def _choose_database(config):
    folder = tempfile.mkdtemp(prefix="ghostcart-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["GHOSTCART_DATA"] = folder
    if ON_POSTGRES:
        _own_server(config)
    else:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/ghostcart.sqlite3"


def _own_server(config):
    """One for each process: transactions of all databases of a server hold back the horizon of its cart logs, so that
    a long test in one process would let the log of another stand still."""
    server = postgres.start()
    config.add_cleanup(server.stop)
    os.environ["DATABASE_URL"] = server.url


def pytest_report_header(config):
    return f"database: {'PostgreSQL, private' if ON_POSTGRES else 'SQLite'}"


def pytest_collection_modifyitems(config, items):
    """Tests of PostgreSQL alone belong to the other run: left out, not skipped."""
    if ON_POSTGRES:
        return
    left_out = [item for item in items if item.get_closest_marker("postgres")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The private server goes as a whole; dropping its databases first would only wait for our own threads."""
    return ON_POSTGRES


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
