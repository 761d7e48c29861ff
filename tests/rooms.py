"""Processes that no other test knows of: Python and the `ghostcart` command, with a data folder and a database of their
own. For what dies, what is upgraded, and what must begin with nothing."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SECONDS = 900
"""Whoever takes longer hangs."""


@dataclass
class Room:
    folder: Path
    url: str
    """Of the database."""
    environment: dict[str, str] = field(init=False, repr=False)
    """What its processes are told; a test may add to it."""

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTCART_")}
        self.environment = kept | {
            "GHOSTCART_DATA": str(self.folder), "DATABASE_URL": self.url, "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings",
        }  # fmt: skip

    def run(self, *words: str, given: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        """Python with these words, to its end; `given` comes in."""
        return subprocess.run(
            [sys.executable, *words], env=self.environment | environment, cwd=ROOT, input=given, capture_output=True,
            text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    def told(self, *words: str, given: str = "", **environment: str) -> str:
        """The last line that it printed; it must end well."""
        done = self.run(*words, given=given, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().rpartition("\n")[2]

    def ask(self, *words: str, given: str = "", **environment: str) -> Any:
        """As `told`, read as JSON."""
        return json.loads(self.told(*words, given=given, **environment))

    def start(self, *words: str, **more: Any) -> "subprocess.Popen[bytes]":
        """Python with these words, running on."""
        return subprocess.Popen([sys.executable, *words], env=self.environment, cwd=ROOT, **more)
