"""A setting that nobody can look up does not exist: each variable that the program reads is described."""

import re
from pathlib import Path

READ = re.compile(r"""(?:environ(?:\.get|\.setdefault)?[(\[]|(?:flag|words|whole_number)\()\s*["']([A-Z][A-Z_]+)["']""")
INNER = {"DJANGO_SETTINGS_MODULE"}


def read_by_the_program(repository: Path) -> set[str]:
    names = set()
    for source in (repository / "ghostcart").rglob("*.py"):
        names |= set(READ.findall(source.read_text()))
    return names - INNER


def test_every_setting_is_described(repository):
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", (repository / "docs/reference/settings.md").read_text(), re.M))
    assert read_by_the_program(repository) == described


def test_the_search_finds_settings(repository):
    """The guard: a search that finds nothing would agree with an empty page."""
    assert {"DATABASE_URL", "GHOSTCART_HTTPS", "TRUSTED_PROXIES"} <= read_by_the_program(repository)
