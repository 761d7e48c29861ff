"""Browsers for the journeys: people's ones, that notice trouble."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.running import Running

A_PERSONS_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PASSWORD = "ghost-carts-walk"
expect.set_options(timeout=20_000)


class Browsers:
    """Makes pages of browsers that know nothing of each other, and collects what goes wrong in any of them:
    script errors, violations of the Content-Security-Policy, requests to other hosts."""

    def __init__(self, chromium: Browser, shop: Running) -> None:
        self.chromium, self.shop = chromium, shop
        self.contexts: list[Any] = []
        self.trouble: list[str] = []

    def __call__(self, **options: Any) -> Page:
        settings = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, "user_agent": A_PERSONS_BROWSER}
        context = self.chromium.new_context(**{**settings, **options})
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        context.on("page", self._listen)
        return context.new_page()

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.trouble.append(f"{page.url}: {error}"))
        page.on("console", lambda said: "Content Security" in said.text and self.trouble.append(said.text))
        page.on("request", lambda asked: self._is_own(asked.url) or self.trouble.append(asked.url))

    def _is_own(self, url: str) -> bool:
        return url.startswith((self.shop.address, "data:", "blob:", "about:"))

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def sign_in(page: Page, shop: Running, who: str = "owner@demo.example") -> Page:
    """Sign in to the back office and wait until the live page follows."""
    page.goto(f"{shop.address}/backoffice/")
    page.fill("input[name=login]", who)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    expect(page.locator("[data-live-state][data-state=connected]")).to_be_visible()
    return page
