"""The whole API under generated requests, with a real key: no 5xx, and every answer as it is described.

`python -m bench.fuzz [REQUESTS]`, 50,000 if not said. SQLite in a folder of its own.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

REQUESTS = 50_000
EXAMPLES = 120


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-fuzz-"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings",
        "GHOSTCART_DATA": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/ghostcart.sqlite3",
        "LOG_LEVEL": "CRITICAL",
    }
    try:
        return fuzz(wanted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fuzz(wanted: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from tests import fuzzing

    call_command("migrate", verbosity=0)
    shop, token = fuzzing.furnish(things=60)
    started = time.monotonic()
    found = fuzzing.run(shop, token, examples=EXAMPLES, requests=wanted, tell=lambda so_far: print(so_far, flush=True))
    seconds = time.monotonic() - started
    table = Table(title=f"{found.requests:,} requests in {seconds:.0f} s")
    for column in ("what", "how many"):
        table.add_column(column)
    for phase, count in found.phases.items():
        table.add_row(f"phase {phase}", f"{count:,}")
    for status, count in sorted(found.statuses.items()):
        table.add_row(f"answered {status}", f"{count:,}")
    table.add_row("server errors", f"{found.broken:,}")
    table.add_row("answers not as described", f"{found.failures.total():,}")
    console = Console()
    console.print(table)
    for failure, count in found.failures.most_common(40):
        console.print(f"{count} × {failure}", markup=False)
    for error in found.errors[:10]:
        console.print(error, markup=False)
    return 1 if found.broken or found.failures or found.errors else 0


if __name__ == "__main__":
    sys.exit(main())
