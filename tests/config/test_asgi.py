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
