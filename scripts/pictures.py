"""Pictures of the main pages, for looking at them and for the README: `.venv/bin/python -m scripts.pictures [folder]`.

Starts a demo of its own on a free port, walks through the pages in two languages, light and dark, on a desktop and on a
phone, and writes one PNG for each into the folder (default: docs/pictures; `--all` for every page there is).
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import running
from tests.conftest import CHROMIUM_FLAGS
from tests.journeys import pages
from tests.journeys.browsing import A_PERSONS_BROWSER, sign_in

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 720}}
LOOKS = [("en", "light", "desktop"), ("de", "light", "desktop"), ("en", "dark", "desktop"), ("de", "dark", "phone")]
MAIN = {"live", "carts", "cart", "customer", "order", "settings", "shop", "product", "cart-page", "checkout"}
KEPT = {
    "live-en-light-desktop",
    "carts-de-light-desktop",
    "cart-en-dark-desktop",
    "shop-it-light-desktop",
    "live-de-dark-phone",
}


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    folder = Path(words[0] if words else "docs/pictures")
    wanted = None if "--all" in sys.argv else MAIN
    only = KEPT if not words else None
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="ghostcart-pictures-"))
    shop = running.prepare(data, carts=600)
    shop.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            for language, scheme, size in [*LOOKS, ("it", "light", "desktop")]:
                context = browser.new_context(
                    viewport=SIZES[size], color_scheme=scheme, locale=language, user_agent=A_PERSONS_BROWSER
                )
                page = context.new_page()
                fill_cart(page, shop, language)
                sign_in(page, shop)
                page.locator(f"button[name=language][value={language}]").first.evaluate("button => button.click()")
                page.wait_for_load_state()
                listed = {**pages.backoffice(shop), **pages.storefront(shop, language)}
                for name, path in listed.items():
                    if wanted is None or name in wanted:
                        take(page, shop.address + path, folder / f"{name}-{language}-{scheme}-{size}.png", only)
                context.close()
            browser.close()
    finally:
        shop.stop()
        shutil.rmtree(data, ignore_errors=True)


def fill_cart(page: Page, shop: running.Running, language: str) -> None:
    """Three different products, so that the cart pages show something."""
    page.goto(f"{shop.address}/fern/{language}/c/kitchen/")
    links = page.locator("main a[href*='/p/']").evaluate_all(
        "all => [...new Set(all.map((one) => one.href))].slice(0, 3)"
    )
    for link in links:
        page.goto(link)
        page.locator("[data-add]").click()
        page.wait_for_timeout(700)


def take(page: Page, address: str, file: Path, only: set[str] | None) -> None:
    if only is not None and file.stem not in only:
        return
    page.goto(address)
    page.wait_for_timeout(1200)
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main()
