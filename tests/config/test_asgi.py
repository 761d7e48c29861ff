"""What the joined application answers by itself, before a page or the wire is asked."""

import asyncio

import httpx
import pytest
from django.test import Client

from ghostcart.config import asgi

SAID = {
    "en": "Nothing is served under this name. Please check the address.",
    "it": "Con questo nome qui non c’è nulla. Controlla l’indirizzo.",
    "de": "Unter diesem Namen gibt es hier nichts. Bitte prüfen Sie die Adresse.",
}


def ask(host="localhost", method="GET", path="/", **more):
    async def answer():
        transport = httpx.ASGITransport(asgi.application)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.request(method, path, **more)

    return asyncio.run(answer())


@pytest.mark.parametrize("path", ["/", "/backoffice/", "/api/v1/store/cart"])
@pytest.mark.parametrize("language", SAID)
def test_an_unknown_host_is_refused_in_the_caller_s_language(path, language):
    answer = ask("evil.example", path=path, headers={"Accept-Language": f"{language}-XX,xx;q=0.5"})
    assert (answer.status_code, answer.text) == (400, SAID[language])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_body_that_is_too_large_is_refused_in_the_caller_s_language():
    answer = ask(method="POST", content=b"x" * (asgi.BODY_LIMIT + 1), headers={"Accept-Language": "nl"})
    assert (answer.status_code, answer.text) == (413, "Het verzoek is te groot.")


@pytest.mark.parametrize(("language", "said"), [("de", "Diese Anfrage ist nicht lesbar"), ("en", "cannot be read")])
def test_so_do_the_pages_where_they_run_alone(language, said):
    answer = Client().get("/", headers={"host": "evil.example", "accept-language": language})
    assert answer.status_code == 400
    assert said in answer.text
    assert f'lang="{language}"' in answer.text


@pytest.mark.django_db(transaction=True)
def test_reports_of_mail_providers_go_to_the_pages():
    """Below the API's address, yet answered by Django: no provider is set up here, so there is nothing."""
    answer = ask(method="POST", path="/api/v1/mail/events/postmark/")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert ask(method="POST", path="/api/v1/mail/else/").headers["content-type"].startswith("application/problem+json")


def call(scope, receive):
    """The answer's status, and what else was sent, of a request as a server hands it over."""
    sent = []

    async def send(message):
        sent.append(message)

    whole = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/", "raw_path": b"/", "root_path": "", "query_string": b"", "headers": [], "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    } | scope  # fmt: skip
    asyncio.run(asgi.application(whole, receive, send))
    return sent[0]["status"]


async def nothing():
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize(
    "hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil.example"], [b""], [b"localhost:80:80"],
              [b"localhost, evil.example"], [b"localhost\x00"], [b"user@localhost"]],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/v1/store/cart"])
def test_a_request_for_no_host_or_for_two_is_refused(hosts, path):
    """A proxy might go by one of them, and a page by the other."""
    headers = [(b"host", host) for host in hosts]
    assert call({"path": path, "raw_path": path.encode(), "headers": headers}, nothing) == 400


def test_a_body_that_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)

    async def receive():
        await asyncio.Event().wait()

    scope = {"method": "POST", "path": "/backoffice/", "headers": [(b"host", b"localhost")]}
    assert call(scope, receive) == 408


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/.env", "/admin/", "/wp-login.php", "/server-status", "/debug/", "/__debug__/", "/phpinfo.php",
     "/backoffice/%2e%2e/settings.py", "/static/%2e%2e/%2e%2e/config/settings.py", "/static/../config/settings.py",
     "/media/%2e%2e/secret_key", "/media/../secret_key", "/static//etc/passwd", "/secret_key", "/ghostcart.sqlite3",
     "/api/v1/%2e%2e/%2e%2e/secret_key", "/static/backoffice/dist/backoffice.js.map"],
)  # fmt: skip
def test_nothing_of_the_machine_is_served(path):
    answer = ask(path=path, follow_redirects=True)
    assert answer.status_code in (400, 404), answer.text[:200]
    for mark in ("Traceback", "SECRET_KEY", "root:", "Django tried", "[core]"):
        assert mark not in answer.text


def test_no_source_map_is_shipped(repository):
    shipped = [file for file in (repository / "ghostcart").rglob("static/**/*") if file.is_file()]
    assert [file.name for file in shipped if file.suffix == ".map"] == []
    scripts = [file for file in shipped if file.suffix in (".js", ".css")]
    assert [file.name for file in scripts if "sourceMappingURL" in file.read_text()] == []
