"""Change the rules that decide about money and identity, one small change after the other: does a test object?

    python -m scripts.mutants [PART ...] [--sample N] [--again]

Tests are collected and the database is made once. Each mutant (`scripts.mutants_made`) lives in a fork of that process,
with a copy of the database; no file is changed. It meets the tests of its part that run through what it changes, until
one fails. What came of it is kept in test-results/: a run that was stopped goes on where it was; `--again` tries those
once more that no test noticed; `--sample` takes so many of each part, evenly. Survivors that are written down in
docs/reference/mutants.md may live, for the reason given there; the others are told.
"""

import argparse
import ast
import importlib
import inspect
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from scripts.mutants_made import Mutant, mutants, units

ROOT = Path(__file__).parent.parent
PAGE, KEPT = ROOT / "docs/reference/mutants.md", ROOT / "test-results/mutants.jsonl"
VOUCHERS = ("terms", "asking", "issuing", "limits", "services", "queries")
CONSENT = ("customers/services.py:record_consent", "customers/queries.py:has_consented")
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pricing": (
        ("carts/pricing.py", "carts/opencart.py"),
        ("carts/test_pricing.py", "carts/test_opencart.py", "carts/test_ingest.py", "carts/test_merging.py"),
    ),
    "vouchers": (tuple(f"vouchers/{name}.py" for name in VOUCHERS), ("vouchers/", "backoffice/test_vouchers.py")),
    "claims": (
        ("mail/claiming.py", "recovery/claims.py", "recovery/guard.py", "orders/claims.py"),
        (
            "mail/test_outbox.py", "recovery/test_claims.py", "recovery/test_guard.py", "recovery/test_by_hand.py",
            "orders/test_joining.py", "api/test_track.py",
        ),
    ),
    "tokens": (("carts/tokens.py", "mail/links.py"), ("carts/test_tokens.py", "mail/test_links.py")),
    "consent": (
        ("mail/suppression.py", "recovery/preferences.py", "recovery/rules.py", *CONSENT),
        ("mail/test_suppression.py", "recovery/test_rules.py", "storefront/test_mailed.py", "customers/"),
    ),
    "identity": (
        ("customers/keys.py", "customers/identity.py", "customers/services.py", "customers/queries.py"),
        ("customers/",),
    ),
}  # fmt: skip
"""Of each part what is changed (files, or one function of a file), and the tests that should object."""


