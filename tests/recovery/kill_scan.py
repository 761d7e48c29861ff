"""For test_kill: workers that look for due carts for their life. Run as `python -m tests.recovery.kill_scan`.

One process forks workers, one after the other, and never touches the database itself. Each kills itself (-9: nothing is
cleaned up) when it reaches a point of the look for the n-th time; the next takes over. In the end two are left to
finish together. Prints how many died, and how many ended badly.

TEST_LOOK    "careless": a look that notes how far it has come before it has taken in whom it found
"""

# ruff: noqa: E402  (Django is set up before anything imports models)

import json
import os
import signal
import sys
import traceback
from threading import Event

import django

django.setup()

from django.db import transaction

from ghostcart.config import work
from ghostcart.recovery import enrolments, facts, looking, rules, scan
from ghostcart.recovery.models import Campaign

FATES = [
    ("begun", 1), ("read", 1), ("one taken in", 1), ("all taken in", 1), ("begun", 2), ("read", 2),
    ("one taken in", 3), ("one taken in", 7), ("all taken in", 2), ("begun", 3), ("one taken in", 13),
]  # fmt: skip
"""Points of a look: a page is begun, read, somebody of it is taken in, all of it are and nothing is committed yet."""

looking.PAGE = 5


class Doom:
    """Kills this process at a point, the n-th time."""

    point, times = "", 0

    def reach(self, point):
        if point == self.point:
            self.times -= 1
            if self.times == 0:
                os.kill(os.getpid(), signal.SIGKILL)


doom = Doom()


def doomed(function, point, *, before=False):
    def reach(*told, **more):
        if before:
            doom.reach(point)
        answer = function(*told, **more)
        if not before:
            doom.reach(point)
        return answer

    return reach


scan._locked = doomed(scan._locked, "begun")
looking.page = doomed(looking.page, "read")
enrolments.take_in = doomed(enrolments.take_in, "one taken in")
scan._take_in = doomed(scan._take_in, "all taken in")


def careless(campaign_id, now):
    with transaction.atomic():
        campaign = scan._locked(campaign_id)
        plan = facts.plan_of(campaign)
        start, end = campaign.looked_until, now - rules.offset(plan)
        Campaign.objects.filter(pk=campaign.pk).update(looked_until=end)
    after = None
    while True:
        with transaction.atomic():
            page = looking.page(plan, start - scan.LATE, end, after)
            scan._take_in(plan, page, now)
        after = page.last
        if after is None:
            return False


if os.environ.get("TEST_LOOK") == "careless":
    scan.look = careless


def start(fate):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            doom.point, doom.times = fate
            work.run(Event(), once=True)
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)
    return pid


def main():
    kills, errors = 0, 0
    for fate in FATES:
        _pid, status = os.waitpid(start(fate), 0)
        kills += os.WIFSIGNALED(status)
        errors += os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0
    for pid in [start(("", 0)) for _ in range(2)]:
        errors += os.waitpid(pid, 0)[1] != 0
    print(json.dumps({"kills": kills, "errors": errors}))


if __name__ == "__main__":
    main()
