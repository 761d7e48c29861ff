"""Shoppers of other shop systems, as bench._clients has them for ours: each with a kept connection, and a cart that is
changed for a new one after five adds.

    python -m bench.peer_shops.clients SYSTEM ADDRESS KEY PRODUCT,PRODUCT,... CLIENTS SECONDS

Prints JSON: the seconds that each answered add took, for how long they shopped, and what the others were answered.
"""

import asyncio
import json
import re
import sys
from time import perf_counter

from bench._clients import Shopper, hurry

JSON = "application/json"


class Visitor(Shopper):
    """What all of them need of HTTP; a server that closes the connection after an answer gets a new one."""

    refusal = ""

    async def ask(self, method: str, path: str, headers: str = "", body: str = "", kind: str = JSON) -> tuple[str, str]:
        """The head and the body that are answered."""
        if self.writer.is_closing():
            await self.open()
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
        self.writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{headers}{about}\r\n{body}".encode()
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        answer = await (self.reader.readexactly(int(length[1])) if length else self.reader.read())
        if not length or re.search(r"(?i)connection: close", head):
            self.writer.close()
        return head, answer.decode()

    def judge(self, is_added: bool, answer: str) -> bool:
        if not is_added:
            self.refusal = answer[:500]
        return is_added


class Oscar(Visitor):
    """A form with a CSRF token, which a browser has from a page with a form; a cart is a cookie.

    The answer is a redirect even if nothing could be added: only its database tells.
    """

    csrf = ""

    async def take_cart(self) -> None:
        if not self.csrf:
            head, _body = await self.ask("GET", "/accounts/login/")
            self.csrf = re.search(r"csrftoken=(\w+)", head)[1]  # type: ignore[index]
        self.token, self.added = "", 0

    async def add(self) -> bool:
        self.added += 1
        cart = f"; oscar_open_basket={self.token}" if self.token else ""
        head, body = await self.ask(
            "POST", f"/basket/add/{next(self.skus)}/", f"Cookie: csrftoken={self.csrf}{cart}\r\n",
            f"quantity=1&csrfmiddlewaretoken={self.csrf}", "application/x-www-form-urlencoded",
        )  # fmt: skip
        if cookie := re.search(r'oscar_open_basket="?([^";]+)', head):
            self.token = cookie[1]
        return self.judge(head[9:12] == "302" and bool(self.token), head + body)


class Vendure(Visitor):
    """GraphQL, which says errors with 200; the first add makes the cart."""

    async def take_cart(self) -> None:
        self.token, self.added = "", 0

    async def add(self) -> bool:
        self.added += 1
        query = (
            f'mutation {{ addItemToOrder(productVariantId: "{next(self.skus)}", quantity: 1) {{ __typename'
            " ... on Order { totalQuantity totalWithTax } ... on ErrorResult { message } } }"
        )
        bearer = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head, body = await self.ask("POST", "/shop-api", bearer, json.dumps({"query": query}))
        if token := re.search(r"(?i)vendure-auth-token: (\S+)", head):
            self.token = token[1]
        return self.judge('"__typename":"Order"' in body, head + body)


class Medusa(Visitor):
    """Its key is two words: the publishable key, and the region that a cart is opened in."""

    async def post(self, path: str, what: dict[str, object]) -> tuple[str, str]:
        key = f"x-publishable-api-key: {self.key.split()[0]}\r\n"
        return await self.ask("POST", f"/store/carts{path}", key, json.dumps(what))

    async def take_cart(self) -> None:
        _head, body = await self.post("", {"region_id": self.key.split()[1]})
        self.token, self.added = json.loads(body)["cart"]["id"], 0

    async def add(self) -> bool:
        self.added += 1
        head, body = await self.post(f"/{self.token}/line-items", {"variant_id": next(self.skus), "quantity": 1})
        return self.judge(head[9:12] == "200", head + body)


async def main(system: str, address: str, key: str, products: str, clients: str, seconds: str) -> None:
    kind = {"oscar": Oscar, "vendure": Vendure, "medusa": Medusa}.get(system, Shopper)
    shoppers = [kind(address, key, products.split(","), number) for number in range(int(clients))]
    await asyncio.gather(*(one.open() for one in shoppers))
    started = perf_counter()
    times = await hurry(shoppers, float(seconds))
    refusals = [one.refusal for one in shoppers if isinstance(one, Visitor) and one.refusal]
    print(json.dumps({"seconds": perf_counter() - started, "times": times, "refusals": refusals}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
