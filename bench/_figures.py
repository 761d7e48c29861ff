"""What a benchmark found, beside its goal: one table for all, and JSON for who compares runs."""

import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """What a figure, or its ratio to what it is measured against, shall be."""

    must: float
    stretch: float
    is_most: bool = True
    """At most that; else at least."""

    def is_met(self, value: float) -> bool:
        return value <= self.must if self.is_most else value >= self.must

    def is_stretched(self, value: float) -> bool:
        return value <= self.stretch if self.is_most else value >= self.stretch


@dataclass(frozen=True)
class Figure:
    """The median of several runs, with their spread. `against` names a limit or peer of the same run, measured as
    `other`: then the goal is about the ratio."""

    what: str
    value: float
    unit: str
    goal: Goal | None = None
    runs: Sequence[float] = field(default_factory=tuple)
    against: str = ""
    other: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.other if self.other else None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        judged = self.ratio if self.other else self.value
        if judged is None:
            return ""
        return "stretch" if self.goal.is_stretched(judged) else "met" if self.goal.is_met(judged) else "MISSED"


def median(what: str, runs: Iterable[float], unit: str, goal: Goal | None = None, **more: Any) -> Figure:
    values = list(runs)
    return Figure(what, statistics.median(values), unit, goal, values, **more)


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print the table; and keep the figures where `python -m bench` collects those of all benchmarks."""
    Console(width=140).print(table(title, figures))
    if kept := os.environ.get("BENCH_FIGURES"):
        with Path(kept).open("a") as file:
            for one in figures:
                file.write(
                    json.dumps({"bench": title, **asdict(one), "ratio": one.ratio, "verdict": one.verdict}) + "\n"
                )


def table(title: str, figures: Sequence[Figure]) -> Table:
    drawn = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    drawn.add_column("what", overflow="fold")
    for head in ("figure", "spread", "against", "ratio", "goal", "stretch"):
        drawn.add_column(head, justify="right")
    drawn.add_column("")
    for one in figures:
        sign = "" if one.goal is None else "≤ " if one.goal.is_most else "≥ "
        drawn.add_row(
            one.what,
            f"{shown(one.value)} {one.unit}",
            f"{shown(min(one.runs))} – {shown(max(one.runs))}" if len(one.runs) > 1 else "",
            f"{one.against} {shown(one.other)} {one.unit}" if one.other else "",
            "" if one.ratio is None else f"{shown(one.ratio)} x",
            "" if one.goal is None else f"{sign}{shown(one.goal.must)}",
            "" if one.goal is None else f"{sign}{shown(one.goal.stretch)}",
            one.verdict,
            style="red" if one.verdict == "MISSED" else "",
        )
    return drawn


def shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpu = (
        re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else None
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "cores": os.cpu_count(),
        "cpu": cpu[1] if cpu else platform.machine(), "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(), "system": platform.platform(), "load": os.getloadavg()[0],
    }  # fmt: skip
