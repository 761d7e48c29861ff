"""A merchant makes a campaign, changes its text with the mail beside it, and starts it."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import sign_in

pytestmark = pytest.mark.browser

FRAME = ".look-frame iframe:not([data-waits])"


def make(page: Page, address: str, kind: str, name: str) -> str:
    """Make a campaign by the form; the address of its page."""
    page.goto(f"{address}/backoffice/campaigns/new/?kind={kind}")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the campaign").click()
    expect(page.locator("h1")).to_contain_text(name)
    return page.url


def test_a_campaign_is_made_written_and_started(running_shop, new_page):
    page = sign_in(new_page(), running_shop, "manager@demo.example")
    campaign = make(page, running_shop.address, "abandoned", "Walked through")
    expect(page.locator("h1")).to_contain_text("Draft")

    page.get_by_role("link", name="Edit step 2").click()
    look = page.frame_locator(FRAME)
    page.get_by_role("radio", name="English").check(force=True)
    page.get_by_label("Subject in English").fill("Straight from the journey")
    expect(look.locator("body")).to_contain_text("Straight from the journey")

    page.get_by_label("Text in English").fill("Hello\n\n{{ nobody.knows }}")
    expect(look.locator("body")).to_contain_text("Line 3")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".panel-text[data-language=en] .field-error")).to_contain_text("Line 3")
    expect(page.get_by_label("Subject in English")).to_have_value("Straight from the journey")

    page.get_by_label("Text in English").fill("# Hello again\n\n{{ cart_lines }}\n\n{{ restore_button }}")
    expect(look.locator("body")).to_contain_text("Hello again")
    page.get_by_role("radio", name="Plain text").check(force=True)
    expect(look.locator("pre")).to_contain_text("Hello again")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".walk")).to_contain_text("Straight from the journey")

    page.goto(f"{campaign}audience/")
    expect(page.locator(".meet-count")).to_be_visible()
    page.get_by_label("At least, in EUR").fill("99999")
    expect(page.locator(".meet-count")).to_have_text("0")
    page.get_by_label("At least, in EUR").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Cart of at least €1.00")

    page.get_by_role("link", name="Start…").click()
    page.get_by_role("button", name="Start the campaign").click()
    expect(page.locator("h1")).to_contain_text("Running")


def test_the_looks_leave_no_trace_in_the_history_of_the_browser(running_shop, new_page):
    """One press of Back leads away from the page, however often the mail was looked at."""
    page = sign_in(new_page(), running_shop, "manager@demo.example")
    campaign = make(page, running_shop.address, "thanks", "Looked at")
    page.get_by_role("link", name="View step 1").click()
    look = page.frame_locator(FRAME)
    for part, there in (("Plain text", "pre"), ("Letter", "table"), ("Plain text", "pre")):
        page.get_by_role("radio", name=part).check(force=True)
        expect(look.locator(there).first).to_be_visible()
    page.go_back()
    expect(page).to_have_url(campaign)


def test_a_language_is_chosen_by_keyboard_alone(running_shop, new_page):
    page = sign_in(new_page(), running_shop, "manager@demo.example")
    make(page, running_shop.address, "lapsed", "By keyboard")
    page.get_by_role("link", name="Edit step 1").press("Enter")
    page.get_by_role("radio", name="English").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Subject in Italiano")).to_be_visible()
    expect(page.get_by_label("Subject in English")).to_be_hidden()
    expect(page.frame_locator(FRAME).locator("html")).to_have_attribute("lang", "it")
