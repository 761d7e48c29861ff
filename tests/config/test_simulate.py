"""The simulated shoppers: they use the store API as browsers do, and take whatever comes back."""

import asyncio
import json
import os
import random
import signal
from datetime import UTC, datetime
from time import monotonic

import httpx
import pytest
from django.core.management import CommandError, call_command

from ghostcart.api.app import wire
from ghostcart.carts.models import Cart, CartEvent, Device
from ghostcart.carts.timeline import fold
from ghostcart.catalog.models import Variant
from ghostcart.config.demo import shops, simulate
from ghostcart.config.demo.fill import fill
from ghostcart.config.demo.places import Place, places_at_hand, places_of
from ghostcart.config.demo.server import Refused, Server, WrongShop
from ghostcart.config.demo.shoppers import Crowd, Shopper
from ghostcart.customers.models import Customer
from ghostcart.orders.models import Order
from ghostcart.shops import rules as shop_rules

BASE = "http://shop.test"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def places(transactional_db):
    shop_rules.forget()
    fill(datetime.now(UTC), report=lambda step, done, of: None, carts=60)
    CartEvent.objects.all().delete()
    Order.objects.all().delete()
    Cart.objects.all().delete()
    Device.objects.all().delete()
    Variant.objects.update(stock=500)
    yield places_at_hand()
    shop_rules.forget()


class Wire(httpx.ASGITransport):
    """The wire, with a record of what was sent to it."""

    def __init__(self, app=wire):
        super().__init__(app=app)
        self.sent = []

    async def handle_async_request(self, request):
        self.sent.append(request)
        return await super().handle_async_request(request)


def server(transport=None, say=None):
    return Server(BASE, say or pytest.fail, transport or Wire())


def shopper(places, transport=None, seed=1, **more):
    crowd = Crowd(places, seed)
    return Shopper(server(transport, **more), crowd, random.Random(seed), interval=0)


def test_a_shopper_can_do_all_that_a_browser_can(places):
    someone = shopper(places[:1])

    async def story():
        await someone._arrive()
        assert await someone.add()
        assert len(someone.here.lines) == 1
        while not await someone.change_quantity():
            pass
        assert await someone.add()
        assert await someone.choose_shipping()
        assert await someone.identify()
        assert someone.here.cart["customer"]["label"] == someone.here.person.label
        while not await someone.order():
            pass
        await someone.server.close()

    asyncio.run(story())
    cart, order = Cart.objects.get(), Order.objects.get()
    assert (cart.order_id, cart.customer_label) == (order.pk, someone.here.person.label)
    assert cart.language == someone.here.language
    assert Customer.objects.get(email=someone.here.person.email).last_name == someone.here.person.last_name
    assert Device.objects.get().page.startswith(f"/{places[0].slug}/{someone.here.language}/thanks/")
    assert someone.server.figures.orders == 1


def test_emptying_trying_vouchers_and_coming_back(places):
    someone = shopper(places[:1], seed=3)

    async def story():
        await someone._arrive()
        await someone.add()
        for _ in range(8):
            await someone.try_voucher()
        await someone._end("empty")
        assert someone.here.lines == []
        someone.bag = None
        await someone._come_back()
        await someone.add()
        assert len(someone.here.lines) == 1
        await someone.server.close()

    asyncio.run(story())
    assert Cart.objects.count() == 1
    assert "voucher_applied" in CartEvent.objects.values_list("kind", flat=True)
    assert someone.server.figures.refused > 0


def test_headers_are_as_the_store_api_wants_them(places):
    transport = Wire()
    someone = shopper(places, transport)

    async def story():
        await someone._arrive()
        await someone.add()
        await someone.add()
        await someone.server.close()

    asyncio.run(story())
    opened, *others = transport.sent
    assert opened.url.path == "/api/v1/store/carts"
    adds = [request for request in others if request.url.path.endswith("/lines")]
    for request in transport.sent:
        assert request.url.host == "shop.test"
        assert request.headers["ghostcart-shop"] in {place.key for place in places}
        assert request.headers["user-agent"].startswith(("Mozilla/", "python-requests/"))
        assert request.headers["accept-language"][:2] == someone.here.language
    assert all(request.headers["ghostcart-cart"] == someone.here.token for request in others)
    assert adds[0].headers["idempotency-key"] != adds[1].headers["idempotency-key"]
    assert "if-match" not in adds[0].headers
    assert adds[1].headers["if-match"] == '"1"'


def test_many_shoppers_at_once_and_nothing_breaks(places):
    transport = Wire()
    one = server(transport)
    crowd = Crowd(places, 5)

    async def visits(place):
        someone = Shopper(one, crowd, random.Random(place), interval=0)
        for _ in range(5):
            try:
                await someone.visit()
            except Refused:
                continue

    async def story():
        await asyncio.gather(*(visits(place) for place in range(8)))
        await one.close()

    asyncio.run(story())
    figures = one.figures
    assert figures.errors == 0
    assert figures.orders == Order.objects.count() > 0
    assert sum(Cart.objects.values_list("version", flat=True)) >= figures.changes - figures.orders
    assert len({device.language for device in Device.objects.all()}) >= 4
    for cart in Cart.objects.all():
        past = fold(cart.events.order_by("id"))
        assert [(line.key, line.quantity) for line in past.lines] == list(cart.lines.values_list("key", "quantity"))


