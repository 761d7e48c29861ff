"""A copy of the database, or a backup that was restored, writes to nobody until somebody says what it is."""

import os
from datetime import timedelta
from threading import Event

import psycopg
import pytest
from django.core.management import call_command

from ghostcart.config import work
from ghostcart.connectors.webhooks import endpoints
from ghostcart.lib import sql
from ghostcart.mail import home, outbox, relay
from ghostcart.mail.models import Home, Message
from ghostcart.recovery.models import Campaign, Enrolment
from tests import factories
from tests.conftest import ON_POSTGRES
from tests.factories import NOON
from tests.races import together
from tests.recovery import following

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def moment(monkeypatch, settings, tmp_path):
    """The time, which can be moved; a folder of its own, with a mailbox."""
    told = [NOON]
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: told[0])
    monkeypatch.setattr(work, "close_old_connections", lambda: None)
    settings.DATA = tmp_path
    settings.EMAIL_URL, settings.MAILBOX_ROOT = "mailbox:", tmp_path / "mailbox"
    return told


def worker_round():
    work.run(Event(), once=True)


def a_mail(shop, due=NOON):
    return outbox.enqueue(
        shop_id=shop.pk, kind="notice", address="ada@example.com", language="en", due_at=due, now=due,
        template={"subject": "Hello", "body": "Here."},
    )  # fmt: skip


def restore_what_was(row: Home) -> None:
    """The database as it was in the backup; the folder stays as it is."""
    Home.objects.filter(pk=1).update(place=row.place, seen_at=row.seen_at)


def sent() -> int:
    return Message.objects.filter(state="sent").count()


def test_where_it_was_before_mail_goes_out(moment):
    shop = factories.shop()
    for hours in range(3):
        moment[0] = NOON + hours * HOUR
        a_mail(shop, moment[0])
        worker_round()
        assert sent() == hours + 1
    assert relay.trouble() == ""


def test_a_backup_that_was_restored_writes_to_nobody(moment, client):
    shop = factories.shop()
    worker_round()
    backup, message = Home.objects.get(), a_mail(shop)
    moment[0] += 2 * HOUR
    worker_round()
    assert sent() == 1
    restore_what_was(backup)
    Message.objects.filter(pk=message.pk).update(state="due", sent_at=None)
    worker_round()
    assert sent() == 0
    assert "ghostcart restored" in relay.trouble()
    assert "ghostcart restored" in client.get("/readyz").json()["checks"]["mail"]


def test_without_the_look_it_would_mail_again(moment, monkeypatch, settings):
    """The guard of the test above."""
    shop = factories.shop()
    worker_round()
    backup, message = Home.objects.get(), a_mail(shop)
    moment[0] += 2 * HOUR
    worker_round()
    restore_what_was(backup)
    Message.objects.filter(pk=message.pk).update(state="due", sent_at=None)
    monkeypatch.setattr(home, "is_here", lambda now: True)
    worker_round()
    assert Message.objects.get(pk=message.pk).state == "sent"
    assert len(list((settings.DATA / "mailbox" / "new").iterdir())) == 2


def test_a_copy_elsewhere_writes_to_nobody(moment, settings, tmp_path):
    """Of SQLite: with another data folder. Of PostgreSQL: on another server, or in another database of this one."""
    worker_round()
    a_mail(factories.shop())
    if ON_POSTGRES:
        Home.objects.update(place="7130000000000000001/16384")
    settings.DATA = tmp_path / "elsewhere"
    worker_round()
    assert sent() == 0
    assert "copied" in relay.trouble()


@pytest.mark.postgres
def test_two_databases_of_one_server_are_two_places():
    with psycopg.connect(**{**sql.own_parameters(), "dbname": "postgres"}) as other:
        place = other.execute(
            "SELECT system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
            " FROM pg_control_system()"
        ).fetchone()[0]
    ours = home._place("")
    assert place.partition("/")[0] == ours.partition("/")[0]
    assert place != ours


def test_from_a_copy_nobody_is_taken_in_and_no_webhook_is_called(moment, settings, tmp_path):
    shop = following.shop()
    following.plain_steps(following.campaign(shop), 60)
    following.left(shop)
    worker_round()
    endpoint, _secret = endpoints.create(shop, url="https://example.com/", description="", kinds=[], now=NOON)
    delivery = endpoints.send_test(endpoint, NOON)
    settings.DATA = tmp_path / "elsewhere"
    Home.objects.update(place="7130000000000000001/16384")
    moment[0] += 2 * HOUR
    worker_round()
    assert not Enrolment.objects.exists()
    assert not delivery.calls.exists()


def test_once_said_what_was_due_is_taken_for_sent_and_the_next_go_out(moment, capsys):
    shop = following.shop()
    campaign = following.campaign(shop)
    following.plain_steps(campaign, 60, 60 + 24 * 60)
    following.left(shop)
    moment[0] += 2 * HOUR
    worker_round()
    backup, before = Home.objects.get(), sent()
    moment[0] += HOUR
    worker_round()
    restore_what_was(backup)
    moment[0] += 30 * HOUR  # the second mail was due meanwhile
    late = a_mail(shop)
    later = a_mail(shop, moment[0] + HOUR)
    worker_round()
    call_command("restored")
    assert "2 messages" in capsys.readouterr().out
    worker_round()
    late.refresh_from_db()
    assert (late.state, late.reason) == ("cancelled", "restored")
    assert Enrolment.objects.get().reason == "restored"
    assert Campaign.objects.get().looked_until >= moment[0] - HOUR
    assert sent() == before == 1
    moment[0] += HOUR
    worker_round()
    later.refresh_from_db()
    assert later.state == "sent"


def test_if_nothing_was_lost_what_is_due_goes_out(moment, settings, tmp_path):
    worker_round()
    a_mail(factories.shop())
    settings.DATA = tmp_path / "elsewhere"
    if ON_POSTGRES:
        Home.objects.update(place="7130000000000000001/16384")
    worker_round()
    assert sent() == 0
    call_command("restored", "--nothing-lost")
    worker_round()
    assert sent() == 1


def test_workers_that_start_together_find_one_home(settings, tmp_path):
    """Each would make the folder's number, and the others would be strangers in it."""
    settings.DATA = tmp_path
    numbers = together([home._own_id for _ in range(16)])
    assert len({*numbers}) == 1
    assert [file.name for file in tmp_path.iterdir()] == [home.FILE]


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"id": "x"}', '{"seen_at": "2026-11-22T12:00:00+00:00"}'])
def test_a_folder_that_lost_its_note_is_a_trouble_to_be_told_and_not_a_crash(moment, settings, kept):
    worker_round()
    (settings.DATA / home.FILE).write_text(kept)
    moment[0] += HOUR
    assert home.is_here(moment[0]) == ON_POSTGRES
    assert os.path.exists(settings.DATA / home.FILE)
