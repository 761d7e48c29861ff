"""Starting asks nobody: neither a name nor an address is looked for."""

import os
import subprocess
import sys

ALONE = """
import socket

def refuse(*words, **more):
    raise SystemExit(f"asked the network: {words}")

socket.getaddrinfo = socket.create_connection = socket.socket.connect = socket.socket.connect_ex = refuse
"""
START = """
import asyncio
from ghostcart.config import asgi, work
from django.core.management import call_command
call_command("migrate", verbosity=0)
assert asgi.application
assert work.HEARTBEAT
from ghostcart.api.app import wire
from ghostcart.mail import transports
transports.current()
print("started")
"""


def run(script, folder):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {**kept, "GHOSTCART_DATA": str(folder), "EMAIL_URL": "postmark://key"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=120)


def test_nothing_is_asked_of_the_network_at_the_start(tmp_path):
    done = run(ALONE + START, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "started"), done.stderr


def test_whoever_asks_is_noticed(tmp_path):
    """The guard of the test above."""
    done = run(ALONE + "import urllib.request; urllib.request.urlopen('https://example.com/')", tmp_path)
    assert done.returncode != 0
    assert "asked the network" in done.stderr
