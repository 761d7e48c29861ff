"""How many due messages a worker draws and hands to a mail server in a second, on SQLite and on PostgreSQL.

    python -m bench mail

Reminders in six languages with a cart, a voucher and three links of their own: claimed, decided, drawn, composed,
handed over by SMTP on loopback to a server that takes everything, and written down with durable commits. One worker,
then two at once. BENCH_MAILS: how many (10,000). BENCH_PROFILE=1: where one worker spends its time.
"""

import asyncio
import cProfile
import json
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from tests import postgres

MAILS = int(os.environ.get("BENCH_MAILS", "10000"))
GOAL = 200
PROFILES = os.environ.get("BENCH_PROFILE") == "1"

# -- the mail server ---------------------------------------------------------------------------------


class Server(asyncio.Protocol):
    """Takes everything, and says how much it was when it is told to end."""

    taken = size = 0

    def connection_made(self, transport: Any) -> None:
        self.transport, self.is_mail, self.rest = transport, False, b""
        transport.write(b"220 bench\r\n")

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while self.is_mail or b"\r\n" in self.rest:
            if self.is_mail:
                end = self.rest.find(b"\r\n.\r\n")
                if end < 0:
                    return
                Server.taken, Server.size = Server.taken + 1, Server.size + end
                self.rest, self.is_mail = self.rest[end + 5 :], False
                self.transport.write(b"250 taken\r\n")
            else:
                line, _end, self.rest = self.rest.partition(b"\r\n")
                self.answer(line[:4].upper())

    def answer(self, word: bytes) -> None:
        self.is_mail = word == b"DATA"
        self.transport.write(
            b"354 go ahead\r\n" if self.is_mail else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n"
        )


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"taken": Server.taken, "size": Server.size}))


# -- the worker --------------------------------------------------------------------------------------


def fill() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from ghostcart.customers import keys
    from ghostcart.mail.models import Message
    from ghostcart.shops.models import Shop

    now = datetime.now(UTC)
    shop = Shop.objects.first() or Shop.objects.create(slug="fern", name="Fern", currencies=["EUR"], created_at=now)
    languages = ("en", "it", "es", "de", "fr", "nl")
    hashes = [keys.address_hash(f"customer{number}@example.org") for number in range(100)]
    Message.objects.bulk_create(
        (
            Message(
                shop=shop, kind="reminder", address=f"customer{number % 100}@example.org",
                address_hash=hashes[number % 100], language=languages[number % 6], due_at=now, created_at=now,
            )
            for number in range(MAILS)
        ),
        batch_size=2_000,
    )  # fmt: skip


def work() -> None:
    from ghostcart.mail import outbox, samples
    from ghostcart.mail.models import Purpose
    from ghostcart.recovery import texts

    templates = texts.default("abandoned", 2)
    facts = {language: samples.facts("abandoned", language) for language in templates}

    def decide(messages: Any, now: datetime) -> dict[int, Any]:
        until = now + timedelta(days=30)
        wishes = tuple(outbox.LinkWish(purpose.value, purpose, {"cart": 1}, until) for purpose in
                       (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES))  # fmt: skip
        return {each.pk: outbox.Go(templates[each.language], facts[each.language], wishes) for each in messages}

    def now() -> datetime:
        return datetime.now(UTC)

    done, profile = 0, cProfile.Profile()
    if PROFILES:
        profile.enable()
    started, worked = perf_counter(), process_time()
    while handled := outbox.send_due(now, worker=str(os.getpid()), decide={"reminder": decide}):
        done += handled
    seconds, processor = perf_counter() - started, process_time() - worked
    if PROFILES:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(35)
    print(json.dumps({"done": done, "seconds": seconds, "processor": processor}))


# -- measuring ---------------------------------------------------------------------------------------


def run(role: str, environment: dict[str, str], count: int = 1) -> list[Any]:
    """Some processes of this file at once; what each printed."""
    command = [sys.executable, "-m", "bench.mail", role]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"{role} failed")
    return [json.loads(output) if output else None for output in outputs]


def measure(name: str, url: str, workers: int, folder: Path) -> bool:
    environment = {**os.environ, "DATABASE_URL": url, "GHOSTCART_DATA": str(folder), "LOG_LEVEL": "WARNING",
                   "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings"}  # fmt: skip
    command = [sys.executable, "-m", "bench.mail", "serve"]
    sink = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sink.stdout
    environment["EMAIL_URL"] = f"smtp://127.0.0.1:{sink.stdout.readline().strip()}"
    run("fill", environment)
    results = run("work", environment, workers)
    taken = json.loads(sink.communicate("")[0])
    each = [result["done"] / result["seconds"] for result in results]
    per_worker, processor = sum(each) / workers, sum(result["processor"] for result in results) / MAILS * 1000
    is_good, size = taken["taken"] == MAILS, taken["size"] / MAILS / 1000
    notes = ("" if is_good else "  LOST OR DOUBLED") + ("" if per_worker >= GOAL else "  under the goal")
    print(f"{name:12} {workers:8} {per_worker:19.0f} {sum(each):9.0f} {processor:10.2f} {size:8.1f}{notes}", flush=True)
    return is_good and per_worker >= GOAL


def main() -> int:
    print(f"\n{MAILS:,} reminders drawn and handed over by SMTP (goal: {GOAL} a second and worker;")
    print("processor: milliseconds of the worker for each, the same on a machine with more to do)\n")
    print("database      workers a second and worker  a second  processor  kB each")
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    server = postgres.start(durable=True)
    try:
        databases = {"SQLite": f"sqlite:///{folder}/mail.sqlite3", "PostgreSQL": server.url}
        good = [measure(name, url, workers, folder) for name, url in databases.items() for workers in (1, 2)]
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role == "serve":
        asyncio.run(serve())
    elif role:
        import django

        django.setup()
        {"fill": fill, "work": work}[role]()
    else:
        sys.exit(main())
