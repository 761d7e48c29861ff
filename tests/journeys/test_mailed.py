"""Mailed links in real browsers: a scanner that runs scripts changes nothing, one click brings the cart back."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.journeys import pages

pytestmark = pytest.mark.browser
WATCHED = ("carts_", "customers_", "vouchers_", "orders_", "django_session", "mail_suppression", "mail_link",
           "mail_message\"", "recovery_enrolment")  # fmt: skip


@pytest.fixture
def left_cart(running_shop) -> str:
    """An abandoned cart of two products that can still be had."""
    return pages.numbers(running_shop)["cart"]


def everything(shop) -> dict[str, list[str]]:
    """The rows of what people own; the worker's own notes move by themselves."""
    tables = json.loads(shop.ask("import json; from tests.mail.letters import dump; print(json.dumps(dump()))"))
    return {name: rows for name, rows in tables.items() if f'{name}"'.startswith(WATCHED)}


def test_a_scanner_with_a_browser_changes_nothing(running_shop, new_page, left_cart):
    links = pages.mailed(running_shop, left_cart)
    running_shop.ask(  # the worker would recognise them while the scanner is at it
        "from ghostcart.customers import identity\nfrom ghostcart.lib import clock\n"
        "while identity.catch_up(clock.now()):\n    pass"
    )
    before = everything(running_shop)
    assert len(before) > 15
    page = new_page()
    picture = links.pop("seen")
    for path in list(links.values()) * 2:
        page.request.get(running_shop.address + picture)  # part of the mail; shown alone, it is the browser's own page
        page.goto(running_shop.address + path)
        page.mouse.wheel(0, 5000)
        page.wait_for_load_state("networkidle")
    assert everything(running_shop) == before
    told = running_shop.ask(
        "from ghostcart.mail.models import MessageEvent;"
        "print(*sorted(set(MessageEvent.objects.filter(external_id__startswith='link:').values_list('kind', 'by'))))"
    )
    assert "restored" not in told
    assert "unsubscribed" not in told


@pytest.mark.parametrize("scripts", [True, False])
def test_one_click_brings_the_cart_back_in_a_clean_browser(running_shop, new_page, left_cart, scripts):
    links = pages.mailed(running_shop, left_cart)
    page = new_page(java_script_enabled=scripts)
    page.goto(running_shop.address + links["restore"])
    products = page.locator(".lines .line").count()
    assert products >= 2
    page.locator("main form button").click()
    page.wait_for_url(re.compile(r"/fern/it/cart/\?back=\d+"))
    expect(page.locator("main .notice--good").first).to_be_visible()
    if scripts:
        expect(page.locator("main [data-lines=line] > li").first).to_be_visible()
        expect(page.locator("[data-cart-count]").first).to_be_visible()
    page.goto(f"{running_shop.address}/fern/it/account/")
    assert page.url.endswith("/sign-in/")  # nobody was signed in


def test_the_cart_in_hand_stays(running_shop, new_page, left_cart):
    page = new_page()
    slug = pages.numbers(running_shop)["variant"]
    page.goto(f"{running_shop.address}/fern/it/p/{slug}/")
    page.locator("[data-add]").click()
    expect(page.locator("[data-cart-count]").first).to_be_visible()
    name = page.locator("h1").inner_text()
    page.goto(running_shop.address + pages.mailed(running_shop, left_cart)["restore"])
    page.locator("main form button").click()
    page.wait_for_url(re.compile(r"/cart/"))
    expect(page.locator("main [data-lines=line]")).to_contain_text(name)


def test_the_stop_button_stops(running_shop, new_page, left_cart):
    page = new_page()
    page.goto(running_shop.address + pages.mailed(running_shop, left_cart)["stop"])
    page.locator("main form button").click()
    expect(page.locator("main .notice--good")).to_contain_text("***@")
    told = running_shop.ask(
        "from ghostcart.mail.models import Suppression; print(Suppression.objects.latest('pk').source)"
    )
    assert told == "link"
