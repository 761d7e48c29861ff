"""Starting and stopping the processes of a shop: the web server and the worker, under one parent."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

WEB_STOP_SECONDS = 3
"""Open live streams never end by themselves: after this long their server process is ended."""


def port_problem(host: str, port: int) -> str | None:
    """Why nothing can listen there, in words, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"Nothing can listen on {host}:{port} ({error.strerror}). Choose another port: PORT=8001 make demo"
    return None


def granian(interface: str, application: str, *more: str) -> list[str]:
    """The command that starts Granian. Always with a kill timeout: see WEB_STOP_SECONDS."""
    return [
        sys.executable, "-m", "granian", "--interface", interface,
        "--host", settings.HOST, "--port", str(settings.PORT),
        "--workers-kill-timeout", str(WEB_STOP_SECONDS), "--backpressure", "20000",
        "--no-access-log", "--log-level", "warning", *more, application,
    ]  # fmt: skip


def whole() -> list[str]:
    """Pages, API and streams in one process."""
    return granian("asgi", "ghostcart.config.asgi:application")


def worker() -> list[str]:
    return [sys.executable, "-m", "ghostcart", "worker"]


def simulator(address: str, rate: float) -> list[str]:
    return [sys.executable, "-m", "ghostcart", "simulate", "--base", address, "--rate", str(rate), "--quiet"]


def run_together(commands: list[list[str]], guests: list[list[str]] | None = None) -> int:
    """Run processes until one ends or we are told to stop; then stop all. A guest may end by itself.

    Returns the first exit code of a process that is not 0.
    """
    needed = [subprocess.Popen(command, env=os.environ) for command in commands]
    children = needed + [subprocess.Popen(command, env=os.environ) for command in guests or []]

    def stop(number: int, frame: object) -> None:
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while all(child.poll() is None for child in needed):
        time.sleep(0.1)
    stop(signal.SIGTERM, None)
    for child in children:
        try:
            child.wait(WEB_STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            child.kill()
    codes = [child.wait() for child in needed]
    return next((code for code in codes if code not in (0, -signal.SIGTERM, -signal.SIGINT)), 0)


def prepare_demo_environment() -> None:
    """The demo says what it is before the settings are read, and has a clock that can be moved."""
    os.environ.setdefault("GHOSTCART_DEMO", "1")
    data = Path(os.environ.setdefault("GHOSTCART_DATA", "data")).absolute()
    os.environ.setdefault("GHOSTCART_CLOCK", str(data / "clock"))
