"""The tracker in real browsers: a plain page on another site tells its carts, over page changes and offline."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.journeys.browsing import A_PERSONS_BROWSER
from tests.journeys.plain_page import site

pytestmark = pytest.mark.browser
CART = {"currency": "EUR", "lines": [{"sku": "MUG", "name": "Mug", "quantity": 2, "price": 24.9}]}
IS_SENT = """() => { const names = Object.keys(localStorage);
    return names.some((name) => name.endsWith(":token")) && !names.some((name) => name.includes(":q:")) }"""
WAITS = "() => Object.keys(localStorage).some((name) => name.includes(':q:'))"


@dataclass
class Shop:
    """A shop whose pages stand elsewhere, and a key to see what arrived."""

    address: str
    public_key: str
    token: str
    home: str = ""
    strange: str = ""

    def carts(self, sku: str = "MUG") -> list[dict[str, Any]]:
        """What arrived with this article in it, the newest first."""
        asked = {"headers": {"Authorization": f"Bearer {self.token}"}}
        found = httpx.get(f"{self.address}/api/v1/carts", params={"sort": "-id"}, **asked).raise_for_status().json()
        whole = [httpx.get(f"{self.address}/api/v1/carts/{row['id']}", **asked).json() for row in found["items"][:10]
                 if row["source"] == "tracker"]  # fmt: skip
        return [one for one in whole if any(line["sku"] == sku for line in one["lines"])]


@pytest.fixture(scope="module")
def shop(running_shop) -> Iterator[Shop]:
    keys = running_shop.ask(
        "from ghostcart.shops.models import Shop; from ghostcart.connectors import keys;"
        "from ghostcart.lib import clock;"
        "s = Shop.objects.get(slug='fern');"
        "print(s.public_key, keys.create(s, name='t', scopes=['carts:read'], actor='staff:1', now=clock.now())[1])"
    ).split()
    shop = Shop(running_shop.address, *keys)
    with site(shop.address, shop.public_key) as shop.home, site(shop.address, shop.public_key) as shop.strange:
        allow(running_shop, shop.home)
        yield shop


def allow(running_shop, *origins: str) -> None:
    running_shop.ask(
        "from ghostcart.shops.models import Shop;"
        f"Shop.objects.filter(slug='fern').update(origins={list(origins)!r}); print('done')"
    )


@dataclass
class Shopper:
    """A browser of its own, and what it told Ghostcart."""

    context: Any
    told: list[dict[str, Any]] = field(default_factory=list)

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for body in self.told for event in body["events"] if event["type"] in kinds]

    def open(self, address: str):
        page = self.context.new_page()
        page.goto(address)
        page.wait_for_function("() => window.ghostcart")
        return page


@pytest.fixture
def shopper(chromium) -> Iterator[Shopper]:
    context = chromium.new_context(user_agent=A_PERSONS_BROWSER, locale="en-GB")
    context.set_default_timeout(20_000)
    shopper = Shopper(context)
    context.on(
        "request",
        lambda asked: asked.method == "POST" and shopper.told.append(json.loads(asked.post_data_buffer or b"{}")),
    )
    yield shopper
    pages = [page for page in context.pages if page.url.startswith("http")]
    assert [page.evaluate("() => window.errors") for page in pages] == [[]] * len(pages)
    assert context.cookies() == []
    context.close()


def until(page, is_so) -> None:
    """Let the browser tell what happens until it is so."""
    for _ in range(10_000):
        if is_so():
            return
        page.evaluate("() => 0")
    raise AssertionError("waited in vain")


def tell(page, name: str, what: Any) -> None:
    page.evaluate("([name, what]) => ghostcart(name, what)", [name, what])


def cart_of(sku: str, quantity: int = 1) -> dict[str, Any]:
    return {"currency": "EUR", "lines": [{"sku": sku, "name": sku.title(), "quantity": quantity, "price": "5"}]}


def test_a_cart_of_a_page_elsewhere_is_in_the_cart_log(shop, shopper):
    page = shopper.open(shop.home)
    tell(page, "cart", CART)
    tell(page, "identify", {"email": "plain@example.com", "first_name": "Plain", "consent": True,
                            "consent_text": "Remind me.", "consent_version": "1"})  # fmt: skip
    page.wait_for_function(IS_SENT)
    told = shop.carts()[0]
    assert (told["cart"]["total"]["minor"], told["cart"]["is_estimated"], told["cart"]["is_suspected_bot"]) == (
        4980, True, False
    )  # fmt: skip
    assert told["cart"]["customer"]["label"] == "Plain"
    assert page.evaluate("() => ghostcart.reference()") == told["cart"]["external_id"]
    tell(page, "cart", CART)  # told on every page, sent when it changed
    assert len(shopper.events("cart")) == 1
    tell(page, "order", {"number": "PLAIN-1"})
    page.wait_for_function(IS_SENT)
    assert shop.carts()[0]["cart"]["order_number"] == "PLAIN-1"
    assert page.evaluate("() => ghostcart.reference()") is None


def test_without_a_network_it_waits_and_goes_when_there_is_one_again(shop, shopper):
    page = shopper.open(shop.home)
    shopper.context.set_offline(True)
    tell(page, "cart", cart_of("OFF", 1))
    tell(page, "cart", cart_of("OFF", 3))
    page.wait_for_function(WAITS)
    assert shopper.events("cart") == []
    shopper.context.set_offline(False)
    page.wait_for_function(IS_SENT)
    assert [line["quantity"] for line in shop.carts("OFF")[0]["lines"]] == [3]


def test_what_waits_survives_a_change_of_page(shop, shopper):
    page = shopper.open(shop.home)
    shopper.context.route("**/api/v1/track", lambda route: route.abort())
    tell(page, "cart", cart_of("KEPT"))
    page.wait_for_function(WAITS)
    shopper.context.unroute("**/api/v1/track")
    page.click("a")
    page.wait_for_function(IS_SENT)
    assert len(shop.carts("KEPT")) == 1


def test_what_is_told_in_the_last_moment_of_a_page_arrives(shop, shopper):
    page = shopper.open(shop.home)
    page.evaluate("(cart) => { ghostcart.cart(cart); location = '/other' }", cart_of("LAST"))
    page.wait_for_url("**/other")
    page.wait_for_function(IS_SENT)
    found = shop.carts("LAST")
    assert (len(found), found[0]["cart"]["version"]) == (1, 1)  # perhaps told twice, taken once


@pytest.mark.parametrize("has_locks", [True, False])
def test_of_two_tabs_one_sends(shop, shopper, has_locks):
    if not has_locks:
        shopper.context.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    first, second = shopper.open(shop.home), shopper.open(shop.home)
    sku = f"TABS{has_locks}"
    shopper.context.route("**/api/v1/track", lambda route: route.abort())
    tell(first, "cart", cart_of(sku))
    first.wait_for_function(WAITS)
    held: list[Any] = []

    def hold(route):
        if '"cart"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    shopper.context.route("**/api/v1/track", hold)
    for page in (first, second):
        page.evaluate("() => void dispatchEvent(new Event('online'))")
    if has_locks:
        # the other tab asks for the lock after the one that sends: once that asks, it would have sent long ago
        second.wait_for_function("""async () => { const { held, pending } = await navigator.locks.query();
            return held.some((one) => pending.some((other) => other.clientId !== one.clientId)) }""")
        until(first, lambda: held)
        assert len(held) == 1
    else:  # the guard: without the lock both tabs send the same
        until(first, lambda: len(held) == 2)
    for route in list(held):
        route.continue_()
    first.wait_for_function(IS_SENT)
    assert (len(shop.carts(sku)), shop.carts(sku)[0]["cart"]["version"]) == (1, 1)


def test_without_its_key_it_does_nothing(shop, shopper):
    page = shopper.open(f"{shop.home}/?attributes=data-other")
    tell(page, "cart", CART)
    page.evaluate("() => { dispatchEvent(new Event('online')); dispatchEvent(new Event('pagehide')) }")
    assert shopper.told == []
    assert page.evaluate("() => localStorage.length") == 0


def test_a_page_of_a_site_that_is_not_listed_is_not_heard(running_shop, shop, shopper):
    page = shopper.open(shop.strange)
    with page.expect_event("requestfailed", lambda asked: "track" in asked.url):
        tell(page, "cart", cart_of("STRANGE"))
    assert shop.carts("STRANGE") == []
    allow(running_shop, shop.home, shop.strange)  # the guard: it was the list alone that kept it out
    page.evaluate("() => void dispatchEvent(new Event('online'))")
    page.wait_for_function(IS_SENT)
    assert len(shop.carts("STRANGE")) == 1


def test_where_consent_is_asked_for_nothing_happens_before_it(shop, shopper):
    attributes = f'data-key="{shop.public_key}" data-consent="required"'
    page = shopper.open(f"{shop.home}/?{httpx.QueryParams({'attributes': attributes})}")
    tell(page, "cart", cart_of("ASKED"))
    assert (shopper.told, page.evaluate("() => localStorage.length")) == ([], 0)
    page.evaluate("() => ghostcart.consent(true)")
    page.wait_for_function(IS_SENT)
    assert len(shop.carts("ASKED")) == 1
    page.evaluate("() => ghostcart.consent(false)")
    assert page.evaluate("() => Object.keys(localStorage).map((name) => name.split(':').pop())") == ["consent"]
    told = len(shopper.told)
    tell(page, "cart", cart_of("ASKED", 4))
    assert len(shopper.told) == told


def test_do_not_track_is_respected_where_the_shop_says_so(shop, shopper):
    shopper.context.add_init_script("Object.defineProperty(navigator, 'doNotTrack', {value: '1'})")
    attributes = f'data-key="{shop.public_key}" data-dnt="respect"'
    page = shopper.open(f"{shop.home}/?{httpx.QueryParams({'attributes': attributes})}")
    tell(page, "cart", CART)
    assert (shopper.told, page.evaluate("() => localStorage.length")) == ([], 0)
    page = shopper.open(shop.home)  # not configured: told
    page.wait_for_function(IS_SENT)
    assert shopper.told != []


def test_calls_made_before_it_came_are_kept_and_nonsense_hurts_nobody(shop, shopper):
    shopper.context.add_init_script(
        "window.ghostcart = function () { (ghostcart.q = ghostcart.q || []).push(arguments) };"
        f"ghostcart('cart', {json.dumps(cart_of('EARLY'))})"
    )
    page = shopper.context.new_page()
    page.goto(shop.home)
    page.wait_for_function("() => window.ghostcart?.cart")
    page.wait_for_function(IS_SENT)
    assert len(shop.carts("EARLY")) == 1
    page.evaluate("""() => { ghostcart(); ghostcart("no"); ghostcart.cart(); ghostcart.cart(null); ghostcart.order();
        ghostcart.cart({lines: 7}); ghostcart.identify("x"); ghostcart("constructor");
        ghostcart.cart({lines: [null]}) }""")


def test_where_nothing_can_be_kept_it_still_tells(shop, shopper):
    shopper.context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})")
    page = shopper.open(shop.home)
    with page.expect_response(lambda answer: "MEMORY" in (answer.request.post_data or "")):  # no heartbeat before it
        tell(page, "cart", cart_of("MEMORY"))
    page.wait_for_function("async () => ghostcart.reference()")
    assert len(shop.carts("MEMORY")) == 1
