"""No secret is in the repository: not in its files, and not in what was committed and taken out again."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRETS = {
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:]{20}",
    "a key of AWS": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
    "a token of GitLab": rb"\bglpat-[\w-]{20}",
    "a token of Slack": rb"\bxox[abprs]-[0-9A-Za-z-]{20}",
    "a key of Stripe": rb"\b[rs]k_live_[0-9A-Za-z]{20}",
    "a key of Google": rb"\bAIza[\w-]{35}",
    "a key of SendGrid": rb"\bSG\.[\w-]{22}\.[\w-]{43}",
    "a token of npm": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "a token of PyPI": rb"\bpypi-AgE[\w-]{50}",
}
LOOKS = {name: re.compile(pattern) for name, pattern in SECRETS.items()}


def git(folder: Path, *words: str) -> bytes:
    command = ["git", "-c", "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120).stdout


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What would be committed now; where no git is, all there is."""
    if (folder / ".git").exists():
        names = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
        there = [folder / name for name in names if name]
    else:
        there = [*folder.rglob("*.*")]
    for file in there:
        if file.is_file():
            yield str(file.relative_to(folder)), file.read_bytes()


def history(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every object that was ever committed, once."""
    if not (folder / ".git").exists():
        return
    told, place = git(folder, "cat-file", "--batch-all-objects", "--batch", "--unordered"), 0
    while place < len(told):
        start = told.index(b"\n", place) + 1
        name, _kind, size = told[place : start - 1].decode().split()
        place = start + int(size) + 1
        yield name, told[start : place - 1]


def found(some: Iterator[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """(where, what) of all that looks like a secret."""
    return {(name, what) for name, text in some for what, pattern in LOOKS.items() if pattern.search(text)}


def test_no_file_holds_a_secret(repository):
    assert sum(1 for _file in files(repository)) > 500
    assert found(files(repository)) == set()


def test_no_secret_was_ever_committed(repository):
    assert found(history(repository)) == set()


MADE_UP = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=",
    "a key of AWS": "AKIA" + "Q7" * 8,
    "a token of GitHub": "ghp" + "_" + "aB3" * 12,
    "a token of GitLab": "glpat" + "-" + "aB3_-" * 4,
    "a token of Slack": "xoxb" + "-1234567890-" + "aB3" * 8,
    "a key of Stripe": "sk" + "_live_" + "aB3" * 8,
    "a key of Google": "AIza" + "aB3_-" * 7,
    "a key of SendGrid": "SG" + "." + "a" * 22 + "." + "b" * 43,
    "a token of npm": "npm" + "_" + "aB3" * 12,
    "a token of PyPI": "pypi" + "-AgE" + "aB3_-" * 10,
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_would_be_found_in_a_file_and_after_it_was_taken_out(tmp_path, what):
    """The guard of the tests above: each is put together here, so that this very file has none."""
    git(tmp_path, "init", "-q")
    (tmp_path / "notes.txt").write_text(f"token: {MADE_UP[what]}\n")
    assert found(files(tmp_path)) == {("notes.txt", what)}
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "oops")
    git(tmp_path, "rm", "-q", "notes.txt")
    git(tmp_path, "commit", "-qm", "taken out")
    assert found(files(tmp_path)) == set()
    assert {told for _name, told in found(history(tmp_path))} == {what}
