"""What an operator meets at night: each fault is a sentence on the health page and in the doctor's words, with the way
to mend it; and nothing that works on is called broken."""

import pytest
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder

from ghostcart.config import doctor, health
from ghostcart.mail import transports
from ghostcart.mail.models import Relay
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def half_migrated() -> None:
    """A migration that was stopped: its tables may be there, it is not written down as done."""
    MigrationRecorder.Migration.objects.filter(app="mail").latest("pk").delete()


def another_version() -> None:
    MigrationRecorder.Migration.objects.create(app="carts", name="9999_from_tomorrow", applied=NOON)


def no_mail_server(settings) -> None:
    settings.EMAIL_URL = "smtp://mail.invalid"
    Relay.objects.create(key=transports.parse(settings.EMAIL_URL).key, trouble="unreachable", since=NOON)


def full_disk(monkeypatch) -> None:
    monkeypatch.setattr(health, "LEAST_FREE", 2**80)
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**80)


FAULTS = {
    "half migrated": ("migrations", "ghostcart migrate", 503),
    "another version": ("version", "Put the newer one everywhere", 200),
    "no mail server": ("mail", "cannot be reached", 200),
    "full disk": ("disk", "Make room", 200),
    "no worker": ("worker", "Start one: ghostcart worker", 200),
}


@pytest.fixture
def fault(request, settings, monkeypatch):
    match request.param:
        case "half migrated":
            half_migrated()
        case "another version":
            another_version()
        case "no mail server":
            no_mail_server(settings)
        case "full disk":
            full_disk(monkeypatch)
    return FAULTS[request.param]


@pytest.mark.parametrize("fault", FAULTS, indirect=True)
def test_each_fault_is_a_sentence_with_the_way_to_mend_it(fault, client):
    part, words, status = fault
    answer = client.get("/readyz")
    assert words in answer.json()["checks"][part]
    assert answer.status_code == status
    assert any(words in finding.trouble for finding in doctor.examine())


def test_without_a_fault_none_of_them_is_told(client):
    """The guard of the test above."""
    told = client.get("/readyz").json()["checks"]
    assert "version" not in told
    assert told["migrations"] == told["disk"] == "ok"


def test_the_doctor_ends_with_one_where_something_must_be_mended(capsys):
    half_migrated()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert "ghostcart migrate" in capsys.readouterr().out


def test_a_database_that_is_away_is_one_sentence_and_not_a_broken_page(client, monkeypatch):
    from django.db import OperationalError

    def away(*_args):
        raise OperationalError("no route")

    monkeypatch.setattr(health, "MigrationExecutor", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "Check DATABASE_URL" in answer.json()["checks"]["database"]
