"""`ghostcart doctor`: what is wrong with an installation, and how to mend it."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from ghostcart.config import doctor, health
from ghostcart.config.settings import database
from ghostcart.lib import clock
from tests import factories
from tests.conftest import ON_POSTGRES
from tests.streams import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def findings():
    return {one.part: one for one in doctor.examine()}


def told():
    """(what it printed, the code it ended with)"""
    out, code = StringIO(), 0
    try:
        call_command("doctor", stdout=out)
    except SystemExit as ended:
        code = ended.code
    return out.getvalue(), code


@pytest.fixture
def well(settings, monkeypatch):
    """An installation with nothing to mend, but for what tests switch off in their database."""
    from ghostcart.backoffice.models import Worker

    settings.SITE_URL, settings.ALLOWED_HOSTS, settings.IS_HTTPS = "https://shop.example.com", [".example.com"], True
    settings.TRUSTED_PROXIES, settings.EMAIL_URL = ["127.0.0.1"], "smtp://localhost"
    Worker.objects.create(name="one", seen_at=clock.now())
    monkeypatch.setattr(doctor, "durability", lambda: ("", False))
    return settings


def test_a_good_installation_is_told_so(well):
    printed, code = told()
    assert "Nothing stands in the way." in printed
    assert (code, "WRONG" in printed) == (0, False)


@pytest.mark.parametrize(
    ("setting", "value", "part", "words"),
    [
        ("SECRET_KEY", "changeme", "secret key", "SECRET_KEY is short"),
        ("ALLOWED_HOSTS", ["localhost"], "address", "shop.example.com is not among ALLOWED_HOSTS"),
        ("IS_HTTPS", False, "encryption", "Set GHOSTCART_HTTPS=true"),
        ("EMAIL_URL", "", "mail", "EMAIL_URL is not set"),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_to_mend_it(well, setting, value, part, words):
    setattr(well, setting, value)
    printed, code = told()
    (line,) = [line for line in printed.splitlines() if line.startswith(f"WRONG  {part}: ")]
    assert words in line
    assert code == 1


def test_a_warning_does_not_stop_anybody(well):
    well.SITE_URL = "http://localhost:8000"
    printed, code = told()
    assert "look   address: Links in mails lead to http://localhost:8000" in printed
    assert code == 0


def test_a_full_disk_is_seen_before_it_is_full(well, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**80)
    assert "Make room" in findings()["data folder"].trouble


def test_what_was_not_built_is_named(well, tmp_path):
    well.LOCALE_PATHS = [tmp_path]
    well.STATICFILES_FINDERS = []
    from django.contrib.staticfiles import finders

    finders.get_finder.cache_clear()
    assert "Texts are not compiled for it, es, de, fr, nl" in findings()["translations"].trouble
    assert "make assets" in findings()["front end"].trouble


def test_no_worker_is_the_same_sentence_as_on_the_health_page(well):
    from ghostcart.backoffice.models import Worker

    Worker.objects.all().delete()
    assert findings()["worker"].trouble == health.look()[0]["worker"] != "ok"


def test_a_secret_that_others_may_read_is_told(well, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    path = well.DATA / "secret_key"
    path.touch()
    path.chmod(0o644)
    try:
        assert "chmod 600" in findings()["secret key"].trouble
    finally:
        path.chmod(0o600)
    assert findings()["secret key"].trouble == ""


def test_a_database_that_loses_carts_in_a_power_cut_is_told():
    """Those of the tests are fast because they are not durable."""
    if ON_POSTGRES:
        assert "fsync = off" in findings()["durability"].trouble
        return
    for level, words in (("OFF", "synchronous"), ("NORMAL", "synchronous"), ("FULL", "")):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous = {level}")
        trouble = findings()["durability"].trouble
        assert words in trouble
        assert bool(words) == bool(trouble)


def test_sqlite_is_made_not_to():
    assert "PRAGMA synchronous=FULL;" in database("sqlite:///shop.sqlite3")["OPTIONS"]["init_command"]


@pytest.mark.postgres
def test_a_transaction_that_holds_back_the_live_page_is_told(well, monkeypatch):
    monkeypatch.setattr(doctor, "LONG", timedelta())
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            factories.shop()
            begun.set()
            may_end.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(60)
    try:
        assert "the live page shows nothing newer" in findings()["long transactions"].trouble
    finally:
        may_end.set()
        thread.join()
    wait_for(lambda: findings()["long transactions"].trouble == "")  # the server itself writes now and then


def test_a_database_that_is_away_is_told_and_the_rest_is_still_looked_at(well, monkeypatch):
    from django.db import OperationalError

    def gone(*_):
        raise OperationalError("connection refused")

    monkeypatch.setattr(health, "MigrationExecutor", gone)
    found = findings()
    assert "Check DATABASE_URL" in found["database"].trouble
    assert {"database version", "worker"} & set(found) == set()
    assert found["front end"].trouble == ""
