"""The registers of holes and cases: every number once, and every test that they name is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
WITHOUT_A_TEST = ("Cannot exist here: ", "Open: ")
COUNTS = {
    "holes.md": {"V": 65},
    "cases.md": {"C": 35, "K": 35, "D": 20, "M": 16, "B": 55, "P": 24, "L": 20, "E": 20, "U": 12, "Q": 14},
}
pages = pytest.mark.parametrize("page", COUNTS)


@pytest.fixture
def read(repository):
    return lambda page: (repository / "docs/reference" / page).read_text()


@cache
def names_in(file: Path) -> set[str]:
    if not file.exists():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, functions)}


def missing(text: str, repository: Path) -> list[str]:
    """The tests that a page names and that are not there."""
    named = NAMED.findall(text)
    return [f"{file}::{name}" for file, name in named if name not in names_in(repository / file)]


def shown_by_nothing(text: str) -> list[str]:
    """The rows that name no test and do not say why; and those that say more than one of the two."""
    wrong = []
    for number, _what, by in ROW.findall(text):
        tests = ", ".join(f"`{file}::{name}`" for file, name in NAMED.findall(by))
        if not (by == tests if tests else by.startswith(WITHOUT_A_TEST) and by.endswith(".")):
            wrong.append(number)
    return wrong


@pages
def test_every_number_is_there_once_and_in_its_order(read, page):
    expected = [f"{letter}{number}" for letter, most in COUNTS[page].items() for number in range(1, most + 1)]
    assert [number for number, _what, _by in ROW.findall(read(page))] == expected
    assert read(page).count("\n| ") == len(expected) + len(COUNTS[page])  # no other row, but for the heads


@pages
def test_every_test_that_is_named_is_there(read, repository, page):
    assert missing(read(page), repository) == []


@pages
def test_every_row_names_a_test_or_says_why_there_is_none(read, page):
    assert shown_by_nothing(read(page)) == []


def test_a_test_that_is_not_there_would_be_found(repository):
    """The guard of the tests above."""
    here = "tests/architecture/test_registers.py"
    named = [f"{here}::test_that_nobody_wrote", f"{here}::names_in", "tests/architecture/test_nothing.py::test_a"]
    text = "| V1 | Something | " + ", ".join(f"`{one}`" for one in named) + " |\n"
    assert missing(text, repository) == [named[0], named[2]]


@pytest.mark.parametrize(
    "by", ["", "Of course.", "Open", "open: later.", "Open: `tests/a.py::test_b`.", "see `tests/a.py::test_b`"]
)
def test_a_row_that_shows_nothing_would_be_found(by):
    assert shown_by_nothing(f"| V1 | Something | {by or ' '} |\n") == ["V1"]
