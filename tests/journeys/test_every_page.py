"""Every page of both doors: no accessibility violation by axe, nothing wider than a small phone, no request to
another host, no script error, a silent Content-Security-Policy."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.journeys import pages
from tests.journeys.browsing import sign_in

pytestmark = pytest.mark.browser
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 320, "height": 640}}


def violations(page) -> list[str]:
    """What axe objects to on the page as it is, in words."""
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:2]]}"
        for one in found.response["violations"]
    ]


def look(page, address: str, size: str) -> list[str]:
    page.set_viewport_size(SIZES[size])
    page.goto(address)
    page.wait_for_load_state("load")
    trouble = violations(page)
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        trouble.append(f"scrolls sideways by {wide} px")
    return trouble


@pytest.mark.parametrize(("scheme", "size"), [("light", "desktop"), ("dark", "phone")])
def test_the_back_office_has_no_accessibility_violation(running_shop, new_page, scheme, size):
    page = sign_in(new_page(color_scheme=scheme), running_shop)
    trouble = {}
    for name, path in pages.backoffice(running_shop).items():
        if found := look(page, running_shop.address + path, size):
            trouble[name] = found
    assert trouble == {}


@pytest.mark.parametrize(("scheme", "size", "language"), [("light", "desktop", "it"), ("dark", "phone", "de")])
def test_the_shop_has_no_accessibility_violation(running_shop, new_page, scheme, size, language):
    page = new_page(color_scheme=scheme)
    trouble = {}
    for name, path in pages.storefront(running_shop, language).items():
        if found := look(page, running_shop.address + path, size):
            trouble[name] = found
    assert trouble == {}


ENHANCED = {"rules": {"color-contrast-enhanced": {"enabled": True}}, "runOnly": ["color-contrast-enhanced"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_who_asks_for_more_contrast_gets_seven_to_one(running_shop, new_page, scheme):
    page = sign_in(new_page(color_scheme=scheme, contrast="more"), running_shop)
    inside, outside = pages.backoffice(running_shop), pages.storefront(running_shop, "de")
    paths = [inside[name] for name in ("live", "carts", "cart", "report", "components", "campaign")]
    paths += [outside[name] for name in ("shop", "product", "checkout", "imprint", "preferences")]
    trouble = {}
    for path in paths:
        page.goto(running_shop.address + path)
        found = Axe().run(page, options=ENHANCED).response["violations"]
        if nodes := [node["html"][:160] for one in found for node in one["nodes"]]:
            trouble[path] = nodes[:5]
    assert trouble == {}


def test_in_forced_colours_nothing_is_lost(running_shop, new_page):
    """Badges and buttons keep an edge where the system takes their colours away."""
    page = sign_in(new_page(forced_colors="active"), running_shop)
    page.goto(f"{running_shop.address}/backoffice/components/")
    for part in (".tag", ".btn", ".card"):
        assert page.locator(f"main {part}").first.evaluate("one => getComputedStyle(one).borderTopStyle") == "solid"


def test_the_sign_in_page_has_no_accessibility_violation(running_shop, new_page):
    assert look(new_page(), f"{running_shop.address}/backoffice/account/login/", "phone") == []


def test_axe_finds_what_is_wrong(running_shop, new_page):
    """The guard: a page with an image without words must be objected to."""
    page = new_page()
    page.goto(f"{running_shop.address}/fern/en/")
    page.evaluate("() => document.querySelector('main').append(document.createElement('img'))")
    assert any("image-alt" in one for one in violations(page))