def test_a_server_that_is_away_is_waited_for_and_the_change_is_made_once(places, monkeypatch):
    monkeypatch.setattr("ghostcart.config.demo.server.PATIENCE_SECONDS", 0)
    said = []

    def say(text):
        said.append(text)
        transport.is_away = False  # whoever heard that it is away brings it back

    class Away(Wire):
        is_away = False
        lost_answers = 1

        async def handle_async_request(self, request):
            if self.is_away:
                raise httpx.ConnectError("nobody there")
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/lines") and self.lost_answers:
                self.lost_answers -= 1
                self.is_away = True
                raise httpx.ReadError("the line went dead")
            return answer

    transport = Away()
    someone = shopper(places, transport, say=say)

    async def story():
        await someone._arrive()
        assert await someone.add()
        await someone.server.close()

    asyncio.run(story())
    adds = [request for request in transport.sent if request.url.path.endswith("/lines")]
    assert len({request.headers["idempotency-key"] for request in adds}) == 1 < len(adds)
    assert Cart.objects.get().version == 1
    assert len(said) == 2
    assert "does not answer" in said[0]
    assert "is back" in said[1]


def test_a_stranger_is_left_in_peace(places):
    async def somebody_else(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"<h1>Not found</h1>"})

    transport = Wire(somebody_else)

    async def story():
        await simulate.simulate(server(transport), places, rate=1000, shoppers=3, seed=1)

    with pytest.raises(WrongShop, match=r"shop\.test"):
        asyncio.run(story())
    assert len(transport.sent) <= 3


def test_a_shop_that_is_not_known_there_ends_it(places):
    unknown = [Place("x", "pk_nobody", ("en",), ("EUR",), places[0].goods, ("c",))]
    with pytest.raises(WrongShop, match="does not know"):
        asyncio.run(simulate.simulate(server(), unknown, rate=1000, shoppers=1, seed=1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(places, number):
    told = []

    def stop_after_a_change(figures):
        if figures.changes and not told:
            told.append(number)
            os.kill(os.getpid(), number)

    figures = asyncio.run(
        simulate.simulate(server(), places, rate=200, shoppers=4, seed=1, minutes=2, show=stop_after_a_change)
    )
    assert 0 < figures.changes < 1000
    assert figures.errors == 0
    assert "changes" in str(figures)


def test_what_was_sent_before_the_signal_is_answered(places, monkeypatch):
    monkeypatch.setattr("ghostcart.config.demo.server.FAREWELL_SECONDS", 60)
    all_were_called_away, answered = asyncio.Event(), []

    class Held(Wire):
        """Holds the change that the signal meets."""

        async def handle_async_request(self, request):
            if request.url.path.endswith("/lines"):
                os.kill(os.getpid(), signal.SIGTERM)
                await all_were_called_away.wait()
                answered.append(await super().handle_async_request(request))
                return answered[0]
            return await super().handle_async_request(request)

    class Closing(Server):
        async def close(self):
            all_were_called_away.set()
            await super().close()

    one = Closing(BASE, pytest.fail, Held())
    asyncio.run(simulate.simulate(one, places, rate=200, shoppers=1, seed=1, minutes=2))
    assert [answer.status_code for answer in answered] == [200]
    assert Cart.objects.get().version == 1


def test_the_rate_is_kept(places):
    began = monotonic()
    figures = asyncio.run(simulate.simulate(server(), places, rate=20, shoppers=10, seed=2, minutes=0.05))
    assert figures.changes + figures.refused <= 20 * (monotonic() - began) + 20  # never a storm


def test_empty_shelves_are_filled_again(places):
    Variant.objects.filter(shop__slug="fern").update(stock=0)
    assert simulate.refill_shelves() > 100
    began = {
        variant["sku"]: variant["stock"]
        for shop in shops.catalogue() for product in shop["products"] for variant in product["variants"]
    }  # fmt: skip
    assert dict(Variant.objects.filter(shop__slug="fern").values_list("sku", "stock")) == {
        sku: stock for sku, stock in began.items() if sku.startswith("FRN-")
    }
    assert simulate.refill_shelves() == 0


# -- the command -------------------------------------------------------------------------------------


def test_the_catalogue_file_leads_to_the_same_places(places):
    from_file = places_of(shops.catalogue())
    assert [(place.key, place.currencies, set(place.goods), set(place.categories)) for place in from_file] == [
        (place.key, place.currencies, set(place.goods), set(place.categories)) for place in places
    ]


@pytest.mark.parametrize("base", ["shop.test", "ftp://shop.test", "http://", "file:///etc/passwd"])
def test_a_wrong_address_is_refused(base):
    with pytest.raises(CommandError, match="--base"):
        call_command("simulate", base=base)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": float("nan")}, {"shoppers": 0}, {"minutes": -1.0}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(CommandError, match="above 0"):
        call_command("simulate", **wrong)


def test_without_a_demo_it_says_what_to_do(tmp_path):
    with pytest.raises(CommandError, match="ghostcart fill"):
        call_command("simulate")
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps({"shops": [{}]}))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("simulate", catalogue=path)
