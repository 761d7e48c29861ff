"""What is sent, when, and what becomes of it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ghostcart.carts import changes
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.connectors.webhooks import endpoints, schedule, sending, signing
from ghostcart.connectors.webhooks.errors import EndpointOff, StillUnderWay, TooManyEndpoints
from ghostcart.connectors.webhooks.models import Attempt, Delivery, Off, State, WebhookEndpoint
from ghostcart.lib import clock, outbound, sealing
from tests import factories
from tests.connectors.webhooks.running import run, run_to_the_end
from tests.factories import Shopper
from tests.listening import Server

pytestmark = pytest.mark.django_db(transaction=True)


def says(status, headers=None, body=b""):
    return lambda call: (status, headers or {}, body)


def kinds(server):
    return [json.loads(call.body)["data"]["kind"] for call in server.calls]


# -- what is told ------------------------------------------------------------------------------------


def test_what_happens_to_a_cart_is_told_and_signed(shop, endpoint_at, courier):
    with Server() as server:
        endpoint = endpoint_at(server.url)
        shopper = Shopper(shop, at=datetime(2026, 11, 28, 12, 0, tzinfo=UTC))
        shopper.add("MUG", 2)
        run(courier)
        [call] = server.calls
    told = Webhook(endpoint.plain).verify(call.body, call.headers)
    event = CartEvent.objects.get()
    assert told == {
        "type": "cart.line_added",
        "timestamp": "2026-11-28T12:00:00Z",
        "data": {
            "shop": shop.slug,
            "event_id": event.pk,
            "kind": "line_added",
            "at": "2026-11-28T12:00:00Z",
            "actor": "shopper",
            "cart_id": shopper.cart.pk,
            "cart_version": 1,
            "source": "store",
            "external_id": None,
            "details": event.data,
        },
    }
    assert told["data"]["details"]["line"]["quantity"] == 2
    assert call.headers["content-type"] == "application/json"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.message_id) == (State.DELIVERED, call.headers["webhook-id"])
    assert delivery.calls.get().status == 200


def test_a_changed_body_a_foreign_secret_and_an_old_stamp_do_not_verify(shop, endpoint_at, courier):
    with Server() as server:
        endpoint = endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        [call] = server.calls
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.plain).verify(call.body + b" ", call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(call.body, call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.plain).verify(call.body, {**call.headers, "webhook-id": "msg_other"})
    early = str(int(call.headers["webhook-timestamp"]) - 600)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.plain).verify(call.body, {**call.headers, "webhook-timestamp": early})


def test_only_what_comes_after_is_told_of_this_shop_and_of_the_chosen_kinds(shop, endpoint_at, courier):
    Shopper(shop).add()
    with Server() as server:
        endpoint_at(server.url, kinds=["line_added", "line_removed"])
        other = factories.shop()
        Shopper(other).add()
        shopper = Shopper(shop)
        key = next(iter(shopper.add("MUG").lines))
        shopper.do(changes.SetQuantity, key=key, quantity=3)
        shopper.do(changes.RemoveLine, key=key)
        run(courier)
        assert kinds(server) == ["line_added", "line_removed"]


def test_staff_are_not_named(shop, endpoint_at, courier):
    with Server() as server:
        endpoint_at(server.url)
        shopper = Shopper(shop)
        shopper.add()
        CartEvent.objects.update(actor="staff:7")
        run(courier)
        assert json.loads(server.calls[0].body)["data"]["actor"] == "staff"


def test_a_test_arrives_and_says_that_it_is_one(shop, endpoint_at, courier):
    with Server() as server:
        endpoint = endpoint_at(server.url, kinds=["ordered"])
        endpoints.send_test(endpoint, clock.now())
        run(courier)
        [call] = server.calls
    told = Webhook(endpoint.plain).verify(call.body, call.headers)
    assert (told["type"], told["data"]) == ("ghostcart.test", {"shop": shop.slug, "kind": "test"})


# -- secrets -----------------------------------------------------------------------------------------


def test_a_secret_is_random_long_enough_and_not_readable_in_the_database(shop, endpoint_at):
    endpoint = endpoint_at("https://example.com/")
    assert endpoint.plain.startswith("whsec_")
    assert 24 <= len(signing.base64.b64decode(endpoint.plain[6:])) <= 64
    assert endpoint.plain != endpoint_at("https://example.com/").plain
    row = WebhookEndpoint.objects.values().get(pk=endpoint.pk)
    assert endpoint.plain[6:] not in str(row)


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one(shop, endpoint_at, courier):
    with Server() as server:
        endpoint = endpoint_at(server.url)
        new = endpoints.rotate(endpoint, clock.now())
        Shopper(shop).add()
        run(courier)
        [call] = server.calls
        for secret in (endpoint.plain, new):
            Webhook(secret).verify(call.body, call.headers)

        clock.move(timedelta(hours=24, seconds=1))
        Shopper(shop).add()
        run(courier)
        call = server.calls[-1]
        Webhook(new).verify(call.body, call.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint.plain).verify(call.body, call.headers)
    sending.forget(clock.now())
    endpoint.refresh_from_db()
    assert (endpoint.old_secret, endpoint.old_secret_until) == ("", None)


def test_a_secret_that_cannot_be_read_any_more_is_told_and_nothing_is_sent_unsigned(
    shop, endpoint_at, courier, settings
):
    with Server() as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        settings.SECRET_KEY = "another one"
        run(courier)
        assert server.connections == 0
        assert Attempt.objects.get().error == "secret_unreadable"
        endpoint = WebhookEndpoint.objects.get()
        with pytest.raises(sealing.Unreadable):
            sealing.unseal(endpoint.secret, signing.PURPOSE)

        new = endpoints.rotate(endpoint, clock.now())
        run_to_the_end(courier)
        [call] = server.calls
        Webhook(new).verify(call.body, call.headers)


# -- trying again ------------------------------------------------------------------------------------

TABLE = [0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600]


def test_what_fails_is_tried_by_the_table_and_then_failed_for_good(shop, endpoint_at, courier):
    with Server(says(500, body=b"<b>sorry</b>")) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run_to_the_end(courier)
        assert len(server.calls) == 10
        assert len({(call.headers["webhook-id"], call.body) for call in server.calls}) == 1
    times = list(Attempt.objects.values_list("at", flat=True))
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    print("\nwaits in seconds:", [round(wait) for wait in waits])
    for wait, least in zip(waits, TABLE[1:], strict=True):
        assert least <= wait <= least * 1.1 + 5
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (State.FAILED, 10)
    assert {each.answer for each in delivery.calls.all()} == {"<b>sorry</b>"}
    assert not courier.deliver(clock.now() + timedelta(days=2))


def test_the_table_is_that_of_standard_webhooks():
    assert [0, *(wait.total_seconds() for wait in schedule.WAITS)] == TABLE


def test_a_busy_receiver_is_left_alone_as_long_as_it_asks(shop, endpoint_at, courier):
    with Server(says(429, {"retry-after": "3600"})) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        delivery = Delivery.objects.get()
        assert timedelta(minutes=59) < delivery.due_at - clock.now() <= timedelta(hours=1)
    assert schedule.next_try(1, factories.NOON, 0, timedelta(days=900)) == factories.NOON + timedelta(days=1)


@pytest.mark.parametrize("seconds", ["9" * 20, "9" * 5000])
def test_a_receiver_that_asks_for_ages_is_left_alone_for_a_day(shop, endpoint_at, courier, seconds):
    with Server(says(429, {"retry-after": seconds})) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
    wait = Delivery.objects.get(state=State.RETRYING).due_at - clock.now()
    assert timedelta(hours=23) < wait <= timedelta(days=1)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 307, 308, 400, 404, 500, 503])
def test_only_2xx_is_delivered(shop, endpoint_at, courier, status):
    with Server() as elsewhere, Server(says(status, {"location": elsewhere.url})) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        assert (len(server.calls), elsewhere.connections) == (1, 0)
    assert Delivery.objects.get().state == State.RETRYING


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(shop, endpoint_at, courier, status):
    with Server(says(status)) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
    assert Delivery.objects.get().state == State.DELIVERED


def test_gone_switches_the_endpoint_off(shop, endpoint_at, courier):
    with Server(says(410)) as server:
        endpoint = endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        Shopper(shop).add()
        run_to_the_end(courier)
        assert len(server.calls) == 1
    endpoint.refresh_from_db()
    assert (endpoint.off, Delivery.objects.get().state) == (Off.GONE, State.FAILED)


def test_five_days_of_failures_switch_the_endpoint_off(shop, endpoint_at, courier):
    with Server(says(500)) as server:
        endpoint = endpoint_at(server.url)
        for _day in range(5):
            Shopper(shop).add()
            run(courier)
            clock.move(timedelta(hours=23))
            endpoint.refresh_from_db()
            assert endpoint.is_on
        clock.move(timedelta(hours=6))
        run(courier)
    endpoint.refresh_from_db()
    assert endpoint.off == Off.FAILING


def test_a_delivery_in_between_begins_the_five_days_anew(shop, endpoint_at, courier):
    status = [500]
    with Server(lambda call: (status[0], {}, b"")) as server:
        endpoint = endpoint_at(server.url)
        for day in range(12):
            status[0] = 200 if day == 4 else 500
            if day == 9:
                break
            Shopper(shop).add()
            run(courier)
            clock.move(timedelta(hours=23))
        assert server.calls
    endpoint.refresh_from_db()
    assert endpoint.is_on


def test_a_delivery_settled_together_with_a_failure_counts(shop, endpoint_at):
    endpoint = endpoint_at("https://example.com/")
    for _ in range(2):
        endpoints.send_test(endpoint, clock.now())
    good, bad = sending.claim(clock.now(), worker="test", room=2, in_hand={})
    WebhookEndpoint.objects.update(failing_since=clock.now() - timedelta(days=6), failed_at=clock.now())
    sending.settle([(bad, sending.Outcome(status=500)), (good, sending.Outcome(status=200))], clock.now())
    endpoint.refresh_from_db()
    assert endpoint.is_on


def test_two_failures_far_apart_are_no_five_days():
    long_ago = factories.NOON - timedelta(days=9)
    assert schedule.failing_since(long_ago, long_ago, factories.NOON) == factories.NOON
    yesterday = factories.NOON - timedelta(days=1)
    assert schedule.failing_since(long_ago, yesterday, factories.NOON) == long_ago


# -- guards ------------------------------------------------------------------------------------------


def test_a_private_address_is_never_called(shop, endpoint_at, courier, settings):
    with Server() as server:
        endpoint_at(server.url)
        settings.PRIVATE_TARGETS = []
        Shopper(shop).add()
        run(courier)
        assert server.connections == 0
    assert Attempt.objects.get().error in ("target_private", "target_not_secure")


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://10.0.0.1/", "file:///etc/passwd", "https://u:p@x.org/"]
)
def test_an_address_that_cannot_be_called_is_refused_at_once(shop, url, settings):
    settings.PRIVATE_TARGETS = []
    with pytest.raises(outbound.TargetError):
        endpoints.create(shop, url=url, description="", kinds=[], now=clock.now())
    assert not WebhookEndpoint.objects.exists()


def test_an_answer_is_kept_to_a_kilobyte(shop, endpoint_at, courier):
    with Server(says(500, body=b"\x00\xff" + b"x" * 100_000)) as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
    answer = Attempt.objects.get().answer
    assert len(answer) == 1024
    assert answer.startswith("\ufffd\ufffdx")


def test_a_shop_has_a_limited_number_of_endpoints(shop, endpoint_at, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST", 1)
    endpoint_at("https://example.com/")
    with pytest.raises(TooManyEndpoints):
        endpoint_at("https://example.com/")


# -- again, off, on, forgotten -----------------------------------------------------------------------


def test_a_replay_has_the_same_id_and_a_new_round(shop, endpoint_at, courier):
    with Server() as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        delivery = Delivery.objects.get()
        endpoints.replay(delivery, clock.now())
        with pytest.raises(StillUnderWay):
            endpoints.replay(delivery, clock.now())
        run(courier)
        first, second = server.calls
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert delivery.calls.count() == 2


def test_all_that_failed_since_a_time_are_sent_again(shop, endpoint_at, courier):
    status = [410]
    with Server(lambda call: (status[0], {}, b"")) as server:
        endpoint = endpoint_at(server.url)
        for _ in range(3):
            Shopper(shop).add()
            run(courier)
            endpoints.switch_on(endpoint, with_missed=True, now=clock.now())
            clock.move(timedelta(days=1))
        since = clock.now() - timedelta(days=2, minutes=1)
        status[0] = 200
        assert endpoints.replay_failed(endpoint, since, clock.now()) == 2
        run(courier)
        assert len(server.calls) == 5
    assert list(Delivery.objects.values_list("state", flat=True)) == [State.FAILED, State.DELIVERED, State.DELIVERED]


@pytest.mark.parametrize(("with_missed", "told"), [(True, 3), (False, 1)])
def test_an_endpoint_that_was_off_goes_on_with_or_without_what_it_missed(shop, endpoint_at, courier, with_missed, told):
    status = [500]
    with Server(lambda call: (status[0], {}, b"")) as server:
        endpoint = endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
        assert endpoints.switch_off(endpoint, Off.STAFF, clock.now())
        Shopper(shop).add()
        clock.move(timedelta(minutes=1))
        run(courier)
        assert len(server.calls) == 1
        endpoint.refresh_from_db()
        for forbidden in (
            lambda: endpoints.send_test(endpoint, clock.now()),
            lambda: endpoints.replay(Delivery.objects.get(), clock.now()),
            lambda: endpoints.replay_failed(endpoint, clock.now(), clock.now()),
        ):
            with pytest.raises(EndpointOff):
                forbidden()
        status[0] = 200
        endpoints.switch_on(endpoint, with_missed=with_missed, now=clock.now())
        Shopper(shop).add()
        run(courier)
        assert len(server.calls) == 1 + told


def test_deliveries_are_forgotten_after_30_days(shop, endpoint_at, courier):
    with Server() as server:
        endpoint_at(server.url)
        Shopper(shop).add()
        run(courier)
    assert not sending.forget(clock.now() + timedelta(days=29))
    assert sending.forget(clock.now() + timedelta(days=31))
    assert not Delivery.objects.exists()


def test_a_cart_removed_for_good_takes_its_deliveries_along(shop, endpoint_at, courier):
    endpoint_at("https://example.com/")
    Shopper(shop).add()
    courier.deliver(clock.now())
    Cart.objects.all().delete()
    assert not Delivery.objects.exists()
