"""From SQLite to PostgreSQL by `ghostcart move`: everything arrives, the shop goes on there as if nothing had happened,
nothing is said twice to anybody, and the old file takes no changes any more."""

import json
import shutil
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.config.test_hard_faults import waiting
from tests.rooms import Room
from tests.streams import wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

FILL = """
import json
from tests import upgrading
upgrading.set_up()
from django.apps import apps
from django.db import transaction
from ghostcart.lib import clock
from ghostcart.mail import home
walk = upgrading.Walk()
with transaction.atomic():
    for _ in range(3):
        walk.fill(apps)
home.move_in(clock.now())
"""
CONTENT = """
import json
from tests import upgrading
upgrading.set_up()
from django.apps import apps
rows = lambda model: sorted(json.dumps(row, default=repr, sort_keys=True)
                            for row in model._base_manager.values_list().iterator())
print(json.dumps({model._meta.db_table: rows(model) for model in apps.get_models(include_auto_created=True)}))
"""
SELL = """
import json
from tests import upgrading
upgrading.set_up()
from ghostcart.carts.models import Cart
from ghostcart.lib import clock
from ghostcart.mail import outbox
from tests import factories
from tests.wire import Page, calling
shop = factories.shop(is_demo=True)
with calling() as client:
    page, buyer, gone = (Page(client, shop) for _ in range(3))
    assert buyer.add().status_code == 200
    assert buyer.checkout().status_code == 201
    assert page.add("MUG", 2).status_code == 200
    assert gone.add().status_code == 200
last = Cart.objects.latest("pk")
print(json.dumps({"token": page.token, "cart": last.pk}))
last.delete()
outbox.enqueue(
    shop_id=shop.pk, kind="notice", address="ada@example.com", language="en", due_at=clock.now(), now=clock.now(),
    template={"subject": "Hello", "body": "Here."},
)
"""
WAIT = """
import json
from tests import upgrading
upgrading.set_up()
from ghostcart.carts import log
from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks import endpoints
from ghostcart.lib import clock
from ghostcart.mail import outbox
from ghostcart.shops.models import Shop
shop = Shop.objects.get()
endpoints.create(shop, url="https://example.com/", description="", kinds=[], now=clock.now())
outbox.enqueue(
    shop_id=shop.pk, kind="notice", address="ben@example.com", language="en", due_at=clock.now(), now=clock.now(),
    template={"subject": "Hello", "body": "Here."},
)
print(json.dumps({"place": log.position(), "entry": CartEvent.objects.latest("pk").pk}))
"""
GO_ON = """
import json, sys
from tests import horizon, upgrading
upgrading.set_up()
from ghostcart.carts import log
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.connectors.models import Delivery, WebhookEndpoint
from ghostcart.connectors.webhooks import following
from ghostcart.lib import clock
from ghostcart.mail import home
from ghostcart.orders.models import Order
from ghostcart.shops.models import Shop
from tests.wire import Page, calling
before, shop = json.load(sys.stdin), Shop.objects.get()
with calling() as client:
    page, new = Page(client, shop), Page(client, shop)
    page.headers["Ghostcart-Cart"] = before["token"]
    statuses = [page.add("LAMP").status_code, page.checkout().status_code, new.add().status_code]
horizon.settle()
told = log.after(log.Cursor(*before["place"]))
following.follow(clock.now())
print(json.dumps({
    "statuses": statuses,
    "sold": {order.number: dict(order.lines.values_list("sku", "quantity")) for order in Order.objects.all()},
    "cart": Cart.objects.latest("pk").pk,
    "told": [entry.pk for entry in told],
    "new": list(CartEvent.objects.filter(pk__gt=before["entry"]).order_by("pk").values_list("pk", flat=True)),
    "webhooks": sorted(Delivery.objects.values_list("event_id", flat=True)),
    "home": home.trouble(),
}))
WebhookEndpoint.objects.update(off="staff")
Delivery.objects.all().delete()
"""
PARTS = """
from tests import upgrading
upgrading.set_up()
from ghostcart.carts import log
from ghostcart.lib import partitions
print(len(partitions.parts(log.TABLE)))
"""
WITHOUT = """
import sys
from tests import upgrading
upgrading.set_up()
from django.core.management import call_command
from ghostcart.config import moving
from ghostcart.lib import database_file
{protection}
call_command("move", sys.argv[1])
"""


@pytest.fixture
def old(tmp_path):
    """On SQLite, in the folder of `room`, which has an empty database of PostgreSQL."""
    with databases.own(None, tmp_path) as url:
        yield Room(tmp_path, url)


