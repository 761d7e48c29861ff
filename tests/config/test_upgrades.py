"""An installation of any age can be brought up to date: every migration meets rows that every earlier state has written
(`tests.upgrading`), and what comes out is a shop like a fresh one, with all that was in it."""

import json

import pytest

NOT_ATOMIC = ["carts.0010_log_in_months"]
"""Migrations that cannot be one transaction; they may be stopped and run again at any point."""

LOOK = """
import json, sys
from io import StringIO
from tests import upgrading
upgrading.set_up()
from django.core.management import call_command
from django.db import connection
call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
connection.check_constraints()
lost = upgrading.lost(json.load(sys.stdin))
print(json.dumps({"schema": upgrading.schema(), "dangling": upgrading.dangling(), "lost": lost}))
"""
VISIT = """
from tests import upgrading
upgrading.set_up()
from django.test import Client
from ghostcart.backoffice.models import User
from ghostcart.carts.models import Cart
from ghostcart.customers.models import Customer
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("chief@example.com"), "ghostcart.backoffice.sign_in.StaffBackend")
pages = ["", "carts/", "customers/", *(f"carts/{cart.pk}/" for cart in Cart.objects.filter(deleted_at=None)[:3]),
         *(f"customers/{customer.pk}/" for customer in Customer.objects.filter(erased_at=None)[:3])]
told = {page: client.get(f"/backoffice/{page}").status_code for page in pages} | {
    "/readyz": client.get("/readyz").status_code}
print(len(told), {page: status for page, status in told.items() if status != 200})
"""
ONE_MORE = """
import json
from django.db import migrations, models
from tests import upgrading
upgrading.set_up()
class Migration(migrations.Migration):
    dependencies = [("shops", "0003_origins")]
    operations = [{operation}]
walk = upgrading.Walk(rows={rows})
walk.go([*(one for one in walk.plan() if one.app_label == "shops"), Migration("9999_one_more", "shops")])
print(json.dumps(upgrading.lost(walk.written)))
"""
BREAKS = 'migrations.AddField("shop", "added", models.CharField(max_length=9))'
LOSES = 'migrations.RunPython(lambda apps, editor: apps.get_model("shops", "Shop").objects.order_by("pk")[0].delete())'


@pytest.fixture
def empty_room(new_room, tmp_path):
    return new_room(tmp_path, is_migrated=False)


@pytest.fixture(scope="module")
def old_shop(new_room, tmp_path_factory):
    """A database that went through every state, and what was written on the way."""
    room = new_room(tmp_path_factory.mktemp("old"), is_migrated=False)
    return room, room.ask("-m", "tests.upgrading")


@pytest.fixture(scope="module")
def looked(old_shop):
    room, walked = old_shop
    return room.ask("-c", LOOK, given=json.dumps(walked["written"]))


@pytest.mark.slow
def test_no_row_that_any_earlier_state_wrote_is_lost(old_shop, looked):
    from django.apps import apps

    _room, walked = old_shop
    tables = {one._meta.label for one in apps.get_models(include_auto_created=True)}
    assert tables <= {*walked["written"]}
    assert looked["lost"] == {}


@pytest.mark.slow
def test_what_pointed_at_another_row_still_does(looked):
    assert looked["dangling"] == []


@pytest.mark.slow
def test_its_tables_are_those_of_a_fresh_database(looked, room):
    assert looked["schema"] == room.ask("-c", LOOK, given="{}")["schema"]


@pytest.mark.slow
def test_its_pages_answer(old_shop, looked):
    assert old_shop[0].told("-c", VISIT) == "10 {}"


@pytest.mark.slow
def test_each_migration_is_noted_in_the_transaction_that_makes_it(old_shop):
    """Or else one that is killed in between could not be run again."""
    assert old_shop[1]["loose"] == NOT_ATOMIC


def test_a_migration_that_breaks_on_rows_is_noticed(new_room, empty_room, tmp_path):
    """The guard of the tests above: without rows nobody would."""
    (tmp_path / "without").mkdir()
    without = new_room(tmp_path / "without", is_migrated=False)
    without.told("-c", ONE_MORE.format(operation=BREAKS, rows=0))
    done = empty_room.run("-c", ONE_MORE.format(operation=BREAKS, rows=1))
    assert done.returncode != 0
    assert "IntegrityError" in done.stderr


def test_a_migration_that_loses_rows_is_noticed(empty_room):
    """The guard of the first test."""
    assert empty_room.ask("-c", ONE_MORE.format(operation=LOSES, rows=2))["shops.Shop"] == [1]
