"""No page, task or feed reads through a large table, on either database. GHOSTCART_LONG=1: with a million carts."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CARTS = 1_000_000 if os.environ.get("GHOSTCART_LONG") == "1" else 20_000


@pytest.fixture
def folder():
    """One that the database server's own user may enter."""
    made = Path(tempfile.mkdtemp(prefix="ghostcart-plans-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_every_statement_finds_its_rows_by_an_index(folder, database_server):
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GHOSTCART_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bench.plans"],
        env=given | {
            "BENCH_DATABASE": "postgresql" if database_server else "sqlite",
            "BENCH_CARTS": str(CARTS),
            "GHOSTCART_BENCH": str(folder),
        },
        cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CARTS:,} carts: 2" in done.stdout  # two hundred statements and more
