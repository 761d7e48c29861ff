"""Programs with a key: known or refused, kept to their scopes and pace, heard once however often they repeat."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ghostcart.api import programs
from ghostcart.api.limits import Buckets
from ghostcart.carts import answers
from ghostcart.carts.models import Cart, IdempotencyKey
from ghostcart.connectors import keys
from ghostcart.connectors.models import ApiKey
from ghostcart.lib import clock
from tests import factories
from tests.wire import Program, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)


def cart_of(shop, sku="MUG") -> Cart:
    shopper = factories.Shopper(shop, at=clock.now())
    shopper.add(sku)
    return shopper.cart


# -- keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic Z2NrOng=", "gck_x", "bearer\tgck_x"])
def test_without_a_key_nobody_comes_in(client, header):
    response = client.get("/api/v1/carts", headers={"Authorization": header})
    refused(response, 401, "missing_key")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_key_that_is_none_is_refused(client, program):
    for token in ("x", "gck_", program.token[:-1], program.token + "x", "gck_" + "0" * 43, "x" * 9000, "\u00e9" * 47):
        response = client.get("/api/v1/carts", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
        refused(response, 401, "wrong_key")


def test_a_key_that_was_revoked_or_has_ended_is_refused_from_the_next_request_on(program):
    program.get("/carts")
    keys.revoke(program.key, clock.now())
    refused(program.call("GET", "/carts"), 401, "wrong_key")
    ApiKey.objects.update(revoked_at=None, expires_at=clock.now())
    refused(program.call("GET", "/carts"), 401, "wrong_key")


def test_a_key_may_do_what_its_scopes_say_and_is_told_what_it_lacks(client, shop):
    reader = Program(client, shop, "carts:read")
    cart = cart_of(shop)
    reader.get("/carts")
    told = refused(reader.call("POST", "/carts/delete", {"ids": [cart.pk]}), 403, "wrong_scope")
    assert told["params"] == {"scope": "carts:write"}
    assert Cart.objects.get().deleted_at is None


def test_sentences_come_in_the_programs_language(program):
    told = refused(program.call("GET", "/carts?size=5&sise=5", Accept_Language="it"), 400, "unknown_parameter")
    assert told["detail"] == "Questo indirizzo non ha un parametro “sise”."


def test_an_address_that_names_no_scope_is_shut(monkeypatch, program):
    """Guard: a forgotten scope must not open anything."""
    handlers = [
        handler
        for route in program.client.app.routes
        if route.path == "/api/v1/carts"
        for handler in route.route_handlers
        if "GET" in handler.http_methods
    ]
    for handler in handlers:
        monkeypatch.delitem(handler.opt, "scope")
    refused(program.call("GET", "/carts"), 403, "wrong_scope")


# -- pace --------------------------------------------------------------------------------------------


def test_each_answer_says_how_many_requests_are_left(client, shop):
    program = Program(client, shop, per_minute=3)
    left = [program.call("GET", "/carts").headers["ratelimit"] for _ in range(3)]
    assert [one.split(";")[1] for one in left] == ["r=2", "r=1", "r=0"]
    response = program.call("GET", "/carts")
    refused(response, 429, "too_many_requests")
    assert response.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert 1 <= int(response.headers["retry-after"]) <= 20
    assert Program(client, shop).call("GET", "/carts").status_code == 200  # each key has its own


def test_a_bucket_fills_again_steadily():
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    assert [buckets.take(1, 60).left for _ in range(60)] == list(range(59, -1, -1))
    over = buckets.take(1, 60)
    assert (over.left, over.wait) == (0, 1)
    now[0] += 0.5
    assert buckets.take(1, 60).wait == 1
    now[0] += 0.5
    assert buckets.take(1, 60).wait == 0
    now[0] += 3600
    assert buckets.take(1, 60).left == 59


def test_buckets_do_not_pile_up(monkeypatch):
    monkeypatch.setattr("ghostcart.api.limits.MOST_BUCKETS", 10)
    buckets = Buckets(clock=lambda: 0.0)
    for key_id in range(100):
        buckets.take(key_id, 60)
    assert len(buckets.left) == 10


# -- one effect --------------------------------------------------------------------------------------


def test_the_same_request_with_the_same_key_has_one_effect_and_one_answer(program, shop):
    cart = cart_of(shop)
    body = {"ids": [cart.pk]}
    first = program.call("POST", "/carts/delete", body, Idempotency_Key="a")
    before = dump()
    second = program.call("POST", "/carts/delete", body, Idempotency_Key="a")
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert first.json()["results"] == [{"id": cart.pk, "outcome": "deleted"}]
    assert dump() == before
    assert program.post("/carts/delete", body)["results"][0]["outcome"] == "missing"  # without the key it is done again


def test_the_same_key_with_another_request_is_refused(program, shop):
    cart = cart_of(shop)
    program.post("/carts/delete", {"ids": [cart.pk]}, Idempotency_Key="a")
    for path, body in (("/carts/delete", {"ids": [cart.pk, 1]}), ("/carts/restore", {"ids": [cart.pk]})):
        refused(program.call("POST", path, body, Idempotency_Key="a"), 409, "idempotency_conflict")
    assert Cart.objects.get().deleted_at


def test_keys_of_two_programs_do_not_meet(client, program, shop):
    other = Program(client, shop)
    one, two = cart_of(shop), cart_of(shop)
    program.post("/carts/delete", {"ids": [one.pk]}, Idempotency_Key="a")
    other.post("/carts/delete", {"ids": [two.pk]}, Idempotency_Key="a")
    assert Cart.objects.filter(deleted_at=None).count() == 0


def test_an_answer_is_kept_with_its_effect_or_not_at_all(program, shop, monkeypatch):
    cart = cart_of(shop)

    def broken(*args):
        raise RuntimeError

    monkeypatch.setattr("ghostcart.api.merchant.carts.CartOutcomes", broken)
    assert program.call("POST", "/carts/delete", {"ids": [cart.pk]}, Idempotency_Key="a").status_code == 500
    assert Cart.objects.get().deleted_at is None
    assert not IdempotencyKey.objects.exists()
    monkeypatch.undo()
    assert program.post("/carts/delete", {"ids": [cart.pk]}, Idempotency_Key="a")["results"][0]["outcome"] == "deleted"


def test_of_many_who_send_the_same_at_once_one_has_the_effect(shop):
    done = []

    def work() -> str:
        done.append(1)
        return "answer"

    def ask(_):
        from django.db import close_old_connections, connection

        close_old_connections()
        try:
            return answers.once(shop.pk, "key:1", "a", "hash", clock.now(), work)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(ask, range(16)))
    assert (told, len(done)) == (["answer"] * 16, 1)
    print(f"\n16 requests from 8 threads with one key: {len(done)} effect")


def test_a_key_too_long_is_refused(program):
    refused(program.call("POST", "/carts/delete", {"ids": [1]}, Idempotency_Key="k" * 256), 400, "bad_body")


def test_the_pace_is_asked_before_the_scope(client, shop):
    program = Program(client, shop, "carts:read", per_minute=1)
    refused(program.call("POST", "/carts/delete", {"ids": [1]}), 403, "wrong_scope")
    refused(program.call("POST", "/carts/delete", {"ids": [1]}), 429, "too_many_requests")
    assert programs.buckets.left
    assert timedelta(seconds=programs.buckets.take(program.key.pk, 1).wait) <= timedelta(minutes=1)
