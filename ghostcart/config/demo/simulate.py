"""Many shoppers at once, for as long as it is wanted: their progress on a screen, and the shelves they empty."""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from ghostcart.api.threads import in_django
from ghostcart.catalog.models import Variant
from ghostcart.config.demo import shops
from ghostcart.config.demo.places import Place
from ghostcart.config.demo.server import Figures, Server
from ghostcart.config.demo.shoppers import Crowd, Shopper

RESTOCK_SECONDS = 60
PLAIN_SECONDS = 10


class Screen:
    """Where progress is shown: one live line on a terminal, a line now and then elsewhere, or only what matters."""

    def __init__(self, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet
        self.is_live = sys.stdout.isatty() and not is_quiet
        self._next_plain = monotonic() + PLAIN_SECONDS
        self._live: Any = None
        if self.is_live:
            from rich.live import Live

            self._live = Live(refresh_per_second=4)
            self._live.start()

    def say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(text, highlight=False, markup=False)
        else:
            print(text, flush=True)

    def show(self, figures: Figures) -> None:
        if self._live is not None:
            self._live.update(str(figures))
        elif not self.is_quiet and monotonic() >= self._next_plain:
            self._next_plain = monotonic() + PLAIN_SECONDS
            print(figures, flush=True)

    def close(self, figures: Figures) -> None:
        if self._live is not None:
            self._live.stop()
        if not self.is_quiet:
            print(f"Stopped: {figures}", flush=True)


async def simulate(
    server: Server,
    places: Sequence[Place],
    *,
    rate: float,
    shoppers: int,
    seed: int,
    minutes: float = 0,
    show: Callable[[Figures], None] = lambda figures: None,
    restock: Callable[[], Awaitable[None]] | None = None,
) -> Figures:
    """Let shoppers walk until a signal comes, or for some minutes; 0 is for ever. Raises WrongShop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    crowd = Crowd(places, seed)
    interval = shoppers / rate
    tasks = [
        asyncio.create_task(Shopper(server, crowd, random.Random(f"shopper-{seed}-{place}"), interval).walk())
        for place in range(shoppers)
    ]
    if restock is not None:
        tasks.append(asyncio.create_task(_repeat(restock)))
    ends = monotonic() + minutes * 60 if minutes else float("inf")
    try:
        while not stop.is_set() and monotonic() < ends:
            for task in tasks:
                if task.done():
                    task.result()  # a walk only ends by an error
            show(server.figures)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(0.5, max(0.0, ends - monotonic())))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return server.figures


async def _repeat(restock: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(RESTOCK_SECONDS)
        await restock()


async def restock() -> None:
    """Fill the demo's shelves again where shoppers have emptied them, so that there is always something to buy."""
    await in_django(refill_shelves)


def refill_shelves() -> int:
    """Blocking. Give almost sold-out variants the stock they began with; returns how many got it."""
    began = {
        (shop["slug"], variant["sku"]): variant["stock"]
        for shop in shops.catalogue()
        for product in shop["products"]
        for variant in product["variants"]
    }
    low = Variant.objects.filter(shop__is_demo=True, stock__lt=3).values_list("pk", "shop__slug", "sku", "stock")
    filled = 0
    for number, slug, sku, stock in low:
        if began.get((slug, sku), 0) > stock:
            filled += Variant.objects.filter(pk=number, stock=stock).update(stock=began[slug, sku])
    return filled
