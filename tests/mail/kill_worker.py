"""For test_kill: workers that send for their life. Run as `python -m tests.mail.kill_worker`, told by the environment.

One process forks workers and never touches the database itself. Each worker is doomed: to be killed after some
milliseconds, or to kill itself (-9 too: nothing is cleaned up) when it reaches a point for the n-th time. A new one
takes its place. After enough kills the last ones are left to finish. Prints how often it killed, and where.

TEST_SINK      port of the mail server
TEST_KILLS     how many workers to kill
TEST_CLAIMS    "careless": without the condition of the claim; "stale": with it, on rows picked long before
"""

# ruff: noqa: E402  (Django is set up before anything imports models)

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.db import transaction
from django.db.models import F

from ghostcart.mail import claiming, outbox, smtp
from ghostcart.mail.models import Message, State
from tests.mail import post

WORKERS = 4
POINTS = ("claim", "connect", "mail", "rcpt", "data", "before commit", "before dot", "after dot", "after answer")
UNDER_WAY = (State.DUE, State.FAILED_TEMP, State.CLAIMED, State.COMMITTING)
TOP_UP = 40

claiming.LEASE = outbox.LEASE = timedelta(seconds=3)
outbox.TIME_FOR_ONE = timedelta(seconds=1.5)

# -- dying -------------------------------------------------------------------------------------------


class Doom:
    """Kills this process at a point, the n-th time."""

    point, times = "", 0

    def reach(self, point: str) -> None:
        if point == self.point:
            self.times -= 1
            if self.times == 0:
                os.kill(os.getpid(), signal.SIGKILL)


doom = Doom()


class Connection(smtp.Connection):
    def greet(self):
        super().greet()
        doom.reach("connect")

    def mail(self, *said):
        reply = super().mail(*said)
        doom.reach("mail")
        return reply

    def rcpt(self, *said):
        reply = super().rcpt(*said)
        doom.reach("rcpt")
        return reply

    def docmd(self, command, *said):
        reply = super().docmd(command, *said)
        if command == "DATA":
            doom.reach("data")
        return reply

    def hand_over(self, letter, commit):
        def doomed_commit():
            doom.reach("before commit")
            commit()
            doom.reach("before dot")

        receipt = super().hand_over(letter, doomed_commit)
        doom.reach("after answer")
        return receipt

    def send(self, said):
        super().send(said)
        if said == b".\r\n":
            doom.reach("after dot")


def claim(*told, **more):
    taken = claiming.claim(*told, **more)
    doom.reach("claim")
    return taken


smtp.Connection, outbox.claim = Connection, claim

# -- the guard ---------------------------------------------------------------------------------------


def take(taken, due, decide, now):
    """A claim whose rows were picked some time before. Careless: without a look at whether they are still free."""
    picked = list(due.values_list("pk", flat=True))
    time.sleep(random.uniform(0.01, 0.1))
    with transaction.atomic():
        rows = Message.objects.filter(pk__in=picked)
        if os.environ["TEST_CLAIMS"] == "stale":
            rows = rows.filter(state__in=claiming.WAITING)
        rows.update(state=State.CLAIMED, claimed_by=taken.token, claimed_until=taken.until, claims=F("claims") + 1)
        mine = Message.objects.filter(pk__in=picked, claimed_by=taken.token).select_related("shop")
        taken.letters += [(message, {}) for message in mine.order_by("pk")]
    taken.handled += len(picked)


if os.environ.get("TEST_CLAIMS"):
    claiming._take = take

# -- workers -----------------------------------------------------------------------------------------


def work(fate, is_last):
    random.seed()
    doom.point, doom.times = fate
    transport = smtp.Server(key="sink", host="127.0.0.1", port=int(os.environ["TEST_SINK"]))

    def now():
        return datetime.now(UTC)

    while True:
        outbox.recover(now())
        if outbox.send_due(now, worker=f"w{os.getpid()}", decide={}, transport=transport, limit=5, write=post.write):
            continue
        if not is_last:
            top_up(now())
        elif not Message.objects.filter(state__in=UNDER_WAY).exists():
            return
        else:
            time.sleep(0.05)


def top_up(now):
    sample = Message.objects.order_by("id").first()
    Message.objects.bulk_create(
        Message(shop_id=sample.shop_id, kind="notice", address=sample.address, address_hash=sample.address_hash,
                due_at=now, created_at=now)
        for _ in range(TOP_UP)
    )  # fmt: skip


def start(fate, is_last):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(fate, is_last)
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(code)
    return pid


def next_fate(number):
    """Half of them by the clock, the others at each point in turn."""
    if number % 2:
        return ("", 0), time.monotonic() + random.uniform(0.01, 0.4)
    return (POINTS[number // 2 % len(POINTS)], random.randint(1, 12)), None


def main():
    kills, wanted, started = Counter(), int(os.environ["TEST_KILLS"]), 0
    living: dict[int, tuple] = {}
    errors = 0
    while True:
        is_last = sum(kills.values()) >= wanted
        while len(living) < WORKERS and not is_last:
            fate, until = next_fate(started)
            living[start(fate, is_last)] = (fate[0] or "random", until)
            started += 1
        for pid, (_where, until) in living.items():
            if until is not None and time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
        pid, status = os.waitpid(-1, os.WNOHANG) if living else (0, 0)
        if pid:
            where, _until = living.pop(pid)
            if os.WIFSIGNALED(status):
                kills[where] += 1
            else:
                errors += 1
        elif is_last:
            break
        else:
            time.sleep(0.002)
    for pid in living:  # nobody lives longer because the count is full
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        kills["random"] += 1
    for pid in [start(("", 0), True) for _ in range(WORKERS)]:
        errors += os.waitpid(pid, 0)[1] != 0
    print(json.dumps({"kills": kills, "errors": errors}))


if __name__ == "__main__":
    main()
