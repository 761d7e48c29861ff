"""Starting and stopping the processes of a shop: the web server and the worker, under one parent."""

import errno
import gc
import multiprocessing
import os
import runpy
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.db import connection

WEB_STOP_SECONDS = 3
"""Open live streams never end by themselves: after this long their server process is ended."""

IS_FORKING = sys.platform == "linux"
"""Elsewhere the system's own libraries may not survive a fork."""


def port_problem(host: str, port: int) -> str | None:
    """Why nothing can listen there, in words, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = (
                "Choose another HOST."
                if error.errno != errno.EADDRINUSE
                else "Choose another port: PORT=8001 make demo"
            )
            return f"Nothing can listen on {host}:{port} ({error.strerror}). {other}"
    return None


def granian(interface: str, application: str, *more: str) -> list[str]:
    """The module and arguments that start Granian. Always with a kill timeout: see WEB_STOP_SECONDS."""
    return [
        "granian", "--interface", interface,
        "--host", settings.HOST, "--port", str(settings.PORT),
        "--workers-kill-timeout", str(WEB_STOP_SECONDS), "--backpressure", "20000",
        "--no-access-log", "--log-level", "warning", *more, application,
    ]  # fmt: skip


def whole() -> list[str]:
    """Pages, API and streams in one process."""
    return granian("asgi", "ghostcart.config.asgi:application")


def worker() -> list[str]:
    return ["ghostcart", "worker"]


def simulator(address: str, rate: float) -> list[str]:
    return ["ghostcart", "simulate", "--base", address, "--rate", str(rate), "--quiet"]


def become(module: str, *arguments: str) -> NoReturn:
    """Go on as `python -m module arguments`."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


def _run(module: str, *arguments: str) -> None:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def run_together(commands: list[list[str]], guests: list[list[str]] | None = None) -> int:
    """Run processes until one ends or we are told to stop; then stop all. A guest may end by itself.

    Each command is a module and its arguments. Where forking is safe they share what is imported here, once. Returns
    the first exit code of a process that is not 0.
    """
    if IS_FORKING:
        import_module("ghostcart.config.asgi")
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()  # type: ignore[attr-defined]
        gc.collect()
        gc.freeze()  # what is imported stays shared: a collection would write into every page of it
    multiprocessing.set_start_method("fork" if IS_FORKING else "spawn", force=True)
    children = [multiprocessing.Process(target=_run, args=command) for command in [*commands, *(guests or [])]]
    needed = children[: len(commands)]
    for child in children:
        child.start()

    def stop(number: int, frame: object) -> None:
        for child in children:
            if child.is_alive():
                child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while all(child.is_alive() for child in needed):
        time.sleep(0.1)
    for child, command in zip(needed, commands, strict=True):
        if not child.is_alive() and child.exitcode not in (0, -signal.SIGTERM, -signal.SIGINT):
            print(
                f"{' '.join(command)} ended by itself, with {child.exitcode}: the others are stopped.", file=sys.stderr
            )
    stop(signal.SIGTERM, None)
    for child in children:
        child.join(WEB_STOP_SECONDS + 5)
        if child.is_alive():
            child.kill()
            child.join()
    codes = [child.exitcode or 0 for child in needed]
    return next((code for code in codes if code not in (0, -signal.SIGTERM, -signal.SIGINT)), 0)


def prepare_demo_environment() -> None:
    """The demo says what it is before the settings are read, and has a clock that can be moved."""
    os.environ.setdefault("GHOSTCART_DEMO", "1")
    data = Path(os.environ.setdefault("GHOSTCART_DATA", "data")).absolute()
    os.environ.setdefault("GHOSTCART_CLOCK", str(data / "clock"))
