"""Settings as an operator types them: what is wrong is told in a line, and the addresses follow from HOST and PORT."""

import os
import subprocess
import sys

import pytest

TOLD = "from ghostcart.config import settings as s; print(s.LOCAL_URL, s.SITE_URL, ','.join(s.ALLOWED_HOSTS))"


def read(folder, told=TOLD, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", told],
        env={**kept, "GHOSTCART_DATA": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("port", ["abc", "", "0", "65536", "-1", "٣"])
def test_a_port_that_is_none_is_told_in_a_line(tmp_path, port):
    done = read(tmp_path, PORT=port)
    assert done.returncode == 1
    assert done.stderr == f"PORT: '{port}' is no port; use a number between 1 and 65535\n"


@pytest.mark.parametrize("name", ["DATABASE_POOL", "GHOSTCART_LOG_KEPT_DAYS", "GHOSTCART_ORDERS_KEPT_DAYS"])
def test_what_is_no_number_is_told_in_a_line_and_nothing_is_the_default(tmp_path, name):
    done = read(tmp_path, **{name: "ten"})
    assert (done.returncode, done.stderr) == (1, f"{name}: 'ten' is no whole number\n")
    assert read(tmp_path, **{name: ""}).returncode == 0


def test_a_data_folder_that_cannot_be_is_told_in_a_line(tmp_path):
    (tmp_path / "file").touch()
    done = read(tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr.startswith("GHOSTCART_DATA: nothing can be kept in")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "demo", "told"),
    [
        ("127.0.0.1", "1", "http://127.0.0.1:8000 http://127.0.0.1:8000 127.0.0.1,localhost,[::1],127.0.0.1"),
        ("::1", "1", "http://[::1]:8000 http://[::1]:8000 127.0.0.1,localhost,[::1],[::1]"),
        ("0.0.0.0", "1", "http://127.0.0.1:8000 http://127.0.0.1:8000 *"),
        ("0.0.0.0", "0", "http://127.0.0.1:8000 http://127.0.0.1:8000 127.0.0.1,localhost,[::1],127.0.0.1"),
    ],
)
def test_the_addresses_follow_from_the_host(tmp_path, host, demo, told):
    assert read(tmp_path, HOST=host, GHOSTCART_DEMO=demo).stdout.strip() == told


def test_an_empty_secret_key_is_none_and_one_is_made(tmp_path):
    told = "from ghostcart.config import settings as s; print(s.SECRET_KEY)"
    made = read(tmp_path, told, SECRET_KEY="").stdout.strip()
    assert len(made) > 60
    assert read(tmp_path, told).stdout.strip() == made
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert read(tmp_path / "another", told).stdout.strip() != made


COOKIES = """
from ghostcart.config import settings as s
for kind in ("SESSION", "CSRF"):
    print(*(getattr(s, f"{kind}_COOKIE_{of}") for of in ("NAME", "SECURE", "HTTPONLY")))
print(s.SESSION_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS)
"""


def test_behind_tls_cookies_are_for_this_host_alone(tmp_path):
    """By `__Host-` browsers take them only with TLS, for this host and all of its pages."""
    secure = read(tmp_path, COOKIES, GHOSTCART_HTTPS="true").stdout.splitlines()
    assert secure == ["__Host-ghostcart True True", "__Host-csrf True True", "Lax 31536000"]
    plain = read(tmp_path, COOKIES).stdout.splitlines()
    assert plain == ["ghostcart False True", "csrf False True", "Lax 0"]
