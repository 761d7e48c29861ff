"""Lists and reports from a copy of the database: a real primary with a real standby, that is held up and lost."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import databases, postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@dataclass
class Pair:
    primary: postgres.Server
    copy: postgres.Server
    folder: Path

    def run(self, what: str) -> str:
        """A function of this file in a process that knows both databases; what it printed."""
        environment = {
            **os.environ, "DATABASE_URL": databases.named(self.primary.url, databases.MIGRATED),
            "DATABASE_REPLICA_URL": databases.named(self.copy.url, databases.MIGRATED),
            "GHOSTCART_DATA": str(self.folder / "data"), "ALLOWED_HOSTS": "testserver", "SECRET_KEY": "x" * 50,
        }  # fmt: skip
        done = subprocess.run([sys.executable, __file__, what], env=environment, capture_output=True, text=True,
                              cwd=Path(__file__).parents[2])  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def pair():
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-replica-"))
    folder.chmod(0o755)  # the servers may run as somebody else
    ours, theirs = folder / "primary", folder / "copy"
    databases.start_server(keep=ours).stop()
    theirs.mkdir()
    subprocess.run(["cp", "-a", ours / "data", theirs / "data"], check=True)
    (theirs / "data" / "standby.signal").touch()
    with (theirs / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = 'host={ours} user=postgres'\n")
    primary = postgres.start(keep=ours)
    copy = postgres.start(keep=theirs)
    yield Pair(primary, copy, folder)
    copy.stop()
    primary.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_lists_come_from_the_copy_unless_it_lacks_what_the_reader_wrote(pair):
    """Guard: without the place of the last write, the reader is shown what they have just deleted."""
    assert pair.run("story").split() == [
        "from-copy", "held-up:from-primary", "deleted-is-gone", "unguarded:deleted-is-shown", "caught-up:from-copy",
    ]  # fmt: skip
    pair.copy.stop()  # without its copy the shop goes on
    assert pair.run("alone").split() == ["200", "from-primary"]


# -- in the process with both ------------------------------------------------------------------------


class Reader:
    """Somebody of the staff, and where the rows of their list came from."""

    def __init__(self):
        from django.test import Client

        from ghostcart.backoffice.models import User

        self.client = Client()
        self.client.force_login(User.objects.get(email="ada@example.com"))

    def list(self):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            answer = self.client.get("/backoffice/carts/?sort=-id")
        return answer, "from-primary" if any("carts_cart" in one["sql"] for one in asked) else "from-copy"


def story():
    from django.db import connection, connections

    from ghostcart.backoffice.models import User
    from ghostcart.lib import clock, replica
    from tests import factories

    User.objects.create_superuser("ada@example.com", None, name="Ada")
    shopper = factories.Shopper(factories.shop(), at=clock.now())
    shopper.add("MUG")
    number = f"#{shopper.cart.pk}<"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        here = cursor.fetchone()[0]
    copy = connections["replica"]

    def caught_up():
        with copy.cursor() as cursor:
            cursor.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [here])
            return cursor.fetchone()[0]

    while not caught_up():
        pass
    reader = Reader()
    answer, source = reader.list()
    assert number in answer.content.decode()
    print(source)
    with copy.cursor() as cursor:
        cursor.execute("SELECT pg_wal_replay_pause()")
    assert reader.client.post("/backoffice/carts/delete/", {"only": shopper.cart.pk}).status_code == 302
    answer, source = reader.list()
    print(f"held-up:{source}")
    print("deleted-is-gone" if number not in answer.content.decode() else "deleted-is-shown")
    session = reader.client.session
    written = session.pop(replica.WROTE)
    session.save()
    answer, _source = reader.list()
    print("unguarded:" + ("deleted-is-gone" if number not in answer.content.decode() else "deleted-is-shown"))
    session[replica.WROTE] = written
    session.save()
    with copy.cursor() as cursor:
        cursor.execute("SELECT pg_wal_replay_resume()")
    while (told := reader.list())[1] != "from-copy":
        pass
    assert number not in told[0].content.decode()
    print(f"caught-up:{told[1]}")


def alone():
    reader = Reader()
    answer, source = reader.list()
    print(answer.status_code, source)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "ghostcart.config.settings"
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import django

    django.setup()
    {"story": story, "alone": alone}[sys.argv[1]]()
