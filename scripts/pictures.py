"""Pictures of the pages: `.venv/bin/python -m scripts.pictures` makes the README's anew (docs/pictures);
with a folder, one PNG of every page there is goes there, in two languages, light and dark, desktop and phone, and an
`index.html` to look at them all.

Starts a demo of its own on a free port.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests import running
from tests.conftest import CHROMIUM_FLAGS
from tests.journeys import pages
from tests.journeys.browsing import A_PERSONS_BROWSER, sign_in

README = Path("docs/pictures")
SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 720}}
LOOKS: list[tuple[str, Literal["light", "dark"], str]] = [
    ("en", "light", "desktop"),
    ("de", "light", "desktop"),
    ("en", "dark", "desktop"),
    ("de", "dark", "phone"),
    ("it", "light", "desktop"),
]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else README
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="ghostcart-pictures-"))
    shop = running.prepare(data, carts=600)
    shop.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            wanted = of_readme(shop) if folder == README else of_every_page(shop)
            for look in LOOKS:
                take(browser, shop, look, wanted[look], folder)
            browser.close()
        if folder != README:
            (folder / "index.html").write_text(gallery(folder))
    finally:
        shop.stop()
        shutil.rmtree(data, ignore_errors=True)


def of_readme(shop: running.Running) -> dict[tuple[str, str, str], dict[str, str]]:
    """{look: {name: path}}: the demo as it is, without the tests' own shops and carts."""
    full = shop.ask(
        "from ghostcart.carts.models import Cart; print(Cart.objects.filter(shop__slug='fern', deleted_at=None,"
        " ordered_at=None, merged_at=None, customer__isnull=False).order_by('-line_count', '-pk')[0].pk)"
    ).strip()
    live, carts, cart = "/backoffice/", "/backoffice/carts/", f"/backoffice/carts/{full}/"
    named = [{"live": live}, {"carts": carts}, {"cart": cart}, {"live": live}, {"shop": "/fern/it/"}]
    return dict(zip(LOOKS, named, strict=True))


def of_every_page(shop: running.Running) -> dict[tuple[str, str, str], dict[str, str]]:
    backoffice = pages.backoffice(shop)
    return {look: {**backoffice, **pages.storefront(shop, look[0])} for look in LOOKS}


def gallery(folder: Path) -> str:
    """All pictures of a page beside each other."""
    looks = ["-".join(look) for look in LOOKS]
    names = sorted({file.stem.removesuffix(f"-{look}") for look in looks for file in folder.glob(f"*-{look}.png")})
    rows = "".join(
        f"<h2>{name}</h2><div>"
        + "".join(f'<img src="{name}-{look}.png" alt="{name}, {look}" loading="lazy">' for look in looks
                  if (folder / f"{name}-{look}.png").exists())
        + "</div>"
        for name in names
    )  # fmt: skip
    style = "body{font:16px sans-serif;margin:2rem}div{display:flex;gap:1rem;overflow-x:auto}img{height:28rem}"
    return f"<!doctype html><meta charset=utf-8><title>Ghostcart</title><style>{style}</style>{rows}"


def take(
    browser: Browser,
    shop: running.Running,
    look: tuple[str, Literal["light", "dark"], str],
    wanted: dict[str, str],
    folder: Path,
) -> None:
    language, scheme, size = look
    context = browser.new_context(
        viewport=SIZES[size], color_scheme=scheme, locale=language, user_agent=A_PERSONS_BROWSER
    )
    page = context.new_page()
    fill_cart(page, shop, language)
    sign_in(page, shop)
    with page.expect_navigation():
        page.locator(f"button[name=language][value={language}]").first.evaluate("button => button.click()")
    for name, path in wanted.items():
        page.goto(shop.address + path)
        page.wait_for_timeout(1200)
        file = folder / f"{name}-{language}-{scheme}-{size}.png"
        page.screenshot(path=file)
        print(file)
    context.close()


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


if __name__ == "__main__":
    main()
