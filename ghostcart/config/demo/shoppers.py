"""Shoppers who walk through a running shop by its store API, as browsers do.

Nothing here knows the server from within: shoppers send what the storefront's script sends, and take what comes back.
The rate is kept by a timetable per shopper: who was held up does not wait again, so slow answers don't lower it.
"""

import asyncio
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote

from ghostcart.config.demo.people import BROWSERS, CRAWLERS, People, Person, consent_sentence
from ghostcart.config.demo.places import Place
from ghostcart.config.demo.server import Broken, Refused, Server
from ghostcart.storefront.texts import CONSENT_VERSION

ENDINGS = {"leave": 55, "identify": 10, "order": 25, "empty": 5, "shipping": 5}
"""How a visit ends, in percent."""
CODES = ("WELCOME10", "SHIPFREE", "FIVER", "SURPRISE", "SUMMER15", "FIRST20", "NOSUCHCODE")


@dataclass(slots=True)
class Bag:
    """A cart that a shopper fills, and who they are while they do."""

    place: Place
    token: str
    language: str
    currency: str
    agent: str
    cart: dict[str, Any]
    person: Person | None = None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the shopper put in."""
        return [line for line in self.cart["lines"] if not line["is_gift"]]


class Crowd:
    """What all shoppers share: where they go, who they are, and who has been there before."""

    def __init__(self, places: Sequence[Place], seed: int) -> None:
        self.places = list(places)
        self.people = People(seed)
        self.known: list[Person] = []

    def person(self, chance: random.Random, language: str) -> Person:
        """Somebody who speaks this language: one time in three somebody who was here before."""
        before = [person for person in self.known[-300:] if person.language == language]
        if before and chance.random() < 0.33:
            return chance.choice(before)
        person = self.people.make(language)
        self.known.append(person)
        return person


class Shopper:
    """Comes, looks, puts things in, changes their mind, and leaves; now and then buys, and comes back.

    `interval` is the mean time between two changes, in seconds.
    """

    def __init__(self, server: Server, crowd: Crowd, chance: random.Random, interval: float) -> None:
        self.server, self.crowd, self.chance, self.interval = server, crowd, chance, interval
        self.due = monotonic() + chance.random() * interval
        self.bag: Bag | None = None
        self.left: list[Bag] = []

    async def walk(self) -> None:
        """One visit after the other, for ever."""
        while True:
            with suppress(Refused, Broken):
                await self.visit()
            await asyncio.sleep(0)

    # -- a visit

    async def visit(self) -> None:
        if self.left and self.chance.random() < 0.25:
            await self._come_back()
        else:
            await self._arrive()
        if self.here.agent in CRAWLERS:
            await self.add()
            return
        await self._fill()
        await self._end(self.chance.choices(list(ENDINGS), list(ENDINGS.values()))[0])

    @property
    def here(self) -> Bag:
        assert self.bag is not None, "nobody came yet"
        return self.bag

    async def _arrive(self) -> None:
        chance = self.chance
        place = chance.choice(self.crowd.places)
        language = self._language(place)
        agent = chance.choice(CRAWLERS if chance.random() < 0.03 else BROWSERS)
        currency = place.currencies[-1 if chance.random() < 0.12 else 0]
        headers = {"Ghostcart-Shop": place.key, "User-Agent": agent, "Accept-Language": _accept(language)}
        opened = await self.server.call("POST", "/carts", headers, {"currency": currency})
        self.bag = Bag(place, opened["token"], language, currency, agent, opened["cart"])
        await self.heartbeat("")

    async def _come_back(self) -> None:
        self.bag = self.left.pop(self.chance.randrange(len(self.left)))
        self.bag.cart = await self._call("GET", "/cart")
        await self.heartbeat("cart/")

    def _language(self, place: Place) -> str:
        if place.slug in ("fern", "otter"):
            return self.crowd.people.language(place.slug)
        return self.chance.choice(place.languages)

    async def _fill(self) -> None:
        chance = self.chance
        for _ in range(chance.choices((1, 2, 3, 4, 5), (30, 30, 20, 12, 8))[0]):
            await self.add()
            if chance.random() < 0.25:
                await self.change_quantity()
            if chance.random() < 0.12:
                await self.remove()
        if chance.random() < 0.25:
            await self.try_voucher()

    async def _end(self, ending: str) -> None:
        if ending == "empty":
            for _ in range(len(self.here.lines)):
                await self.remove()
        elif ending == "shipping":
            await self.choose_shipping()
        elif ending in ("identify", "order") and self.here.lines:
            await self.identify()
            if ending == "order" and await self.order():
                return
        self.left = [*self.left[-4:], self.here]
        await self.heartbeat("cart/")

    # -- what a shopper can do: each True if the shop agreed

    async def add(self) -> bool:
        goods = self.chance.choice(self.here.place.goods)
        quantity = self.chance.choices((1, 2, 3), (85, 12, 3))[0]
        pages = [f"c/{self.chance.choice(self.here.place.categories)}/", f"p/{goods.page}/"]
        return await self._change("POST", "/cart/lines", {"sku": goods.sku, "quantity": quantity}, pages)

    async def change_quantity(self) -> bool:
        if not self.here.lines:
            return False
        line = self.chance.choice(self.here.lines)
        quantity = max(1, line["quantity"] + self.chance.choice((-1, 1, 1, 2)))
        return await self._change("PUT", _line_path(line), {"quantity": quantity}, ["cart/"])

    async def remove(self) -> bool:
        if not self.here.lines:
            return False
        line = self.chance.choice(self.here.lines)
        return await self._change("DELETE", _line_path(line), None, ["cart/"])

    async def try_voucher(self) -> bool:
        if not self.here.lines:
            return False
        code = self.chance.choice(CODES)
        is_on = await self._change("POST", "/cart/vouchers", {"code": code}, ["cart/"])
        if is_on and self.chance.random() < 0.15:
            await self._change("DELETE", f"/cart/vouchers/{code}", None, ["cart/"])
        return is_on

    async def choose_shipping(self) -> bool:
        methods = self.here.cart["shipping_methods"]
        if not methods:
            return False
        method = self.chance.choice(methods)["code"]
        return await self._change("PUT", "/cart/shipping", {"method": method}, ["checkout/"])

    async def identify(self) -> bool:
        if self.here.person is None:
            self.here.person = self.crowd.person(self.chance, self.here.language)
        person = self.here.person
        names = {"first_name": person.first_name, "last_name": person.last_name}
        return await self._change("PUT", "/cart/identity", {**self._contact(person), **names}, ["checkout/"])

    async def order(self) -> bool:
        """Check out; a declined card is tried once more, most of the time."""
        methods = self.here.cart["shipping_methods"]
        person = self.here.person
        if person is None or not methods:
            return False
        payment = self.chance.choices(("demo_card", "on_delivery", "transfer"), (60, 25, 15))[0]
        card = self.chance.choices(("succeed", "pending", "fail"), (82, 8, 10))[0]
        body = {
            "contact": self._contact(person),
            "address": person.address,
            "shipping_method": self.chance.choice(methods)["code"],
            "payment": payment,
            "card": card,
        }
        for _ in range(2):
            await self._turn(["checkout/"])
            try:
                placed = await self._call("POST", "/cart/checkout", body)
            except Refused as no:
                if no.code != "card_declined" or self.chance.random() < 0.3:
                    return False
                body["card"] = "succeed"
                continue
            self.server.figures.changes += 1
            self.server.figures.orders += 1
            await self.heartbeat(f"thanks/{placed['order']['token']}/")
            return True
        return False

    async def heartbeat(self, page: str) -> None:
        """The shopper is there, and looks at a page."""
        path = f"/{self.here.place.slug}/{self.here.language}/{page}"
        await self._call("POST", "/cart/heartbeat", {"page": path})

    def _contact(self, person: Person) -> dict[str, Any]:
        return {
            "email": person.email,
            "phone": person.phone,
            "consent": person.number % 5 < 2,
            "consent_text": consent_sentence(person.language),
            "consent_version": CONSENT_VERSION,
        }

    # -- sending

    async def _change(self, method: str, path: str, body: Any, pages: list[str]) -> bool:
        """One change of the cart, when it is due. The answer is the cart as it is now."""
        await self._turn(pages)
        try:
            cart = await self._call(method, path, body)
        except Refused as no:
            if no.cart is not None:
                self.here.cart = no.cart
            elif no.code in ("cart_closed", "bad_cart_token", "cart_empty"):
                raise
            return False
        self.here.cart = cart
        self.server.figures.changes += 1
        return True

    async def _turn(self, pages: list[str]) -> None:
        """Wait for the next place in the timetable, looking at some pages meanwhile."""
        self.due += self.chance.gammavariate(2, self.interval / 2) if self.interval else 0
        if self.due < monotonic() - 3 * self.interval:
            self.due = monotonic()  # held up for long: no storm of all that was missed
        for place, page in enumerate(pages):
            await asyncio.sleep(max(0.0, self.due - monotonic()) / (len(pages) + 1 - place))
            await self.heartbeat(page)
        await asyncio.sleep(max(0.0, self.due - monotonic()))

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        bag = self.here
        headers = {
            "Ghostcart-Shop": bag.place.key,
            "Ghostcart-Cart": bag.token,
            "Ghostcart-Currency": bag.currency,
            "Accept-Language": _accept(bag.language),
            "User-Agent": bag.agent,
        }
        if method != "GET" and not path.endswith("/heartbeat"):
            headers["Idempotency-Key"] = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            if bag.cart["version"] and not path.endswith("/checkout"):
                headers["If-Match"] = f'"{bag.cart["version"]}"'
        return await self.server.call(method, path, headers, body)


def _line_path(line: dict[str, Any]) -> str:
    return f"/cart/lines/{quote(line['key'], safe='')}"


def _accept(language: str) -> str:
    return "en-GB,en;q=0.9" if language == "en" else f"{language}-{language.upper()},{language};q=0.9,en;q=0.6"
