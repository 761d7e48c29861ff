"""The register of promises: each names tests that exist, and at least one without the protection."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.promises import PROMISES, Found, Promise, all_tests


@cache
def functions_of(file: Path) -> set[str]:
    return {one.name for one in ast.walk(ast.parse(file.read_text())) if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.words)
def test_each_is_shown_and_has_a_guard(promise):
    assert promise.shown
    assert promise.guards


def test_its_tests_exist(repository):
    missing = []
    for test in all_tests():
        file, _, name = test.partition("::")
        if not (repository / file).exists() or name not in functions_of(repository / file):
            missing.append(test)
    assert missing == []


def report(test: str, outcome: str, said: str = ""):
    class Report:
        nodeid, when, capstdout = test, "call", said
        passed, failed = outcome == "passed", outcome == "failed"

    Report.outcome = outcome
    return Report()


def test_a_promise_is_kept_when_its_tests_and_its_guards_passed():
    promise, found = Promise("So it is", ("a.py::test_so",), ("a.py::test_else_not",)), Found()
    found.pytest_runtest_logreport(report("a.py::test_so[1]", "passed", "\n50 kills, 0 lost\n"))
    found.pytest_runtest_logreport(report("a.py::test_so[2]", "passed", "60 kills, 0 lost"))
    assert not found.tell(promise)[2]
    found.pytest_runtest_logreport(report("a.py::test_else_not", "passed"))
    assert found.tell(promise) == ("passed: 50 kills, 0 lost; 60 kills, 0 lost", "passed: else not", True)
    found.pytest_runtest_logreport(report("a.py::test_so[3]", "failed"))
    found.pytest_runtest_logreport(report("a.py::test_so[4]", "passed"))
    assert not found.tell(promise)[2]
