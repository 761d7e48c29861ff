"""From a new key to a program that follows the shop: made in the browser, used over HTTP, revoked in the browser."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import sign_in

pytestmark = pytest.mark.browser


def test_an_owner_makes_a_key_a_program_uses_it_and_it_ends(running_shop, new_page):
    page = sign_in(new_page(), running_shop)
    page.goto(f"{running_shop.address}/backoffice/settings/")
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("Shop system")
    page.get_by_label("See carts").check()
    page.get_by_label("Follow what happens in the carts").check()
    page.get_by_role("button", name="Create").click()
    token = page.locator("code.token").inner_text()
    assert re.fullmatch(r"gck_[\w-]{43}", token)

    program = httpx.Client(
        base_url=f"{running_shop.address}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    carts = program.get("/carts", params={"status": "abandoned", "size": 2})
    assert (carts.status_code, len(carts.json()["items"])) == (200, 2)
    assert program.get(carts.headers["link"].split(">")[0][1:].removeprefix("/api/v1")).status_code == 200
    assert program.post("/carts/delete", json={"ids": [1]}).json()["code"] == "wrong_scope"

    page.get_by_role("link", name="Done").click()
    assert token not in page.content()
    with program.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: place"
        page.get_by_role("button", name="Revoke the key").click()
        expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
        for _ in lines:
            pass  # it ends by itself: else this would wait for ten minutes
    assert program.get("/carts").json()["code"] == "wrong_key"
