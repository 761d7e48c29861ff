"""Shoppers who put things in carts over HTTP, as fast as they are let or at a given rate. One process, no waiting for
each other.

    python -m bench._clients ADDRESS PUBLIC_KEY SKU,SKU,... CLIENTS SECONDS [RATE]

Prints JSON: how many were answered with 200, and the seconds that each took. At a rate, times count from the moment
when the request was due, so that a server that stalls is charged for those who waited (no coordinated omission).
"""

import asyncio
import itertools
import json
import sys
from time import perf_counter
from urllib.parse import urlsplit

ADDS_PER_CART = 5


class Shopper:
    """A connection that is kept, and a cart that is changed for a new one after five adds."""

    def __init__(self, address: str, key: str, skus: list[str], number: int) -> None:
        parts = urlsplit(address)
        self.host, self.port, self.key = parts.hostname, parts.port, key
        self.skus = itertools.cycle(skus[number % len(skus) :] + skus[: number % len(skus)])
        self.added = ADDS_PER_CART
        self.token = ""

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def call(self, path: str, body: bytes, token: str = "") -> tuple[int, bytes]:
        cart = f"Ghostcart-Cart: {token}\r\n" if token else ""
        self.writer.write(
            f"POST /api/v1/store{path} HTTP/1.1\r\nHost: {self.host}\r\nGhostcart-Shop: {self.key}\r\n{cart}"
            f"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]), await self.reader.readexactly(length)

    async def take_cart(self) -> None:
        _status, body = await self.call("/carts", b"{}")
        self.token, self.added = json.loads(body)["token"], 0

    async def add(self) -> bool:
        self.added += 1
        status, _body = await self.call("/cart/lines", b'{"sku":"%s"}' % next(self.skus).encode(), self.token)
        return status == 200


async def hurry(shoppers: list[Shopper], seconds: float) -> list[float]:
    """Each as fast as it is answered; opening a cart is not counted."""
    until = perf_counter() + seconds
    times: list[float] = []

    async def shop(one: Shopper) -> None:
        while perf_counter() < until:
            if one.added == ADDS_PER_CART:
                await one.take_cart()
            started = perf_counter()
            if await one.add():
                times.append(perf_counter() - started)

    await asyncio.gather(*(shop(one) for one in shoppers))
    return times


async def stroll(shoppers: list[Shopper], seconds: float, rate: float) -> list[float]:
    """Requests at a steady rate, whoever is free takes the next."""
    free: asyncio.Queue[Shopper] = asyncio.Queue()
    for one in shoppers:
        await one.take_cart()
        free.put_nowait(one)
    times: list[float] = []

    async def one_add(due: float) -> None:
        one = await free.get()
        if one.added == ADDS_PER_CART:
            await one.take_cart()
        if await one.add():
            times.append(perf_counter() - due)
        free.put_nowait(one)

    started, jobs = perf_counter(), []
    for number in range(int(seconds * rate)):
        due = started + number / rate
        await asyncio.sleep(max(0, due - perf_counter()))
        jobs.append(asyncio.create_task(one_add(due)))
    await asyncio.gather(*jobs)
    return times


async def main(address: str, key: str, skus: str, clients: str, seconds: str, rate: str = "") -> None:
    shoppers = [Shopper(address, key, skus.split(","), number) for number in range(int(clients))]
    await asyncio.gather(*(one.open() for one in shoppers))
    started = perf_counter()
    if rate:
        times = await stroll(shoppers, float(seconds), float(rate))
    else:
        times = await hurry(shoppers, float(seconds))
    print(json.dumps({"seconds": perf_counter() - started, "times": times}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
