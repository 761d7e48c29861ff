"""The commands of the how-to on attaching a PrestaShop, run as they stand, on a shop that is made here."""

import re
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.core.management import call_command

from ghostcart.carts.models import Cart
from ghostcart.connectors import reading
from ghostcart.connectors.models import Connection, State
from tests.connectors.prestashop.shopmaker import Maker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port(shops_server) -> Iterator[int]:
    """The private server, which listens on a socket file only, at a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, str(shops_server.socket)), daemon=True).start()
        yield listening.getsockname()[1]
        reading.close_all()


def _accept(listening: socket.socket, path: str) -> None:
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def test_a_prestashop_is_attached_as_the_how_to_says(repository, shops_server, port, capsys):
    maker = Maker(shops_server, "how_to", "8", seed=3).fill(carts=20)
    text = (repository / "docs/how-to/attach-prestashop.md").read_text()
    statements = re.search(r"```sql\n(.*?)```", text, re.S).group(1).replace("prestashop.*", "how_to.*")
    with shops_server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP USER IF EXISTS 'ghostcart'@'%'")
        for statement in filter(str.strip, statements.split(";")):
            cursor.execute(statement)
    commands = [line for block in re.findall(r"\n\n```\n(.*?)```", text, re.S) for line in block.splitlines()]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command.replace("127.0.0.1:3306/prestashop", f"127.0.0.1:{port}/how_to"))
        assert words[:2] == ["ghostcart", "connect"]
        call_command(*words[1:])
        if "--check" in words:
            assert not Connection.objects.exists()
    made = Connection.objects.get()
    assert (made.state, made.trouble) == (State.FOLLOWING, "")
    assert "long-password" not in made.address + made.secret + capsys.readouterr().out
    theirs = maker.ask("SELECT COUNT(*) FROM {p}cart WHERE id_shop = 1")[0][0]
    assert Cart.objects.filter(shop=made.shop, source="prestashop").count() >= theirs > 0