@pytest.fixture(scope="module")
def sold(tmp_path_factory):
    """A folder with orders, carts and mails, and what those remember who deal with it."""
    folder = tmp_path_factory.mktemp("sold")
    with databases.own(None, folder) as url:
        room = Room(folder, url)
        known = room.ask("-c", SELL)
        room.told("-m", "ghostcart", "worker", "--once", EMAIL_URL="mailbox:")
        return folder, known | room.ask("-c", WAIT)


@pytest.fixture
def shop(old, sold):
    """The same in the folder of `old`."""
    folder, known = sold
    shutil.copytree(folder, old.folder, dirs_exist_ok=True)
    return known


def move(old: Room, url: str):
    return old.run("-m", "ghostcart", "move", url)


def file_of(room: Room) -> Path:
    return Path(room.url.removeprefix("sqlite:///"))


def dump(old: Room) -> list[str]:
    with closing(sqlite3.connect(file_of(old))) as connection:
        return list(connection.iterdump())


def takes_changes(old: Room) -> bool:
    with closing(sqlite3.connect(file_of(old))) as connection, suppress(sqlite3.IntegrityError):
        connection.execute("UPDATE django_migrations SET app = app")
        return True
    return False


def shops_in(room: Room) -> int:
    with psycopg.connect(room.url) as connection:
        return connection.execute("SELECT count(*) FROM shops_shop").fetchone()[0]


def content(room: Room):
    """{table: its rows, as texts}; but for where the database lives."""
    found = room.ask("-c", CONTENT)
    return found | {"mail_home": ["somewhere"] * len(found["mail_home"])}


def letters(room: Room) -> int:
    return len(list((room.folder / "mailbox" / "new").iterdir()))


def test_what_every_table_holds_arrives(old, room):
    old.told("-c", FILL)
    before = content(old)
    assert all(before.values())
    done = move(old, room.url)
    assert done.returncode == 0, done.stderr
    assert f"{sum(map(len, before.values()))} rows of {len(before)} tables have moved" in done.stdout
    assert content(room) == before


def test_the_shop_goes_on_where_it_was(old, room, shop):
    assert letters(old) == 1
    assert move(old, room.url).returncode == 0
    went_on = room.ask("-c", GO_ON, given=json.dumps(shop))
    assert went_on["statuses"] == [200, 201, 200]
    assert went_on["sold"] == {"T-000001": {"MUG": 1}, "T-000002": {"LAMP": 1, "MUG": 2}}
    assert went_on["cart"] > shop["cart"]
    assert went_on["new"]
    assert went_on["told"] == went_on["webhooks"] == went_on["new"]
    assert went_on["home"] == ""
    assert int(room.told("-c", PARTS)) == 2
    room.told("-m", "ghostcart", "worker", "--once", EMAIL_URL="mailbox:")
    assert letters(room) == 2
    assert int(room.told("-c", PARTS)) > 4  # the coming months


def test_who_stands_at_a_place_in_the_log_would_hear_all_of_it_again(old, room, shop):
    """The guard of the test above: if entries had the transaction in which they were copied."""
    old.told("-c", WITHOUT.format(protection="moving.MORE.clear()"), room.url)
    went_on = room.ask("-c", GO_ON, given=json.dumps(shop))
    assert len(went_on["webhooks"]) > len(went_on["new"])


def test_numbers_would_be_given_a_second_time(old, room, shop):
    """The guard of the test above: if the database did not know which were given."""
    old.told("-c", WITHOUT.format(protection="moving._go_on_counting = lambda *words: None"), room.url)
    assert room.ask("-c", GO_ON, given=json.dumps(shop))["statuses"][0] >= 500


# -- the old file ------------------------------------------------------------------------------------------------------


def test_the_old_file_takes_no_changes_and_says_where_the_shop_is(old, room, shop):
    assert takes_changes(old)
    assert move(old, room.url).returncode == 0
    assert not takes_changes(old)
    started = old.run("-m", "ghostcart", "worker", "--once")
    assert started.returncode != 0
    assert "has moved to PostgreSQL and takes no changes. Set DATABASE_URL" in started.stderr
    assert "WRONG  database: This database has moved" in old.run("-m", "ghostcart", "doctor").stdout
    assert "has moved" in move(old, room.url).stderr


def test_without_the_lock_it_would_take_what_is_lost(old, room, shop):
    """The guard of the test above."""
    old.told("-c", WITHOUT.format(protection="database_file.lock = lambda execute: None"), room.url)
    assert takes_changes(old)


