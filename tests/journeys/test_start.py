"""A demo that was there before is there again at once, with all the files that its pages name, and goes as a whole."""

import re
import signal
from time import monotonic

import httpx
import pytest

from tests import running

STAYS = "text/css", "max-age=315360000, public, immutable"


@pytest.fixture
def demo(tmp_path, journeys_server):
    with running.demo(tmp_path, journeys_server) as shop:
        yield shop


def test_the_second_start_of_the_demo_is_quick_and_complete(demo):
    began = monotonic()
    demo.start("demo")
    print(f"\nthe second start of the demo took {monotonic() - began:.1f} s")  # 5 are promised on an idle machine
    with httpx.Client(base_url=demo.address) as browser:
        for page in ("/fern/en/", "/backoffice/account/login/"):
            styles = re.findall(r'href="(/static/[^"]+-[A-Z0-9]{8}\.css)"', browser.get(page).text)
            assert styles
            for style in styles:
                answer = browser.get(style)
                assert answer.status_code == 200
                assert (answer.headers["content-type"].split(";")[0], answer.headers["cache-control"]) == STAYS
        assert browser.get("/static/storefront/icon.svg").headers["cache-control"] == "max-age=60, public"
        assert browser.get("/static/../ghostcart.sqlite3").status_code == 404
    assert not (demo.folder / "static").exists()

    demo.server.send_signal(signal.SIGINT)
    assert demo.server.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(demo.address)
