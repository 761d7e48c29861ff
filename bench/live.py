"""How long it takes from the shopper's click to the change on the screen of staff, with 50 shoppers active.

A real server and worker on SQLite, the simulator with 50 shoppers, and two Chromium pages: a product page that is
clicked, and the live page that is watched. Also the bare answer time of "add to cart" over HTTP meanwhile.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from bench._figures import Figure, Goal, median, show
from tests import running
from tests.conftest import CHROMIUM_FLAGS

CLICKS = 60
SHOPPERS, RATE = 50, 5
GOAL = Goal(150, 75)
BREATH_MS = 800
"""The shop takes clicks that follow each other faster for one double click."""

WATCH = """(last) => { window.seen = new Promise((done, failed) => {
  setTimeout(() => failed(new Error("the change did not arrive within 10 s")), 10000);
  const list = document.querySelector('[data-live-entries]');
  const isIt = (item) => item.textContent.includes(last.product) && !last.known.includes(item.id);
  const look = () => [...list.children].find(isIt);
  new MutationObserver((all, self) => look() && (self.disconnect(), done(performance.timeOrigin + performance.now())))
    .observe(list, { childList: true });
}) }"""
CLICK = """() => { document.querySelector('[data-add]').click(); return performance.timeOrigin + performance.now() }"""
KNOWN = "() => [...document.querySelectorAll('[data-live-entries] li')].map((item) => item.id)"


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    shop = running.prepare(folder, carts=400)
    shop.start()
    simulator = subprocess.Popen(
        [sys.executable, "-m", "ghostcart", "simulate", "--base", shop.address, "--rate", str(RATE),
         "--shoppers", str(SHOPPERS), "--seed", "7"],
        env=shop.environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        clicks = measure_clicks(shop)
        answers = measure_answers(shop)
    finally:
        simulator.terminate()
        simulator.wait(10)
        shop.stop()
        shutil.rmtree(folder, ignore_errors=True)
    show(
        f"Live, SQLite, {SHOPPERS} shoppers active, {RATE} changes a second besides",
        [*figures("from the shopper's click to the change on the screen", clicks, GOAL),
         *figures("adding over HTTP, one client", answers)],
    )  # fmt: skip


def product_of(shop: running.Running) -> tuple[str, str, str, str]:
    """(slug, English name, SKU, public key) of a product with plenty in stock."""
    return tuple(  # type: ignore[return-value]
        shop.ask(
            "from ghostcart.catalog.models import Variant;"
            "Variant.objects.update(stock=9000);"
            "v = Variant.objects.filter(shop__slug='fern').order_by('pk')[0];"
            "print(v.product.slug, v.product.names['en'], v.sku, v.shop.public_key, sep='|')"
        ).split("|")
    )


def measure_clicks(shop: running.Running) -> list[float]:
    slug, name, *_ = product_of(shop)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        person = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        staff, shopper = (browser.new_context(locale="en-GB", user_agent=person).new_page() for _ in range(2))
        staff.goto(f"{shop.address}/backoffice/")
        staff.fill("input[name=login]", "owner@demo.example")
        staff.fill("input[name=password]", "ghost-carts-walk")
        staff.press("input[name=password]", "Enter")
        staff.wait_for_selector("[data-live-state][data-state=connected]")
        shopper.goto(f"{shop.address}/fern/en/p/{slug}/")
        times = [one_click(staff, shopper, name) for _ in range(CLICKS + 5)]
        browser.close()
    return times[5:]


def one_click(staff: Page, shopper: Page, name: str) -> float:
    staff.evaluate(WATCH, {"product": name, "known": staff.evaluate(KNOWN)})
    clicked = shopper.evaluate(CLICK)
    seen: float = staff.evaluate("() => window.seen")
    shopper.wait_for_timeout(BREATH_MS)
    return seen - clicked


def measure_answers(shop: running.Running) -> list[float]:
    *_, sku, key = product_of(shop)
    times = []
    with httpx.Client(base_url=f"{shop.address}/api/v1/store", headers={"Ghostcart-Shop": key}) as client:
        token = client.post("/carts", json={}).json()["token"]
        for _ in range(200):
            started = time.perf_counter()
            client.post("/cart/lines", json={"sku": sku}, headers={"Ghostcart-Cart": token}).raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
    return times


def figures(what: str, times: list[float], goal: Goal | None = None) -> list[Figure]:
    p95 = statistics.quantiles(times, n=20)[18]
    return [Figure(f"{what}, p95 of {len(times)}", p95, "ms", goal), median(f"{what}, median", times, "ms")]


if __name__ == "__main__":
    main()
