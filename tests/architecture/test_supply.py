"""What we take from others is locked with its hash, and what we run has no rights that it does not need."""

import ast
import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

PACKAGE = re.compile(r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)", re.MULTILINE)


def unlocked(text: str) -> list[str]:
    """The packages of a lock file that come without a hash."""
    return [package for package, hashes in PACKAGE.findall(text) if not hashes]


def test_every_package_is_locked_with_its_hash(repository):
    locks = {file.name: file.read_text() for file in (repository / "requirements").glob("*.lock")}
    assert set(locks) == {"base.lock", "build.lock", "test.lock"}
    for name, text in locks.items():
        packages = len([line for line in text.splitlines() if re.match(r"[a-z0-9].*==", line)])
        assert packages == len(PACKAGE.findall(text)) > 1, name
        assert unlocked(text) == [], name
    installs = [(repository / "scripts/install.sh").read_text(), (repository / "Dockerfile").read_text()]
    assert all("--require-hashes" in one for one in installs)


def test_a_package_without_a_hash_would_be_found():
    """The guard of the test above."""
    text = "one==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n    # via me\ntwo==2.0\n    # via me\n"
    assert unlocked(text) == ["two==2.0"]


def test_the_front_end_is_locked_with_hashes_and_runs_no_scripts_when_it_is_installed(repository):
    locked = json.loads((repository / "assets/package-lock.json").read_text())["packages"]
    wanted = json.loads((repository / "assets/package.json").read_text())["devDependencies"]
    assert len(locked) > len(wanted) > 3
    assert [
        name for name, package in locked.items() if name and not package.get("integrity", "").startswith("sha512-")
    ] == []
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert '"ci", "--ignore-scripts"' in (repository / "hatch_build.py").read_text()


def test_services_run_without_rights(repository):
    units = list((repository / "deploy/systemd").rglob("*.service"))
    assert units
    for unit in units:
        lines = set(unit.read_text().splitlines())
        needed = {
            "User=ghostcart",
            "NoNewPrivileges=true",
            "ProtectSystem=strict",
            "ProtectHome=true",
            "PrivateTmp=true",
        }
        assert needed <= lines, unit.name
    image = (repository / "Dockerfile").read_text().splitlines()
    user, command = (next(n for n, line in enumerate(image) if line.startswith(word)) for word in ("USER ", "CMD "))
    assert image[user] == "USER ghostcart"
    assert user < command


COMES_WITH_ANOTHER = {"anyio", "requests"}
"""Not named in pyproject.toml: the loop of litestar, and how django-anymail calls the provider."""


def imported(sources: Path) -> set[str]:
    """The first words of all that is imported, but for Python's own and ours."""
    found = set()
    for source in sources.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found |= {name.partition(".")[0] for name in names}
    return found - set(sys.stdlib_module_names) - {"ghostcart"}


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def test_every_package_that_is_imported_was_chosen(repository):
    """By name, in pyproject.toml: one that merely came with another may go with it too."""
    asked = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["dependencies"]
    chosen = {plain(re.split(r"[^\w.-]", one)[0]) for one in asked} | COMES_WITH_ANOTHER
    packages, found = metadata.packages_distributions(), imported(repository / "ghostcart")
    assert {"django", "httpx", "psycopg"} <= found
    assert {name for name in found if not {plain(one) for one in packages.get(name, [])} & chosen} == set()


ALLOWED = re.compile(r"\b(MIT|MIT-0|BSD|Apache|MPL|PSF|ISC)\b")
LESSER = {"psycopg", "psycopg-binary", "psycopg-pool"}
"""LGPL: used as they are, and can be exchanged."""
BINDING = re.compile(r"\bA?GPL|GNU (Affero )?General Public")


def licence(package: str) -> str:
    known = metadata.metadata(package)
    told = [known.get("License-Expression") or "", (known.get("License") or "")[:200]]
    return "; ".join(told + [one for one in known.get_all("Classifier", []) if one.startswith("License")])


def test_every_package_may_be_shipped_with_ours(repository):
    locked = PACKAGE.findall((repository / "requirements/base.lock").read_text())
    names = {re.split(r"[=\[]", package)[0] for package, _hashes in locked}
    assert len(names) > 40
    told = {name: licence(name) for name in names}
    assert {name: one for name, one in told.items() if name not in LESSER and not ALLOWED.search(one)} == {}
    assert {name: one for name, one in told.items() if BINDING.search(one)} == {}
    assert all("LGPL" in told[name] for name in LESSER)
    assert BINDING.search("License :: OSI Approved :: GNU Affero General Public License v3")
    assert BINDING.search("AGPL-3.0-only")
