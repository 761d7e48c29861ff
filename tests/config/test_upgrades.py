"""An installation of any age can be brought up to date: every migration meets rows that every earlier state has written
(`tests.upgrading`), and what comes out is a shop like a fresh one, with all that was in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import running

ROOT = Path(__file__).parents[2]
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


def environment(folder):
    """For a shop with an empty database of its own."""
    database = running.new_database(os.environ["DATABASE_URL"]) or f"sqlite:///{folder}/shop.sqlite3"
    return {**os.environ, "GHOSTCART_DATA": str(folder), "DATABASE_URL": database}


def run(*words, at, given="{}"):
    """The code that some Python ended with, the last line that it printed, and what went wrong."""
    done = subprocess.run(
        [sys.executable, *words], env=at, cwd=ROOT, input=given, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip().rpartition("\n")[2], done.stderr


def told(*words, at, given="{}"):
    code, last, trouble = run(*words, at=at, given=given)
    assert code == 0, trouble
    return last


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory):
    """A database that went through every state, and what was written on the way."""
    at = environment(tmp_path_factory.mktemp("old"))
    return at, json.loads(told("-m", "tests.upgrading", at=at))


@pytest.fixture(scope="module")
def looked(old_shop):
    at, walked = old_shop
    return json.loads(told("-c", LOOK, at=at, given=json.dumps(walked["written"])))


@pytest.mark.slow
def test_no_row_that_any_earlier_state_wrote_is_lost(old_shop, looked):
    from django.apps import apps

    _at, walked = old_shop
    tables = {one._meta.label for one in apps.get_models(include_auto_created=True)}
    assert tables <= {*walked["written"]}
    assert looked["lost"] == {}


@pytest.mark.slow
def test_what_pointed_at_another_row_still_does(looked):
    assert looked["dangling"] == []


@pytest.mark.slow
def test_its_tables_are_those_of_a_fresh_database(looked, tmp_path):
    fresh = json.loads(told("-c", LOOK, at=environment(tmp_path)))
    assert looked["schema"] == fresh["schema"]


@pytest.mark.slow
def test_its_pages_answer(old_shop, looked):
    assert told("-c", VISIT, at=old_shop[0]) == "10 {}"


@pytest.mark.slow
def test_each_migration_is_noted_in_the_transaction_that_makes_it(old_shop):
    """Or else one that is killed in between could not be run again."""
    assert old_shop[1]["loose"] == NOT_ATOMIC


def test_a_migration_that_breaks_on_rows_is_noticed(tmp_path):
    """The guard of the tests above: without rows nobody would."""
    (tmp_path / "empty").mkdir()
    script = ONE_MORE.format(operation=BREAKS, rows=0)
    assert run("-c", script, at=environment(tmp_path / "empty"))[0] == 0
    code, _last, trouble = run("-c", ONE_MORE.format(operation=BREAKS, rows=1), at=environment(tmp_path))
    assert code != 0
    assert "IntegrityError" in trouble


def test_a_migration_that_loses_rows_is_noticed(tmp_path):
    """The guard of the first test."""
    script = ONE_MORE.format(operation=LOSES, rows=2)
    assert json.loads(told("-c", script, at=environment(tmp_path)))["shops.Shop"] == [1]
