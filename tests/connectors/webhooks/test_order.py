"""Receivers that fail, hang, or take and do not say so; several workers at once: all arrives, in order per cart."""

import json
import random
import threading
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook

from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks import following, sending
from ghostcart.connectors.webhooks.models import Attempt, Delivery, State
from ghostcart.lib import clock
from tests import factories, horizon
from tests.conftest import ON_POSTGRES
from tests.connectors.webhooks.running import run, run_to_the_end
from tests.factories import Shopper
from tests.listening import Server
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)

CARTS, CHANGES = 8, 8


class Moody:
    """A receiver that fails half of the time; in half of its failures it has taken the message all the same."""

    def __init__(self, secret: str) -> None:
        self.webhook, self.chance, self.lock = Webhook(secret), random.Random(7), threading.Lock()
        self.taken: list[dict] = []
        self.ids: list[str] = []
        self.calls = 0
        self.failures: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = defaultdict(set)

    def __call__(self, call):
        told = self.webhook.verify(call.body, call.headers)
        with self.lock:
            self.calls += 1
            name = call.headers["webhook-id"]
            self.bodies[name].add(call.body)
            fails = self.chance.random() < 0.5 and self.failures[name] < 8
            self.failures[name] += fails
            if not fails or self.chance.random() < 0.5:
                self.taken.append(told["data"])
                self.ids.append(name)
        return (503 if fails else 204), {}, b""

    def versions(self) -> dict[int, list[int]]:
        """Of each cart, the versions in the order in which they were taken; what came again is left out by its id."""
        seen: set[str] = set()
        found = defaultdict(list)
        for name, data in zip(self.ids, self.taken, strict=True):
            if name not in seen:
                seen.add(name)
                found[data["cart_id"]].append(data["cart_version"])
        return dict(found)


def change_carts(shop, carts=CARTS, changes=CHANGES) -> dict[int, list[int]]:
    """Carts that change by turns; the versions of each in order."""
    shoppers = [Shopper(shop) for _ in range(carts)]
    for _ in range(changes):
        for shopper in shoppers:
            shopper.add()
    found = defaultdict(list)
    for cart, version in CartEvent.objects.order_by("pk").values_list("cart", "cart_version"):
        found[cart].append(version)
    return dict(found)


def test_all_arrive_in_order_per_cart_and_what_comes_again_can_be_recognised(shop, endpoint_at, courier):
    second = sending.Courier("second")
    endpoint = endpoint_at("https://example.com/")
    moody = Moody(endpoint.plain)
    with Server(moody) as server:
        type(endpoint).objects.update(url=server.url)
        happened = change_carts(shop)
        run_to_the_end(courier, second)
        second.close(clock.now())
    count = CARTS * CHANGES
    print(f"\n{count} events, {moody.calls} calls, {sum(moody.failures.values())} answered 503, "
          f"{len(moody.ids) - len(set(moody.ids))} taken again under a known id")  # fmt: skip
    assert moody.versions() == happened
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert set(moody.ids) == set(Delivery.objects.values_list("message_id", flat=True))
    assert len(set(moody.ids)) == count < len(moody.ids)
    assert all(len(bodies) == 1 for bodies in moody.bodies.values())
    assert Attempt.objects.count() == moody.calls


def test_without_the_wait_for_the_earlier_one_the_order_is_lost(shop, endpoint_at, courier, monkeypatch):
    """The guard of the test above."""

    def hasty(endpoint, now, most):
        due = Delivery.objects.filter(endpoint=endpoint, state__in=["due", "retrying"], due_at__lte=now)
        return list(due.values_list("pk", flat=True)[:most])

    monkeypatch.setattr(sending, "_next", hasty)
    endpoint = endpoint_at("https://example.com/")
    moody = Moody(endpoint.plain)
    with Server(moody) as server:
        type(endpoint).objects.update(url=server.url)
        happened = change_carts(shop)
        run_to_the_end(courier)
    assert moody.versions() != happened


