"""Shoppers who walk through a running shop by its store API, as browsers do.

Nothing here knows the server from within: shoppers send what the storefront's script sends, and take what comes back.
The rate is kept by a timetable per shopper: who was held up does not wait again, so slow answers don't lower it.
"""

import asyncio
import random
import signal
import sys
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote

import httpx

from ghostcart.api.threads import in_django
from ghostcart.catalog.models import Variant
from ghostcart.config.demo import shops
from ghostcart.config.demo.people import BROWSERS, CRAWLERS, People, Person, consent_sentence
from ghostcart.shops.models import Shop
from ghostcart.storefront.texts import CONSENT_VERSION

STORE = "/api/v1/store"
TRIES = 6
RESTOCK_SECONDS = 60
PLAIN_SECONDS = 10
PATIENCE_SECONDS = 3  # a server that is just starting is not worth a word
LONGEST_BACK_OFF = 30.0
FAREWELL_SECONDS = 3  # a server that does not answer by then is left as it is

ENDINGS = {"leave": 55, "identify": 10, "order": 25, "empty": 5, "shipping": 5}
"""How a visit ends, in percent."""
CODES = ("WELCOME10", "SHIPFREE", "FIVER", "SURPRISE", "SUMMER15", "FIRST20", "NOSUCHCODE")


class Refused(Exception):
    """The shop said no, with a code; that is an answer, not an error."""

    def __init__(self, code: str, cart: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.cart = code, cart


class Broken(Exception):
    """The server failed; the visit ends."""


class WrongShop(Exception):
    """The server does not know the shops that were to be visited."""


@dataclass(frozen=True, slots=True)
class Goods:
    sku: str
    page: str


@dataclass(frozen=True, slots=True)
class Place:
    """A shop as a shopper finds it."""

    slug: str
    key: str
    languages: tuple[str, ...]
    currencies: tuple[str, ...]
    goods: tuple[Goods, ...]
    categories: tuple[str, ...]


def places_at_hand() -> list[Place]:
    """The demo shops in this installation's database."""
    found = []
    for shop in Shop.objects.filter(is_demo=True):
        sold = shop.variants.filter(is_active=True, product__is_active=True).order_by("pk")
        goods = [Goods(sku, slug) for sku, slug in sold.values_list("sku", "product__slug")]
        categories = tuple(shop.categories.values_list("slug", flat=True))
        key, currencies = shop.public_key, tuple(shop.currencies)
        found.append(Place(shop.slug, key, tuple(shop.languages), currencies, tuple(goods), categories))
    return [place for place in found if place.goods]


def places_of(catalogue: list[dict[str, Any]]) -> list[Place]:
    """The shops of a catalogue file."""
    return [
        Place(
            slug=shop["slug"],
            key=shop.get("public_key") or shops.public_key(shop["slug"]),
            languages=tuple(shop["tagline"]),
            currencies=tuple(shop["currencies"]),
            goods=tuple(Goods(v["sku"], product["slug"]) for product in shop["products"] for v in product["variants"]),
            categories=tuple(category["slug"] for category in shop["categories"]),
        )
        for shop in catalogue
    ]


# -- the server --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Figures:
    """What was done so far. `times` are the last answer times, in seconds."""

    started: float = field(default_factory=monotonic)
    changes: int = 0
    orders: int = 0
    refused: int = 0
    errors: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=2000))

    def percentile(self, share: float) -> float:
        """An answer time in milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    def __str__(self) -> str:
        rate = self.changes / max(monotonic() - self.started, 0.001)
        return (
            f"{self.changes} changes ({rate:.1f}/s), {self.orders} orders, {self.refused} refused, "
            f"{self.errors} errors, answers p50 {self.percentile(0.5):.0f} ms, p95 {self.percentile(0.95):.0f} ms"
        )


class Server:
    """The one server that all calls go to. When it is away, everybody waits until it is back."""

    def __init__(
        self, base: str, say: Callable[[str], None], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.base, self.say = base, say
        self.figures = Figures()
        self._under_way: set[asyncio.Task[httpx.Response]] = set()
        self._is_there = asyncio.Event()
        self._is_there.set()
        self._client = httpx.AsyncClient(
            base_url=base, transport=transport, timeout=15, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        """What was sent is still answered: nobody hangs up on a server that is just writing."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._under_way, return_exceptions=True), FAREWELL_SECONDS)
        await self._client.aclose()

    async def call(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        """Send until there is an answer, each time with the same headers. Raises Refused, Broken, WrongShop."""
        for _attempt in range(TRIES):
            await self._is_there.wait()
            start = monotonic()
            try:
                answer = await self._send(method, path, headers, body)
            except httpx.TransportError as error:
                self.figures.errors += 1
                await self._wait_until_back(error)
                continue
            self.figures.times.append(monotonic() - start)
            if answer.status_code < 400:
                return answer.json() if answer.content else None
            if answer.status_code in (429, 503):
                self.figures.errors += 1
                await asyncio.sleep(_seconds(answer.headers.get("retry-after")))
                continue
            self._raise(answer)
        raise Broken

    async def _send(self, method: str, path: str, headers: dict[str, str], body: Any) -> httpx.Response:
        """In a task of its own: it goes on when the shopper is called away."""
        task = asyncio.create_task(self._client.request(method, STORE + path, headers=headers, json=body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    def _raise(self, answer: httpx.Response) -> None:
        if answer.status_code >= 500:
            self.figures.errors += 1
            raise Broken
        try:
            problem = answer.json()
            code, cart = str(problem["code"]), problem.get("cart")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WrongShop(f"{self.base} does not answer as a Ghostcart does") from None
        if code in ("unknown_shop", "not_found"):
            raise WrongShop(f"{self.base} does not know the demo shops")
        self.figures.refused += 1
        raise Refused(code, cart)

    async def _wait_until_back(self, error: Exception) -> None:
        if not self._is_there.is_set():
            return
        self._is_there.clear()
        pause, waited, is_told = 0.5, 0.0, False
        try:
            while not await self._answers():
                if waited >= PATIENCE_SECONDS and not is_told:
                    reason = str(error) or type(error).__name__
                    self.say(f"{self.base} does not answer ({reason}). Trying again until it does.")
                    is_told = True
                await asyncio.sleep(pause)
                waited += pause
                pause = min(pause * 2, LONGEST_BACK_OFF)
            if is_told:
                self.say(f"{self.base} is back.")
        finally:
            self._is_there.set()

    async def _answers(self) -> bool:
        try:
            await self._client.get(f"{STORE}/cart")
        except httpx.TransportError:
            return False
        return True


def _seconds(retry_after: str | None) -> float:
    return min(float(retry_after), LONGEST_BACK_OFF) if retry_after and retry_after.isdecimal() else 1.0


# -- a shopper ---------------------------------------------------------------------------------------


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


# -- many of them ------------------------------------------------------------------------------------


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
