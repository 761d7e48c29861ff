"""The benchmarks: `make bench` runs them all; name some (`python -m bench lists`) to run only those.

    python -m bench [NAME ...] [--carts 100k|1m|10m] [--quick]

Prints one table of all figures with their goals, and writes them with the machine's facts to bench-results.json.
`fuzz`, `hosts`, `peers` and `plans` are run when they are named.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bench._data import size_of
from bench._figures import Figure, Goal, machine, table

HERE = Path(__file__).resolve().parent
RESULTS = Path("bench-results.json")
ONLY_IF_NAMED = {"fuzz", "hosts", "peers", "plans"}
QUICK = ("lists", "adding", "live")


def main() -> int:
    """Each in a process of its own: a benchmark chooses its database before Django is loaded."""
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    options = argparse.ArgumentParser(prog="python -m bench", description="The benchmarks.")
    options.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    options.add_argument("--carts", default="100k", help="how many the shops have: 100k, 1m, 10m or a number")
    options.add_argument("--quick", action="store_true", help="the shortest ones, with fewer rounds")
    wanted = options.parse_args()
    if strange := [name for name in wanted.names if name not in known]:
        options.error(f"no benchmark '{strange[0]}'; there are: {', '.join(known)}")
    names = wanted.names or (QUICK if wanted.quick else [name for name in known if name not in ONLY_IF_NAMED])
    os.environ |= {"BENCH_CARTS": str(size_of(wanted.carts)), "BENCH_FIGURES": tempfile.mktemp(prefix="bench-")}
    if wanted.quick:
        os.environ |= {"BENCH_ROUNDS": "2", "BENCH_SECONDS": "3"}
    started, failed = perf_counter(), []
    for name in names:
        print(f"\n== {name}", flush=True)
        if subprocess.call([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent):
            failed.append(name)
    report(Path(os.environ["BENCH_FIGURES"]), perf_counter() - started)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


def report(kept: Path, seconds: float) -> None:
    """All figures once more, in one table and in a file."""
    if not kept.exists():
        return
    told = [json.loads(line) for line in kept.read_text().splitlines()]
    kept.unlink()
    from rich.console import Console

    figures = []
    for one in told:
        goal = Goal(**one["goal"]) if one["goal"] else None
        what = f"{one['bench']}: {one['what']}"
        figures.append(Figure(what, one["value"], one["unit"], goal, one["runs"], one["against"], one["other"]))
    Console(width=160).print(table(f"All figures ({seconds / 60:.0f} min)", figures))
    RESULTS.write_text(json.dumps({"machine": machine(), "figures": told}, indent=1))
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    sys.exit(main())