def test_other_carts_go_on_while_one_is_tried_again(shop, endpoint_at, courier):
    stuck = Shopper(shop)
    stuck.add()
    number = stuck.cart.pk
    refuses = [True]

    def answer(call):
        is_stuck = json.loads(call.body)["data"]["cart_id"] == number
        return (500 if is_stuck and refuses[0] else 200), {}, b""

    with Server(answer) as server:
        endpoint_at(server.url)
        stuck.add()
        stuck.add()
        others = [Shopper(shop) for _ in range(5)]
        for _ in range(3):
            for other in others:
                other.add()
        run(courier)
        told = Counter(json.loads(call.body)["data"]["cart_id"] == number for call in server.calls)
        assert told == {True: 1, False: 15}
        refuses[0] = False
        run_to_the_end(courier)
        of_it = [json.loads(call.body)["data"]["cart_version"] for call in server.calls
                 if json.loads(call.body)["data"]["cart_id"] == number]  # fmt: skip
        assert of_it == [2, 2, 3]


def test_the_next_goes_on_when_the_first_has_failed_for_good(shop, endpoint_at, courier):
    def answer(call):
        return (400 if json.loads(call.body)["data"]["cart_version"] == 1 else 200), {}, b""

    with Server(answer) as server:
        endpoint_at(server.url)
        shopper = Shopper(shop)
        shopper.add()
        shopper.add()
        run_to_the_end(courier)
        assert [json.loads(call.body)["data"]["cart_version"] for call in server.calls] == [1] * 10 + [2]


# -- receivers that hang -----------------------------------------------------------------------------


def hang(latch):
    def answer(call):
        latch.wait(60)
        return 200, {}, b""

    return answer


def test_a_receiver_that_hangs_holds_up_nobody_else(shop, endpoint_at, courier, latch):
    with Server(hang(latch)) as slow, Server() as quick:
        endpoint_at(slow.url)
        Shopper(shop).add()
        for _ in range(40):
            Shopper(shop).add()
        courier.deliver(clock.now())
        endpoint_at(quick.url)
        for _ in range(40):
            Shopper(shop).add()
        while Delivery.objects.filter(state=State.DELIVERED).count() < 40:
            courier.deliver(clock.now())
        assert len(quick.calls) == 40
        assert slow.connections <= sending.PER_ENDPOINT
        latch.set()
        run(courier)


