"""What happened in the demo's shops lately: who came when, and what they did. How a cart goes is told by `walks`.

Nothing here touches the database (`fill` stores what is told here) or the clock: the same seed tells the same story.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from ghostcart.carts.kinds import EventKind
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog.offers import Offer
from ghostcart.config.demo.people import BROWSERS, CRAWLERS, People, Person
from ghostcart.config.demo.walks import UNKNOWN_CURRENCY, Browser, NotYet, Reminded, Shelf, Walk

LEAST_CARTS, LEAST_DAYS = 60, 7
SHARES = {"fern": 0.6, "otter": 0.4}

ENDINGS = {"order": 37, "checkout": 14, "identify": 6, "empty": 5, "leave": 38}
"""How a person's cart ends, in percent; with machines, merged carts and those of the last hour a third is ordered."""
HOURS = (3, 2, 1, 1, 1, 2, 4, 8, 12, 16, 19, 20, 22, 20, 18, 18, 19, 22, 26, 32, 38, 34, 22, 10)
"""How busy each hour of the shop's day is."""
WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 1.05, 1.15, 1.35)
GROWTH = (0.75, 1.25)
REMINDED_AFTER = timedelta(days=1)
HELD_OUT = 0.4
"""More than a shop would: the demo is to show what the difference looks like."""
BACK, BACK_ANYWAY, CLICKED_ONLY = 0.4, 0.05, 0.15
"""Who comes back to their cart and orders it: after a mail, and without one; who only looks at it."""
PRODUCTS = {1: 33, 2: 28, 3: 18, 4: 11, 5: 6, 6: 4}


@dataclass(slots=True)
class Visit:
    shelf: Shelf
    at: datetime
    kind: str = "person"
    is_retired: bool = False


@dataclass(slots=True)
class History:
    """All that happened. `gone` are the customers that staff deleted since."""

    walks: list[Walk] = field(default_factory=list)
    browsers: list[Browser] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    shop_of: dict[int, int] = field(default_factory=dict)
    gone: list[Person] = field(default_factory=list)


