"""A whole shop, running in processes of its own: the demo's data, the real server and worker, a clock to move."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg

from tests import databases

START_SECONDS = 60


def free_port() -> int:
    """Below the ports that the system gives to outgoing connections: one of those could take it before the server
    does, or while the server is away."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def new_database(url: str) -> str | None:
    """A new database on the PostgreSQL server of `url`; None for SQLite, where a file does."""
    if url.startswith("sqlite"):
        return None
    name = f"journey_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@dataclass
class Running:
    """A shop that runs in processes of its own."""

    folder: Path
    port: int
    environment: dict[str, str]
    server: subprocess.Popen[bytes] | None = None
    log: Any = field(default=None, repr=False)
    asked: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> str:
        """Run `ghostcart ...` and give what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "ghostcart", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"ghostcart {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, command: str = "serve") -> None:
        self.log = (self.folder / "server.log").open("ab")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "ghostcart", command], env=self.environment, stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.server.poll() is not None:
                break
            try:
                if httpx.get(f"{self.address}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{(self.folder / 'server.log').read_text()}")

    def stop(self) -> None:
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(20)
        if self.log:
            self.log.close()
        if self.asked:
            self.asked.communicate()
            self.asked = None

    def move_clock(self, hours: float) -> None:
        self.command("clock", "--forward-hours", str(hours))

    def ask(self, question: str) -> str:
        """What some Python prints that runs in a process of the shop."""
        if self.asked is None:
            self.asked = subprocess.Popen(
                [sys.executable, "-m", "tests.asking"], env=self.environment, cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self.asked.stdin
        assert self.asked.stdout
        self.asked.stdin.write(json.dumps(question) + "\n")
        self.asked.stdin.flush()
        told = json.loads(self.asked.stdout.readline())
        assert not told["error"], f"{question}\n{told['error']}"
        return str(told["printed"]).strip()


def prepare(folder: Path, carts: int, database: str | None = None) -> Running:
    """A shop with the demo's data, not started yet."""
    port = free_port()
    environment = {
        **os.environ,
        "GHOSTCART_DATA": str(folder),
        "GHOSTCART_DEMO": "1",
        "GHOSTCART_CLOCK": str(folder / "clock"),
        "DATABASE_URL": database or f"sqlite:///{folder}/shop.sqlite3",
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }
    shop = Running(folder, port, environment)
    shop.command("demo", "--prepare-only", "--carts", str(carts))
    return shop


@contextmanager
def demo(folder: Path, server: str | None) -> Iterator[Running]:
    """The same with a few carts and a database of its own, on the PostgreSQL server of this URL or in the folder. Both
    are gone at the end of the block."""
    with databases.own(server, folder) as url:
        shop = prepare(folder, carts=60, database=url)
        try:
            yield shop
        finally:
            shop.stop()
