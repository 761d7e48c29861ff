"""Claiming the next 500 due reminders, at so many carts.

    python -m bench reminders [--carts 10m]

Timed with what a worker does to make them its own: finding the due ones, passing by those of other workers, and the
update; rolled back each time. Beside it, the same at 100,000 carts: what is due is found, not looked for.
"""

import os
import subprocess
import sys
from time import perf_counter

from bench import _data
from bench._figures import Goal, median, show

CARTS = int(os.environ.get("BENCH_CARTS", "100000"))
FEW = 100_000
CLAIM, GROWTH = Goal(50, 12), Goal(1.5, 1.1)
CALLS = 15


def claim_500() -> float:
    """Milliseconds; nothing stays claimed."""
    from django.db import transaction

    from ghostcart.lib import clock
    from ghostcart.mail import claiming

    now = clock.now()
    with transaction.atomic():
        started = perf_counter()
        mine = claiming.mine(claiming.due(now)[:500], "bench", now + claiming.LEASE)
        took = (perf_counter() - started) * 1000
        assert len(mine) == 500, f"only {len(mine)} were due"
        transaction.set_rollback(True)
    return took


def main() -> None:
    if len(sys.argv) > 1:
        database = _data.open_database("postgresql", int(sys.argv[1]))
        try:
            print(*[claim_500() for _ in range(CALLS + 2)][2:])
        finally:
            database.close()
        return
    few, many = measured(FEW), measured(CARTS)
    figures = [
        median(f"claiming 500 due reminders at {CARTS:,} carts", many, "ms", CLAIM),
        median(f"... against {FEW:,} carts", many, "ms", GROWTH, against="there", other=sorted(few)[len(few) // 2]),
    ]
    show("Reminders", figures)


def measured(carts: int) -> list[float]:
    command = [sys.executable, "-m", "bench.reminders", str(carts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


if __name__ == "__main__":
    main()