class Teller:
    """Draws who comes when and what they do. `staff` are the actors who take orders by phone and delete carts."""

    def __init__(
        self, shelves: Sequence[Shelf], *, now: datetime, days: int, carts: int, seed: int, staff: tuple[str, str]
    ) -> None:
        if carts < LEAST_CARTS or days < LEAST_DAYS:
            raise ValueError(f"at least {LEAST_CARTS} carts and {LEAST_DAYS} days")
        self.shelves, self.now, self.days, self.carts = shelves, now, days, carts
        self.agent, self.manager = staff
        self.chance = Random(f"history-{seed}")
        self.people = People(seed)
        self.known: dict[int, list[Person]] = {shelf.shop.id: [] for shelf in shelves}
        self.reminded: set[int] = set()
        self.history = History()

    def visits(self) -> list[Visit]:
        """Who comes when, oldest first. Each makes one cart, a `merge` two."""
        merges, machines = max(3, self.carts // 50), max(3, self.carts // 25)
        fresh = max(4, min(20, self.carts // 15))
        past = self.carts - merges - fresh
        visits = [
            Visit(shelf, at)
            for shelf, count in self._split(past)
            for at in _moments(self.chance, shelf.zone, self.now - timedelta(days=self.days), self.now, count)
        ]
        visits.sort(key=lambda visit: visit.at)
        old = [visit for visit in visits if visit.at < self.now - timedelta(days=2)]
        special = self.chance.sample(old, merges + machines + 5)
        for visit, kind in zip(special, ["merge"] * merges + ["machine"] * machines, strict=False):
            visit.kind = kind
        for visit in special[-5:-1]:
            visit.is_retired = True
        special[-1].kind = "unknown_currency"
        for _ in range(fresh):
            shelf = self.chance.choices(self.shelves, [SHARES[shelf.shop.slug] for shelf in self.shelves])[0]
            visits.append(Visit(shelf, self.now - timedelta(seconds=40 + 3000 * self.chance.random() ** 2), "fresh"))
        return sorted(visits, key=lambda visit: visit.at)

    def _split(self, count: int) -> list[tuple[Shelf, int]]:
        first, second = self.shelves
        share = round(count * SHARES[first.shop.slug])
        return [(first, share), (second, count - share)]

    def play(self, visit: Visit) -> None:
        """Let one visit happen."""
        match visit.kind:
            case "machine":
                self._machine(visit)
            case "merge":
                self._merge(visit)
            case "unknown_currency":
                self._open(visit.shelf, visit.at, self.people.language(visit.shelf.shop.slug), UNKNOWN_CURRENCY)
            case _:
                self._person(visit)

    def finish(self) -> History:
        """What staff did to all this, the order numbers, and who is only looking around right now."""
        for shelf in self.shelves:
            sold = [walk for walk in self.history.walks if walk.sale and walk.shelf is shelf]
            for place, walk in enumerate(sorted(sold, key=lambda walk: walk.sale.at), 1):  # type: ignore[union-attr]
                assert walk.sale is not None
                walk.sale.number = walk.cart.order_number = f"{shelf.prefix}{place:06d}"
                next(e for e in walk.entries if e.kind == EventKind.ORDERED).data["order"]["number"] = walk.sale.number
        self._delete_some()
        self._look_around()
        self._forget_some()
        return self.history

    # -- kinds of visits

    def _person(self, visit: Visit) -> None:
        shelf, chance = visit.shelf, self.chance
        ending = chance.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        person = self._returning(shelf, visit.at)
        language = person.language if person else self.people.language(shelf.shop.slug)
        if person is None and ending in ("order", "checkout", "identify"):
            person = self.people.make(language)
        is_signed_in = person is not None and person.is_account and chance.random() < 0.7
        walk = self._open(shelf, visit.at, language, None, person if is_signed_in else None,
                          shelf.retired if visit.is_retired else None,
                          is_swiss=person is not None and person.country == "CH")  # fmt: skip
        with suppress(NotYet):
            self._wander(walk)
            self._end(walk, ending, person)
            self._remind(walk)
        self._leave(walk)

    def _machine(self, visit: Visit) -> None:
        """A crawler that follows the button, or a script that is too fast."""
        chance = self.chance
        is_script = chance.random() < 0.3
        walk = self._open(visit.shelf, visit.at, "en", agent=BROWSERS[0] if is_script else chance.choice(CRAWLERS))
        for _ in range(8 if is_script else chance.choice((0, 0, 1, 2))):
            walk.wait(timedelta(seconds=chance.uniform(0.2, 0.9) if is_script else chance.uniform(1, 20)))
            walk.add()
        self._leave(walk)

    def _merge(self, visit: Visit) -> None:
        """Someone fills a cart on the phone, another on the computer, and signs in there."""
        shelf, chance = visit.shelf, self.chance
        person = self._returning(shelf, visit.at, only_accounts=True)
        if person is None:
            person = self.people.make(self.people.language(shelf.shop.slug), account_share=1)
        saved = self._open(shelf, visit.at, person.language, None, person, is_swiss=person.country == "CH")
        saved.pause()
        saved.add()
        other = self._open(
            shelf, saved.at + timedelta(minutes=chance.uniform(10, 170)), person.language, saved.cart.currency
        )
        other.pause()
        other.add()
        saved.at = other.at
        saved.pause(30)
        saved.take_in(other)
        with suppress(NotYet):
            self._end(saved, chance.choice(("order", "order", "checkout", "leave")), person)
        self._leave(other)
        self._leave(saved)

    # -- pieces of a visit

    def _returning(self, shelf: Shelf, at: datetime, only_accounts: bool = False) -> Person | None:
        known = self.known[shelf.shop.id]
        if not known or self.chance.random() > 0.45:
            return None
        person = self.chance.choice(known)
        is_free = person.free_at is not None and person.free_at <= at
        return person if is_free and (person.is_account or not only_accounts) else None

    def _open(
        self,
        shelf: Shelf,
        at: datetime,
        language: str,
        currency: str | None = None,
        person: Person | None = None,
        first: dict[str, Offer] | None = None,
        agent: str = "",
        is_swiss: bool = False,
    ) -> Walk:
        """A new cart with its first product, on a new device."""
        shop, chance = shelf.shop, self.chance
        browser = Browser(
            shop_id=shop.id,
            token_hash=f"{chance.getrandbits(256):064x}",
            language=language,
            user_agent=agent or chance.choice(BROWSERS),
            first_seen_at=at - timedelta(seconds=chance.uniform(20, 600)),
            seen_at=at,
            page=f"/{shop.slug}/{language}/cart/",
            person=person,
        )
        cart = OpenCart(
            shop=shop, id=None, currency=currency or self._currency(shelf, language, is_swiss), language=language,
            created_at=at, last_activity_at=at, abandon_after=at, seen_at=at, bot_reasons=list(browser.reasons),
        )  # fmt: skip
        cart.shipping = next((method for method in shop.shipping if cart.currency in method.prices_minor), None)
        walk = Walk(shelf, cart, browser, chance, self.now)
        if person is not None:
            self._register(person, shelf, at - timedelta(hours=chance.uniform(0.1, 2000)))
            walk.person, cart.customer_id, cart.customer_label = person, person.number, person.label
        sold_in = cart.currency if cart.currency in shelf.offers else shop.currency
        walk.add((first or {}).get(sold_in) or shelf.pick(chance, sold_in))
        self.history.walks.append(walk)
        self.history.browsers.append(browser)
        return walk

    def _currency(self, shelf: Shelf, language: str, is_swiss: bool) -> str:
        first, second = shelf.shop.currencies
        is_abroad = is_swiss or (shelf.shop.slug == "otter" and language != "en")
        return second if self.chance.random() < (0.8 if is_abroad else 0.04) else first

    def _register(self, person: Person, shelf: Shelf, at: datetime) -> None:
        """The shop learns who it is, and asks for consent."""
        if person.registered_at is not None:
            return
        person.registered_at = at
        self.history.people.append(person)
        self.history.shop_of[person.number] = shelf.shop.id
        self.known[shelf.shop.id].append(person)
        if self.chance.random() < 0.65:
            person.consents.append((at, True))
            withdrawn_at = at + timedelta(days=self.chance.uniform(2, 60))
            if self.chance.random() < 0.1 and withdrawn_at < self.now:
                person.consents.append((withdrawn_at, False))

    def _wander(self, walk: Walk) -> None:
        chance = self.chance
        for _ in range(chance.choices(list(PRODUCTS), list(PRODUCTS.values()))[0] - 1):
            walk.pause()
            walk.add()
            if chance.random() < 0.18:
                walk.pause(25)
                walk.change_quantity()
            if chance.random() < 0.14:
                walk.pause(40)
                walk.remove()
        if chance.random() < 0.13:
            walk.wait(timedelta(hours=chance.choice((2, 9, 22, 26, 70)) * chance.uniform(0.8, 1.2)))
            walk.add()

    def _end(self, walk: Walk, ending: str, person: Person | None) -> None:
        chance = self.chance
        if ending == "empty":
            for key in [line.key for line in walk.cart.lines.values() if not line.is_gift]:
                walk.pause(15)
                walk.remove(key)
            return
        if chance.random() < 0.22 and walk.cart.lines:
            walk.pause(30)
            walk.try_voucher()
            if chance.random() < 0.1 and walk.cart.vouchers:
                walk.pause(30)
                walk.drop_voucher(next(iter(walk.cart.vouchers.values())).code)
        if ending == "leave" or person is None:
            return
        if not walk.cart.lines:
            walk.pause(60)
            walk.add()
        actor = self.agent if ending == "order" and chance.random() < 0.02 else "shopper"
        walk.pause(90)
        self._register(person, walk.shelf, walk.at)
        walk.identify(person, actor)
        if ending == "identify":
            return
        walk.start_checkout(actor)
        if ending == "order":
            walk.pause(70)
            walk.order(actor)

    def _remind(self, walk: Walk) -> None:
        """A day after somebody who agreed to it left a cart, the shop writes to them, unless the lot said no. Some come
        back to it; some of the others do so by themselves."""
        chance, person, cart = self.chance, walk.person, walk.cart
        if person is None or walk.sale or not cart.lines or cart.currency == UNKNOWN_CURRENCY:
            return
        left_at = cart.last_activity_at
        asked = [is_given for at, is_given in person.consents if at <= left_at + REMINDED_AFTER]
        if not (asked and asked[-1]) or person.number in self.reminded:
            return
        walk.at = left_at
        walk.wait(REMINDED_AFTER)
        self.reminded.add(person.number)
        told = walk.reminded = Reminded(left_at, walk.at, chance.random() < HELD_OUT)
        luck = chance.random()
        walk.wait(timedelta(hours=chance.lognormvariate(1.5, 1.0)))
        if luck < (BACK_ANYWAY if told.is_held_out else BACK):
            told.clicked_at = None if told.is_held_out else walk.at
            walk.pause(120)
            told.back_at = walk.at
            walk.start_checkout()
            walk.pause(70)
            walk.order()
        elif not told.is_held_out and luck < BACK + CLICKED_ONLY:
            told.clicked_at = walk.at

    def _leave(self, walk: Walk) -> None:
        walk.rest()
        if walk.person is not None:
            walk.person.free_at = walk.cart.last_activity_at + timedelta(hours=20)

    # -- what happened outside of the shop

    def _delete_some(self) -> None:
        ghosts = [
            walk for walk in self.history.walks
            if walk.cart.is_live and walk.at < self.now - timedelta(days=2) and walk.cart.currency != UNKNOWN_CURRENCY
        ]  # fmt: skip
        for walk in self.chance.sample(ghosts, max(3, self.carts // 100)):
            earliest = max(walk.cart.seen_at, self.now - timedelta(days=25))
            walk.delete(earliest + (self.now - earliest) * self.chance.random(), self.manager)

    def _look_around(self) -> None:
        """Visitors without a cart, and carts whose owners are still there."""
        chance, now = self.chance, self.now
        for _ in range(max(4, min(16, self.carts // 20))):
            shelf = chance.choice(self.shelves)
            slug, language = shelf.shop.slug, self.people.language(shelf.shop.slug)
            seen_at = now - timedelta(seconds=chance.uniform(1, 420))
            self.history.browsers.append(
                Browser(
                    shop_id=shelf.shop.id,
                    token_hash=f"{chance.getrandbits(256):064x}",
                    language=language,
                    user_agent=chance.choice(BROWSERS),
                    first_seen_at=seen_at - timedelta(minutes=chance.uniform(0, 20)),
                    seen_at=seen_at,
                    page=f"/{slug}/{language}/",
                )
            )

    def _forget_some(self) -> None:
        """Two customers whom staff deleted on their wish: one who ordered, one who did not."""
        carts = Counter(walk.person for walk in self.history.walks if walk.person is not None)
        for has_ordered in (True, False):
            fitting = [person for person in carts if bool(person.order_times) == has_ordered]
            self.history.gone.append(self.chance.choice(fitting))


def _moments(chance: Random, zone: ZoneInfo, start: datetime, now: datetime, count: int) -> list[datetime]:
    """Times between start and now: days and evenings busier than nights, weekends than weekdays, now than then."""
    hours = [start + timedelta(hours=hour) for hour in range(int((now - start).total_seconds() // 3600))]
    low, high = GROWTH
    weights = []
    for place, hour in enumerate(hours):
        local = hour.astimezone(zone)
        growth = low + (high - low) * place / len(hours)
        weights.append(HOURS[local.hour] * WEEKDAYS[local.weekday()] * growth)
    return [hour + timedelta(seconds=3600 * chance.random()) for hour in chance.choices(hours, weights, k=count)]
