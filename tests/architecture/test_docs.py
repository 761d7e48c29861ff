"""Documents that lead nowhere are worse than none: links point at files, commands exist."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)\)")
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs"]


def documents(repository: Path) -> list[Path]:
    named = (repository / name for name in DOCUMENTS)
    return [file for path in named for file in (sorted(path.rglob("*.md")) if path.is_dir() else [path])]


def test_every_link_leads_to_a_file(repository):
    broken = [
        f"{file.relative_to(repository)}: {link}"
        for file in documents(repository)
        for link in LINK.findall(file.read_text())
        if not (file.parent / link).exists()
    ]
    assert broken == []


@pytest.mark.parametrize(
    "document", ["docs/reference/commands.md", "docs/how-to/run-it.md", "docs/tutorial/first-steps.md"]
)
def test_every_command_exists(repository, document):
    named = set(re.findall(r"`?ghostcart ([a-z]+)", (repository / document).read_text()))
    assert named
    assert named <= set(get_commands())


def test_every_make_target_that_is_named_exists(repository):
    targets = set(re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.M))
    for file in documents(repository):
        named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", file.read_text(), re.M))
        assert {one or other for one, other in named} <= targets, file
