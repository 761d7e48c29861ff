"""What the demo takes: memory of all its processes, and the first load of its live page.

    python -m bench demo

`ghostcart demo` as `make demo` starts it, on new data, with its shoppers. Memory once it has settled: the shares of all
processes (PSS), and what each would need alone (RSS). Then the live page in Chromium, signed in, each time with a cold
cache: what comes over the wire but for the stream of events, and the seconds from the start of the navigation until the
stream is connected and the list shown.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import monotonic, sleep

import httpx
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from bench._figures import Figure, Goal, median, show
from tests.conftest import CHROMIUM_FLAGS
from tests.running import free_port

FILL_SECONDS, SETTLE_SECONDS, SAMPLES = 240, 20, 5
REST_MS = 1000
"""For what the page fetches once it is usable."""
LOADS = int(os.environ.get("BENCH_ROUNDS", "5"))
MEMORY, TRANSFER, USABLE = Goal(400, 250), Goal(200, 120), Goal(1.0, 0.5)
PARTS = ("parent", "server", "worker", "shoppers")
"""In the order in which the demo starts them."""
IS_USABLE = """() => document.querySelector('[data-live-state][data-state=connected]')
  && document.querySelector('[data-live-entries] li')?.getClientRects().length && performance.now() / 1000"""


def main() -> None:
    folder, port = tempfile.mkdtemp(prefix="ghostcart-bench-"), free_port()
    environment = {**os.environ, "GHOSTCART_DATA": folder, "PORT": str(port)}
    said = Path(folder, "log")
    with said.open("wb") as log:
        demo = subprocess.Popen([sys.executable, "-m", "ghostcart", "demo"], env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, demo, said)
        figures = [*memory_figures(demo.pid), *page_figures(address)]
    finally:
        demo.terminate()
        demo.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    show("Demo", figures)


def wait_for(address: str, demo: subprocess.Popen[bytes], said: Path) -> None:
    until = monotonic() + FILL_SECONDS
    while monotonic() < until and demo.poll() is None:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            sleep(0.2)
    raise RuntimeError(f"the demo did not start:\n{said.read_text()}")


# -- memory ------------------------------------------------------------------------------------------


def memory_figures(parent: int) -> list[Figure]:
    sleep(SETTLE_SECONDS)
    samples = []
    for _ in range(SAMPLES):
        samples.append(memory(parent))
        sleep(1)
    shares, alone = [sum(pss.values()) for pss, _ in samples], [sum(rss.values()) for _, rss in samples]
    return [
        median("memory, PSS: all processes", shares, "MB", MEMORY),
        *(median(f"memory, PSS: {part}", [pss[part] for pss, _ in samples], "MB") for part in PARTS),
        median("memory, RSS: all processes", alone, "MB"),
    ]


def memory(parent: int) -> tuple[dict[str, float], dict[str, float]]:
    """Megabytes of each part, with the processes that it started: PSS and RSS."""
    pss: dict[str, float] = defaultdict(float)
    rss: dict[str, float] = defaultdict(float)
    whose = {PARTS[0]: [parent]} | {
        part: family(child) for part, child in zip(PARTS[1:], children(parent), strict=True)
    }
    for part, numbers in whose.items():
        for number in numbers:
            told = dict(re.findall(r"^(\w+): +(\d+) kB$", Path(f"/proc/{number}/smaps_rollup").read_text(), re.M))
            pss[part] += int(told["Pss"]) * 1024 / 1e6
            rss[part] += int(told["Rss"]) * 1024 / 1e6
    return pss, rss


def family(process: int) -> list[int]:
    return [process, *(number for child in children(process) for number in family(child))]


def children(process: int) -> list[int]:
    """Those that any of its threads started, the oldest first."""
    told = " ".join(path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children"))
    return sorted(map(int, told.split()))


# -- the page ----------------------------------------------------------------------------------------


def page_figures(address: str) -> list[Figure]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        state = sign_in(browser.new_page(locale="en-GB"), address)
        loads = [one_load(browser, address, state) for _ in range(LOADS)]
        browser.close()
    return [
        median("live page, cold cache: over the wire", [kilobytes for kilobytes, _ in loads], "kB", TRANSFER),
        median("live page, cold cache: until usable", [seconds for _, seconds in loads], "s", USABLE),
    ]


def sign_in(page: Page, address: str) -> StorageState:
    page.goto(f"{address}/backoffice/")
    page.fill("input[name=login]", "owner@demo.example")
    page.fill("input[name=password]", "ghost-carts-walk")
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("[data-live-state][data-state=connected]")
    return page.context.storage_state()


def one_load(browser: Browser, address: str, state: StorageState) -> tuple[float, float]:
    """(kB over the wire, seconds until usable)."""
    with browser.new_context(locale="en-GB", storage_state=state) as context:
        page = context.new_page()
        wire = context.new_cdp_session(page)
        kinds, sizes = dict[str, str](), dict[str, int]()
        wire.on("Network.responseReceived", lambda told: kinds.update({told["requestId"]: told["type"]}))
        wire.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
        wire.send("Network.enable")
        page.goto(f"{address}/backoffice/", wait_until="commit")
        seconds = page.wait_for_function(IS_USABLE, polling="raf").json_value()
        page.wait_for_load_state("load")
        page.wait_for_timeout(REST_MS)
    return sum(size for request, size in sizes.items() if kinds[request] != "EventSource") / 1000, seconds


if __name__ == "__main__":
    main()