def test_without_a_limit_per_endpoint_it_would(shop, endpoint_at, courier, latch, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr(sending, "PER_ENDPOINT", sending.THREADS)
    with Server(hang(latch)) as slow, Server() as quick:
        endpoint_at(slow.url)
        for _ in range(40):
            Shopper(shop).add()
        courier.deliver(clock.now())
        endpoint_at(quick.url)
        Shopper(shop).add()
        for _ in range(20):
            courier.deliver(clock.now())
        assert quick.calls == []
        latch.set()
        run(courier)


def test_a_failing_endpoint_gets_one_call_at_a_time(shop, endpoint_at, courier, latch):
    with Server(hang(latch)) as slow:
        endpoint = endpoint_at(slow.url)
        type(endpoint).objects.update(failing_since=clock.now(), failed_at=clock.now())
        for _ in range(10):
            Shopper(shop).add()
        for _ in range(5):
            courier.deliver(clock.now())
        assert len(courier._in_hand) == 1
        latch.set()
        run(courier)


# -- several workers, and dead ones ------------------------------------------------------------------


def test_two_claims_take_nothing_twice(shop, endpoint_at):
    endpoint_at("https://example.com/")
    change_carts(shop, carts=6, changes=1)
    horizon.settle()
    following.follow(clock.now())
    first = sending.claim(clock.now(), worker="a", room=100, in_hand={})
    second = sending.claim(clock.now(), worker="b", room=100, in_hand={})
    assert len(first) == sending.PER_ENDPOINT
    assert len(second) == 6 - sending.PER_ENDPOINT
    assert not {one.delivery.pk for one in first} & {one.delivery.pk for one in second}


def test_workers_that_follow_at_once_while_carts_change_write_each_event_once(shop, endpoint_at):
    endpoint_at("https://example.com/")
    endpoint_at("https://example.com/")
    left = [5]

    def change():
        shopper = Shopper(shop)
        for _ in range(12):
            shopper.add()
        left[0] -= 1

    def follow():
        is_over = False
        while following.follow(clock.now()) or not is_over:
            is_over = left[0] == 0

    outcomes = together([change] * 5 + [follow] * 3)
    horizon.settle()
    following.follow(clock.now())
    assert outcomes == [None] * 8
    told = Counter(Delivery.objects.values_list("endpoint", "event"))
    assert set(told.values()) == {1}
    assert len(told) == 2 * CartEvent.objects.count() == 120
    for endpoint in {endpoint for endpoint, _event in told}:
        rows = Delivery.objects.filter(endpoint=endpoint).order_by("pk").values_list("cart_id", "event__cart_version")
        of_carts = defaultdict(list)
        for cart, version in rows:
            of_carts[cart].append(version)
        assert all(versions == sorted(versions) for versions in of_carts.values())


def test_what_a_dead_worker_had_is_sent_again_under_the_same_id(shop, endpoint_at, courier):
    with Server() as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        horizon.settle()
        following.follow(clock.now())
        [lost] = sending.claim(clock.now(), worker="dead", room=1, in_hand={})
        assert sending.call(lost).is_good
        run(courier)
        assert not sending.recover(clock.now())
        assert len(server.calls) == 1  # as long as the lease runs, it is the other's

        clock.move(sending.LEASE + timedelta(seconds=1))
        assert sending.recover(clock.now())
        run(courier)
        first, second = server.calls
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert [attempt.error for attempt in Attempt.objects.all()] == ["interrupted", ""]
    assert Delivery.objects.get().attempts == 1


def test_a_worker_that_comes_back_too_late_settles_nothing(shop, endpoint_at, courier):
    with Server() as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        horizon.settle()
        following.follow(clock.now())
        [late] = sending.claim(clock.now(), worker="late", room=1, in_hand={})
        clock.move(sending.LEASE + timedelta(seconds=1))
        sending.recover(clock.now())
        run(courier)
        sending.settle([(late, sending.Outcome(status=500))], clock.now())
    assert Delivery.objects.get().state == State.DELIVERED


def test_what_waits_behind_one_that_is_tried_again_is_not_looked_at_before(shop, endpoint_at, courier):
    with Server(lambda call: (500, {}, b"")) as server:
        endpoint_at(server.url)
        shopper = Shopper(shop)
        shopper.add()
        run(courier)
        [retried] = Delivery.objects.all()
        shopper.add()
        shopper.add()
        run(courier)
        assert set(Delivery.objects.values_list("due_at", flat=True)) == {retried.due_at}
        assert list(sending._ready(clock.now())) == []


def test_an_endpoint_of_another_shop_hears_nothing(shop, endpoint_at, courier):
    other = factories.shop()
    with Server() as server:
        endpoint_at(server.url, of=other)
        change_carts(shop, carts=2, changes=2)
        run(courier)
        assert server.connections == 0


def test_no_look_of_a_worker_reads_all_deliveries(shop, endpoint_at, courier):
    """Of 30 days, of all endpoints, however many there are."""
    endpoint = endpoint_at("https://example.com/")
    with CaptureQueriesContext(connection) as asked:
        courier.deliver(clock.now())
        sending._next(endpoint, clock.now(), 4)
        sending._park(endpoint, clock.now())
        sending.recover(clock.now())
        sending.forget(clock.now())
    selects = [one["sql"] for one in asked if "connectors_delivery" in one["sql"] and one["sql"].startswith("SELECT")]
    assert len(selects) >= 6
    with transaction.atomic(), connection.cursor() as cursor:
        if ON_POSTGRES:
            cursor.execute("SET LOCAL enable_seqscan = off")  # the tables are empty: asks what could be used
        for select in selects:
            cursor.execute(f"EXPLAIN {'' if ON_POSTGRES else 'QUERY PLAN '}{select}")
            plan = str(cursor.fetchall())
            assert "Seq Scan on connectors_delivery" not in plan, select
            assert "SCAN connectors_delivery" not in plan.replace("SCAN connectors_delivery USING", ""), select
