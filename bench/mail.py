"""How many due messages a worker draws and hands to a mail server in a second, on SQLite and on PostgreSQL.

    python -m bench mail

Reminders in six languages to as many people, each with a cart and three links of their own: claimed, drawn, composed,
handed over by SMTP on loopback to a server that takes everything, and written down with durable commits. One worker,
then two at once. Then one with the last look of all the rules behind their locks, and the next step planned: what a
campaign really does, and no goal is set for. BENCH_MAILS: how many (4,000). BENCH_PROFILE=1: where the time goes.
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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from bench._figures import Figure, Goal, show
from tests import postgres

MAILS = int(os.environ.get("BENCH_MAILS", "4000"))
GOAL = Goal(200, 1000, is_most=False)
HOW = {"at_once": "at once", "by_rules": "by all rules"}
LANGUAGES = ("en", "it", "es", "de", "fr", "nl")
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
    """So many people who left a cart a day ago, and whose first mail is due now."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from ghostcart.carts.models import Cart, CartLine
    from ghostcart.customers import keys
    from ghostcart.customers.models import Consent, Customer, Person, PersonKey
    from ghostcart.mail.models import Message
    from ghostcart.recovery import campaigns
    from ghostcart.recovery.models import Arm, Enrolment, Kind, Reminder
    from ghostcart.shops.models import Shop
    from tests import factories

    now = datetime.now(UTC)
    then = now - timedelta(hours=25)
    shop = Shop.objects.first() or factories.shop(quiet_from=0, quiet_until=0)
    shopper = factories.Shopper(shop, at=then)
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    model, lines = shopper.cart, list(shopper.cart.lines.all())
    campaign = campaigns.create(shop, Kind.ABANDONED, "Ghosts", then)
    campaigns.save(campaign, holdout_bp=0)
    campaigns.start(campaign, then)
    step = campaigns.steps(campaign)[0]

    def many(model: Any, rows: Any) -> list[Any]:
        return model.objects.bulk_create(rows, batch_size=2_000)

    emails = [f"customer{model.pk}.{number}@example.org" for number in range(MAILS)]
    languages = [LANGUAGES[number % len(LANGUAGES)] for number in range(MAILS)]
    people = many(Person, (Person(shop=shop, created_at=then) for _ in emails))
    many(
        PersonKey,
        (
            PersonKey(shop=shop, person=person, kind="email", value_hash=keys.keyed_hash("email", email), seen_at=then)
            for person, email in zip(people, emails, strict=True)
        ),
    )
    customers = many(
        Customer,
        (
            Customer(
                shop=shop,
                person=person,
                email=email,
                email_key=email,
                first_name="Ada",
                language=language,
                registered_at=then,
            )
            for person, email, language in zip(people, emails, languages, strict=True)
        ),
    )
    many(
        Consent,
        (
            Consent(customer=one, is_given=True, text="Remind me.", text_version="1", source="bench", at=then)
            for one in customers
        ),
    )
    carts = many(
        Cart,
        (
            Cart(
                shop=shop,
                customer=one,
                currency=model.currency,
                language=one.language,
                line_count=len(lines),
                item_count=model.item_count,
                products_minor=model.products_minor,
                total_minor=model.total_minor,
                created_at=then,
                last_activity_at=then,
                abandon_after=then,
                seen_at=then,
            )
            for one in customers
        ),
    )
    copied = [field.attname for field in CartLine._meta.concrete_fields if field.attname not in ("id", "cart_id")]
    many(
        CartLine,
        (CartLine(cart=cart, **{name: getattr(line, name) for name in copied}) for cart in carts for line in lines),
    )
    enrolled = many(
        Enrolment,
        (
            Enrolment(
                campaign=campaign,
                shop=shop,
                person_id=cart.customer.person_id,
                customer=cart.customer,
                cart=cart,
                trigger=f"cart:{cart.pk}@0",
                activity_at=then,
                arm=Arm.CONTACTED,
                at=now,
            )
            for cart in carts
        ),
    )
    messages = many(
        Message,
        (
            Message(
                shop=shop,
                kind="reminder",
                customer=one,
                address=one.email,
                language=one.language,
                address_hash=keys.address_hash(one.email),
                due_at=now,
                created_at=now,
            )
            for one in customers
        ),
    )
    many(
        Reminder,
        (
            Reminder(enrolment=one, step=step, shop=shop, message=message, planned_at=now)
            for one, message in zip(enrolled, messages, strict=True)
        ),
    )


def by_rules() -> None:
    from ghostcart.recovery import claims

    work(claims.decide)


def at_once() -> None:
    """Without a look: only what is to be said, with a voucher."""
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

    work(decide)


def work(decide: Any) -> None:
    from ghostcart.mail import outbox

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


def measured(vendor: str, url: str, how: str, workers: int, folder: Path) -> Iterator[Figure]:
    environment = {**os.environ, "DATABASE_URL": url, "GHOSTCART_DATA": str(folder), "LOG_LEVEL": "WARNING",
                   "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings"}  # fmt: skip
    command = [sys.executable, "-m", "bench.mail", "serve"]
    sink = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sink.stdout
    environment["EMAIL_URL"] = f"smtp://127.0.0.1:{sink.stdout.readline().strip()}"
    run("fill", environment)
    results = run(how, environment, workers)
    taken = json.loads(sink.communicate("")[0])
    if taken["taken"] != MAILS:
        sys.exit(f"mails were lost or doubled: {taken['taken']:,} of {MAILS:,} arrived")
    each = [result["done"] / result["seconds"] for result in results]
    processor = sum(result["processor"] for result in results) / MAILS * 1000
    what = f"{vendor}, {HOW[how]}, {workers} worker{'s' * (workers > 1)}"
    yield Figure(what, sum(each) / workers, "/s", GOAL if how == "at_once" else None, each)
    yield Figure(f"{what}: processor for a mail", processor, "ms")
    yield Figure(f"{what}: size of a mail", taken["size"] / MAILS / 1000, "kB")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    server = postgres.start(durable=True)
    try:
        databases = {"SQLite": f"sqlite:///{folder}/mail.sqlite3", "PostgreSQL": server.url}
        ways = (("at_once", 1), ("at_once", 2), ("by_rules", 1))
        figures = [figure for vendor, url in databases.items() for way in ways
                   for figure in measured(vendor, url, *way, folder)]  # fmt: skip
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    show(f"Mails handed over by SMTP per worker, {MAILS:,} reminders", figures)


if __name__ == "__main__":
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role == "serve":
        asyncio.run(serve())
    elif role:
        import django

        django.setup()
        {"fill": fill, "at_once": at_once, "by_rules": by_rules}[role]()
    else:
        main()
