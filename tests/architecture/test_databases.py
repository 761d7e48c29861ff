"""What all tests stand on: each finds the tables as they were made, in a copy of what migrations make now; and what
depends on the database runs on both."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import CodeType, FunctionType
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction

from ghostcart.carts import log
from ghostcart.carts.models import CartEvent
from ghostcart.lib import partitions
from ghostcart.shops.models import Shop
from tests import databases, emptying, factories, upgrading
from tests.conftest import ON_POSTGRES, asks_for_a_database
from tests.races import together
from tests.streams import SOON, wait_for

committed = pytest.mark.django_db(transaction=True)

# -- empty tables ------------------------------------------------------------------------------------------------


def counts() -> dict[str, int]:
    """Rows of each table that there is: also of the parts of one, and where there is no model."""
    listed = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    with connection.cursor() as cursor:
        cursor.execute(listed)
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names))
        return dict(cursor.fetchall())


def full() -> set[str]:
    return {name for name, rows in counts().items() if rows}


def meanings() -> list[set[Any]]:
    """Content types and permissions, but for their numbers."""
    return [
        set(ContentType.objects.values_list("app_label", "model")),
        set(Permission.objects.values_list("content_type__app_label", "content_type__model", "codename", "name")),
    ]


def fill() -> None:
    """Rows in every table, and in every part of one."""
    upgrading.Walk().fill(apps)
    CartEvent.objects.filter(pk=CartEvent.objects.latest("pk").pk).update(at=datetime(2999, 1, 1, tzinfo=UTC))
    assert full() == counts().keys()


@committed
@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_finds_the_tables_as_they_were_made(turn):
    """And leaves rows in all of them: for the second turn, and for whatever comes next."""
    assert full() == {"django_migrations", *emptying.MADE}
    assert len(partitions.parts(log.TABLE)) == (2 if connection.vendor == "postgresql" else 0)
    fill()


@committed
def test_what_is_left_is_what_the_flush_of_django_leaves():
    fill()
    emptying.empty()
    ours = counts(), meanings()
    fill()
    call_command("flush", verbosity=0, interactive=False)
    assert (counts(), meanings()) == ours


@committed
def test_permissions_that_a_test_changed_are_made_anew():
    before = meanings()
    Permission.objects.filter(codename="add_cart").update(name="May do as they like")
    ContentType.objects.filter(model="worker").delete()
    assert meanings() != before
    emptying.empty()
    assert meanings() == before


@contextmanager
def half_done() -> Iterator[Event]:
    """Another thread has made a shop, and commits when it is told to."""
    written, may_commit = Event(), Event()

    def write() -> None:
        with transaction.atomic():
            factories.shop()
            written.set()
            assert may_commit.wait(SOON)
        connection.close()

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        assert written.wait(SOON)
        yield may_commit
        may_commit.set()
        writing.result()


def is_waited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


@committed
@pytest.mark.postgres
def test_whoever_is_still_writing_is_waited_for():
    with ThreadPoolExecutor() as threads, half_done() as may_commit:
        emptied = threads.submit(together, [emptying.empty])
        wait_for(is_waited)
        may_commit.set()
        assert emptied.result(SOON) == [None]
    assert not Shop.objects.exists()


@committed
@pytest.mark.postgres
def test_who_does_not_wait_leaves_what_comes_after():
    """The guard of the test above."""
    with half_done():
        Shop.objects.all().delete()
    assert Shop.objects.exists()


# -- what migrations make ----------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)


@pytest.fixture
def program(repository, tmp_path) -> Path:
    """A copy of what is looked at, to change."""
    for pattern in databases.SOURCES:
        for path in repository.glob(pattern):
            to = tmp_path / path.relative_to(repository)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    "file", ["ghostcart/shops/migrations/0999_more.py", "ghostcart/carts/models.py", "ghostcart/lib/partitions.py"]
)
def test_with_a_migration_or_what_it_uses_all_is_made_anew(program, file):
    before = databases.key("sqlite", NOW, program)
    assert databases.key("sqlite", NOW, program) == before
    with (program / file).open("a") as changed:
        changed.write("# more\n")
    assert databases.key("sqlite", NOW, program) != before


def test_in_another_month_too(program):
    assert databases.key("sqlite", NOW, program) != databases.key("sqlite", NOW + timedelta(minutes=1), program)


def test_migrations_use_nothing_that_is_not_looked_at(repository):
    looked_at = {path for pattern in databases.SOURCES for path in repository.glob(pattern)}
    for path in repository.glob("ghostcart/**/migrations/*.py"):
        for folder, names in re.findall(r"^(?:from|import) (ghostcart[\w.]*)(?: import (.*))?", path.read_text(), re.M):
            place = repository / folder.replace(".", "/")
            used = [place / f"{name.strip()}.py" for name in names.split(",") if name] if place.is_dir() else []
            assert {*(used or [place.with_suffix(".py")])} <= looked_at, path


def test_of_those_who_come_at_once_one_makes_it(tmp_path):
    made = []

    def make(place: Path) -> None:
        made.append(place)
        place.write_text("whole")

    def ask() -> str:
        with databases.kept("sqlite", make, tmp_path) as place:
            return place.read_text()

    assert together([ask] * 6) == ["whole"] * 6
    assert len(made) == 1


def test_what_was_half_made_by_one_that_was_killed_is_taken_by_nobody(tmp_path):
    def make(place: Path) -> None:
        place.write_text("half")
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        place.write_text("whole")

    def ask() -> str:
        with databases.kept("sqlite", make, tmp_path) as place:
            return place.read_text()

    here = os.getpid()
    if (child := os.fork()) == 0:
        ask()
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert [path.read_text() for path in tmp_path.glob("new-*/it")] == ["half"]
    assert ask() == "whole"
    assert len([*tmp_path.iterdir()]) == 2  # and the lock


def test_of_those_of_before_the_newest_are_kept(tmp_path):
    old = [tmp_path / f"sqlite-{number}" for number in range(5)]
    for number, path in enumerate(old):
        path.mkdir()
        os.utime(path, (number, number))
    with databases.kept("sqlite", Path.touch, tmp_path) as place:
        assert {*tmp_path.glob("sqlite-*")} == {place, *old[1 - databases.MANY :]}


# -- what runs where ---------------------------------------------------------------------------------------------


def names(code: CodeType) -> set[str]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return {*code.co_names}.union(*map(names, inner))


def depends(function: Any, seen: set[Any]) -> bool:
    """Whether it, or what it uses of its own file, asks which database this is."""
    if not isinstance(function, FunctionType) or function in seen:
        return False
    seen.add(function)
    used, others = names(function.__code__), function.__globals__
    ours = [others[name] for name in used if getattr(others.get(name), "__module__", None) == function.__module__]
    return bool({"ON_POSTGRES", "vendor"} & used) or any(depends(one, seen) for one in ours)


def which_is_this() -> bool:
    return ON_POSTGRES


def test_what_depends_on_the_database_asks_for_it(request, database_server):
    assert depends(lambda: which_is_this(), set())
    assert not depends(full, {counts})
    for item in request.session.items:
        if not asks_for_a_database(item) and not item.get_closest_marker("postgres"):
            fixtures = [one[-1].func for one in item._fixtureinfo.name2fixturedefs.values()]
            used = [item.function, *(one for one in fixtures if one.__module__ != "tests.conftest")]
            assert not any(depends(one, set()) for one in used), item.nodeid
