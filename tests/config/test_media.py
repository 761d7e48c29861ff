"""Pictures of another shop come through us: only those that we wrote the address of, and only pictures."""

import os
from ipaddress import ip_network

import pytest
from django.core.cache import cache
from django.test import Client

from ghostcart.backoffice import looks
from ghostcart.lib import outbound, pictures
from ghostcart.lib.template_tags import media
from tests.listening import Server

GIF = b"GIF89a" + b"\x00" * 30


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.PRIVATE_TARGETS = [ip_network("127.0.0.1/32")]
    cache.clear()
    yield
    cache.clear()


def answering(body, status=200, kind="image/gif"):
    return Server(lambda call: (status, {"content-type": kind}, body))


def get(url):
    return Client().get(media(url))


def is_no_picture(answer) -> bool:
    return answer.status_code == 302 and answer["Location"].endswith("no-picture.svg")


def test_a_picture_of_the_shop_is_shown_under_our_own_address():
    with answering(GIF, kind="text/html") as shop:
        answer = get(f"{shop.url}.gif")
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/gif", GIF)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert media(shop.url).startswith("/media/outside/")


def test_it_is_asked_for_once_and_stays_when_the_shop_is_down():
    with answering(GIF) as shop:
        url = shop.url
        assert [get(url).content for _ in range(3)] == [GIF] * 3
        assert len(shop.calls) == 1
    assert get(url).content == GIF
    for file in pictures._files():
        os.utime(file, (0, 0))  # long due, but the shop is away
    assert get(url).content == GIF


def test_an_old_one_is_fetched_anew():
    with answering(GIF) as shop:
        get(shop.url)
        for file in pictures._files():
            os.utime(file, (0, 0))
        new = b"\x89PNG\r\n\x1a\n" + b"1" * 9
        shop.answer = lambda call: (200, {}, new)
        assert get(shop.url).content == new
        assert [file.suffix for file in pictures._files()] == [".png"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<svg onload='alert(1)'>", 200),
        (b"<html><script>alert(1)</script>", 200),
        (b"", 200),
        (GIF, 404),
        (GIF, 302),
        (GIF + b"x" * pictures.MOST_BYTES, 200),
    ],
    ids=["svg", "page", "nothing", "not found", "elsewhere", "endless"],
)
def test_what_is_no_picture_is_replaced_and_not_asked_for_again_at_once(body, status):
    with answering(body, status) as shop:
        assert is_no_picture(get(shop.url))
        assert is_no_picture(get(shop.url))
        assert len(shop.calls) == 1
    assert list(pictures._files()) == []


def test_a_shop_that_is_away_is_not_asked_for_each_of_its_pictures(monkeypatch):
    asked = []

    def away(method, url, **more):
        asked.append(url)
        raise outbound.TimedOut

    monkeypatch.setattr(outbound, "send", away)
    for number in range(5):
        assert is_no_picture(get(f"https://shop.example/{number}.jpg"))
    assert len(asked) == 1


def test_a_private_address_is_not_called(settings):
    with answering(GIF) as shop:
        settings.PRIVATE_TARGETS = ()
        assert is_no_picture(get(shop.url))
        assert shop.connections == 0


@pytest.mark.django_db
def test_only_addresses_that_we_wrote_are_fetched(monkeypatch):
    """Anything else would make an open proxy of us."""
    monkeypatch.setattr(outbound, "send", lambda *all, **more: pytest.fail("called"))
    mine, other = pictures.address("https://a.example/1.jpg"), pictures.address("https://b.example/1.jpg")
    mark, text = mine.split("/")[-2], other.split("/")[-1]
    for path in (f"/media/outside/{mark}/{text}", "/media/outside/x/aHR0cHM6Ly9hLmV4YW1wbGU", "/media/outside/x/%ff"):
        assert Client().get(path).status_code == 404, path
    assert pictures.url_of(mark, mine.split("/")[-1]) == "https://a.example/1.jpg"


def test_a_page_that_shows_our_own_pictures_is_as_it_was():
    assert media("demo/mug.svg") == "/media/demo/mug.svg"
    assert media("").endswith("no-picture.svg")


def test_the_preview_of_a_mail_shows_them_too():
    html = '<img class="picture" style="x" src="https://shop.example/a.jpg?a=1&amp;b=2" alt=""><img src="https://x/y">'
    shown = looks._with_our_pictures(html)
    assert pictures.address("https://shop.example/a.jpg?a=1&b=2") in shown
    assert '<img src="https://x/y">' in shown


def test_what_nobody_looked_at_for_long_goes():
    with answering(GIF) as shop:
        get(shop.url)
    assert pictures.forget_old() == 0
    assert pictures.forget_old(seconds=-1) == 1
    assert list(pictures._files()) == []


def test_one_that_another_process_removes_at_this_moment_is_fetched_anew(monkeypatch, tmp_path):
    gone = tmp_path / "gone.gif"
    monkeypatch.setattr(pictures, "_files", lambda: iter([gone]))
    monkeypatch.setattr(pictures, "_kept", lambda url: gone)
    assert pictures.forget_old() == 0
    with answering(GIF) as shop:
        assert get(shop.url).content == GIF