def made(part: str, sample: int) -> list[Mutant]:
    found: list[Mutant] = []
    for spec in PARTS[part][0]:
        file, _colon, only = spec.partition(":")
        for name, unit in units(file):
            if name == only or (not only and f"{file}:{name}" not in CONSENT):
                found += mutants(file, name, unit)
    taken = min(sample or len(found), len(found))
    return [found[number * len(found) // taken] for number in range(taken)]


class Trial:
    """A session of pytest in which mutants take the place of the tests."""

    def __init__(self, todo: dict[str, list[Mutant]]) -> None:
        self.todo = todo
        self.took: dict[str, float] = {}
        self.ran: dict[str, set[str]] = {}
        self.kills: Counter[tuple[str, str]] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from django.db import connections

        self.session, self.items = session, session.items
        first, second = [item for item in self.items if item.get_closest_marker("django_db")][:2]
        first.config.hook.pytest_runtest_protocol(item=first, nextitem=second)  # makes the database
        assert not session.testsfailed, f"{first.nodeid} fails while nothing is changed"
        connections.close_all()
        self.measure({mutant.file for many in self.todo.values() for mutant in many})
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a") as kept:
            for part, many in self.todo.items():
                for number, mutant in enumerate(many, 1):
                    fate, by = self.fate(part, mutant)
                    kept.write(json.dumps({"key": mutant.key, "fate": fate, "by": by}) + "\n")
                    kept.flush()
                    print(f"{part} {number}/{len(many)} {fate}: {mutant.unit}: {mutant.change}", flush=True)
        return True

    def measure(self, files: set[str]) -> None:
        """How long each test takes, and what it runs through. All of them must pass while nothing is changed."""
        self.sources = {f"{file}:{name}": ast.unparse(unit) for file in files for name, unit in units(file)}

        def all_tests() -> Any:
            seen: set[str] = set()
            for name, source in self.sources.items():
                if source.startswith("def "):
                    head, _line, body = source.partition("\n")
                    file, _colon, unit = name.partition(":")
                    put(file, unit, f"{head}\n    __seen__({name!r})\n{body}", __seen__=seen.add)
            found, start = {}, time.perf_counter()
            for item in self.run(self.items):
                found[item.nodeid] = time.perf_counter() - start, sorted(seen), self.session.testsfailed
                seen.clear()
                start = time.perf_counter()
            return found

        for test, (seconds, ran, failed) in (self.in_a_fork(all_tests, 900) or {}).items():
            assert not failed, f"{test} fails while nothing is changed"
            self.took[test], self.ran[test] = seconds, set(ran)

    def fate(self, part: str, mutant: Mutant) -> tuple[str, str]:
        """What becomes of a mutant, and by which test."""
        wanted = {f"{mutant.file}:{mutant.unit}"}
        if not mutant.source.startswith("def "):
            wanted = {name for name, source in self.sources.items() if re.search(rf"\b{mutant.unit}\b", source)}
            if len(wanted) == 1:  # its own: others name it
                wanted = set(self.sources)
        folders = tuple(f"tests/{name}" for name in PARTS[part][1])
        items = [item for item in self.items if item.nodeid.startswith(folders) and self.ran[item.nodeid] & wanted]
        # Those that empty all tables go last; before them those that noticed something here already.
        unit = mutant.file + mutant.unit
        items.sort(key=lambda one: (_empties_tables(one), -self.kills[unit, one.nodeid], self.took[one.nodeid]))

        def until_one_fails() -> str:
            try:
                put(mutant.file, mutant.unit, mutant.source)
            except Exception:  # a constant that cannot be
                return "importing it"
            return next((item.nodeid for item in self.run(items) if self.session.testsfailed), "")

        if not items:
            return "unreached", ""
        by = self.in_a_fork(until_one_fails, 15 + 4 * int(sum(self.took[item.nodeid] for item in items)))
        if by is None:
            return "hung", ""
        self.kills[unit, by] += 1
        return ("killed", by) if by else ("survived", "")

    def run(self, items: list[pytest.Item]) -> Iterator[pytest.Item]:
        self.session._setupstate.teardown_exact(items[0])  # what the first test of the session left set up
        for item, following in zip(items, [*items[1:], None], strict=True):
            self.session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield item

    def in_a_fork(self, work: Callable[[], Any], limit: int) -> Any:
        """What it returns; None if it took longer than so many seconds."""
        from django.db import connection

        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(limit)
                loud, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(silent, 1)
                os.dup2(silent, 2)
                mine = f"{connection.settings_dict['NAME']}.{os.getpid()}"
                shutil.copyfile(connection.settings_dict["NAME"], mine)
                connection.settings_dict["NAME"] = mine
                with os.fdopen(writing, "w") as pipe:
                    json.dump(work(), pipe)
            except BaseException:
                os.write(loud, traceback.format_exc().encode())
                os._exit(1)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = pipe.read()
        status = os.waitpid(child, 0)[1]
        for file in Path(connection.settings_dict["NAME"]).parent.glob(f"*.{child}*"):
            file.unlink(missing_ok=True)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "this script is at fault, or a fixture"
        return None if os.WIFSIGNALED(status) else json.loads(told)


def _empties_tables(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))


def put(file: str, unit: str, source: str, **names: Any) -> None:
    """Let a function be what the source says, or a constant, wherever it was imported."""
    module = importlib.import_module(f"ghostcart.{file.removesuffix('.py').replace('/', '.')}")
    vars(module).update(names)
    scratch = dict(vars(module))
    exec(source, scratch)
    owner, _dot, name = unit.rpartition(".")
    new = scratch[name]
    if source.startswith("def "):
        held = inspect.getattr_static(getattr(module, owner) if owner else module, name)
        held = inspect.unwrap(getattr(held, "fget", None) or getattr(held, "__func__", held))
        held.__code__, held.__defaults__, held.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        return
    old = getattr(module, name)
    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__dict__", {}).get(name) is old:
            setattr(loaded, name, new)


def report(wanted: dict[str, list[Mutant]], fates: dict[str, str]) -> None:
    page = PAGE.read_text() if PAGE.exists() else ""
    print("\n| part | mutants | killed | share |\n|---|---|---|---|")
    alive = []
    for part, many in wanted.items():
        met = [mutant for mutant in many if mutant.key in fates]
        left = [mutant for mutant in met if fates[mutant.key] not in ("killed", "hung")]
        share = 100 * (len(met) - len(left)) / len(met) if met else 0
        print(f"| {part} | {len(met)} of {len(many)} | {len(met) - len(left)} | {share:.1f} % |")
        alive += left
    unknown = [mutant for mutant in alive if f"`{mutant.unit}` | `{mutant.change}`" not in page]
    print(f"\nSurvivors: {len(alive)}; {len(unknown)} of them are not in {PAGE.relative_to(ROOT)}:")
    for mutant in unknown:
        print(f"| `{mutant.file}` | `{mutant.unit}` | `{mutant.change}` | {fates[mutant.key]} |")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m scripts.mutants")
    options.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options.add_argument("--sample", type=int, default=0, metavar="N")
    options.add_argument("--again", action="store_true")
    asked = options.parse_args()
    wanted = {part: made(part, asked.sample) for part in asked.parts or PARTS}
    fates = known()
    done = {key for key, fate in fates.items() if not asked.again or fate in ("killed", "hung")}
    todo = {part: left for part, many in wanted.items() if (left := [one for one in many if one.key not in done])}
    if todo:
        quick = hypothesis.Phase.explicit, hypothesis.Phase.generate
        hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=quick)
        hypothesis.settings.load_profile("mutants")
        tests = sorted({f"tests/{name}" for part in todo for name in PARTS[part][1]})
        pytest.main(["-q", "-s", "-p", "no:cacheprovider", *tests], plugins=[Trial(todo)])
    report(wanted, known())


def known() -> dict[str, str]:
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return {one["key"]: one["fate"] for one in map(json.loads, lines)}


if __name__ == "__main__":
    main()