def test_it_can_be_made_the_shops_again(old, room, shop):
    assert move(old, room.url).returncode == 0
    old.told("-m", "ghostcart", "restored", "--nothing-lost")
    assert takes_changes(old)
    old.told("-m", "ghostcart", "worker", "--once", EMAIL_URL="mailbox:")
    assert letters(old) == 2


# -- refusals ----------------------------------------------------------------------------------------------------------


def assert_refused(old: Room, url: str, words: str) -> None:
    """With a sentence; the shop is as it was, and goes on."""
    before = dump(old)
    done = move(old, url)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert dump(old) == before
    assert takes_changes(old)


def test_a_database_that_is_not_empty_is_refused(old, room):
    with psycopg.connect(room.url) as connection:
        connection.execute("INSERT INTO django_session VALUES ('key', 'data', now())")
    assert_refused(old, room.url, "not empty: there are rows in django_session")


def test_a_database_without_tables_is_refused(old, new_room, tmp_path):
    (tmp_path / "bare").mkdir()
    bare = new_room(tmp_path / "bare", is_migrated=False)
    assert_refused(old, bare.url, "The tables of the new database are older than the program. Run there: ghostcart")


NOT_YET = "DELETE FROM django_migrations WHERE app = 'carts' AND name = '0011_shops_stay'"
AHEAD = "INSERT INTO django_migrations (app, name, applied) VALUES ('carts', '9999_next', '2026-11-22 12:00:00')"


@pytest.mark.parametrize(
    ("statement", "words"), [(NOT_YET, "of the new database are older"), (AHEAD, "of different versions")]
)
def test_tables_of_another_version_are_refused(old, room, statement, words):
    with psycopg.connect(room.url) as connection:
        connection.execute(statement)
    assert_refused(old, room.url, words)


def test_an_old_file_that_was_not_brought_up_to_date_is_refused(old, room):
    with closing(sqlite3.connect(file_of(old))) as connection:
        connection.execute(NOT_YET)
        connection.commit()
    assert "The tables of this database are older than the program" in move(old, room.url).stderr


def test_while_somebody_works_with_it_nothing_moves(old, room):
    with closing(sqlite3.connect(file_of(old))) as server:
        server.execute("SELECT * FROM shops_shop").fetchall()
        assert_refused(old, room.url, "Stop Ghostcart first")


def test_a_copy_does_not_become_the_shop(old, room, shop, tmp_path):
    """Or else it would write to people beside the shop that it was copied from."""
    (tmp_path / "elsewhere").mkdir()
    copy = Room(tmp_path / "elsewhere", old.url)
    assert_refused(copy, room.url, "This database was copied")


def test_what_is_no_postgresql_is_refused(old, room, tmp_path):
    assert_refused(old, "sqlite:///other.sqlite3", "Name a database like postgresql://")
    assert_refused(old, f"postgresql://nobody@/none?host={tmp_path}", "PostgreSQL cannot be reached there")
    assert "on PostgreSQL already" in move(room, old.url).stderr
    nothing = Room(tmp_path, f"sqlite:///{tmp_path}/nothing.sqlite3")
    assert "There is no shop in" in move(nothing, room.url).stderr


@pytest.mark.parametrize("name", ["'n' || char(0)", "printf('%.200c', 'x')"])
def test_what_postgresql_cannot_keep_is_named_and_nothing_moves(old, room, shop, name):
    with closing(sqlite3.connect(file_of(old))) as connection:
        connection.execute(f"UPDATE shops_shop SET name = {name}")
        connection.commit()
    assert_refused(old, room.url, "PostgreSQL refuses a row of shops_shop")
    assert not shops_in(room)


def test_killed_midway_it_can_be_run_again(old, room, shop):
    before = dump(old)
    with psycopg.connect(room.url) as holding, psycopg.connect(room.url, autocommit=True) as looking:
        holding.execute("LOCK TABLE orders_orderline IN SHARE MODE")
        moving = old.start("-m", "ghostcart", "move", room.url)
        wait_for(lambda: waiting(looking))
        moving.send_signal(signal.SIGKILL)
        assert moving.wait() == -signal.SIGKILL
        holding.rollback()
        wait_for(lambda: alone(looking))
    assert (shops_in(room), dump(old)) == (0, before)
    assert move(old, room.url).returncode == 0
    assert shops_in(room)


def alone(looking) -> bool:
    """Whether the killed one's work is undone."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return looking.execute(f"{others} AND state <> 'idle'").fetchone()[0] == 0
