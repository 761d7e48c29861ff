"""The one way into a cart: what a change does, what it refuses, and that a refused one leaves no trace."""

from datetime import timedelta

import pytest

from ghostcart.carts import changes, ingest
from ghostcart.carts.errors import (
    CartChanged,
    CartClosed,
    CartEmpty,
    IdempotencyConflict,
    QuantityOutOfRange,
    SoldOut,
    UnknownCurrency,
    UnknownLine,
    UnknownProduct,
)
from ghostcart.carts.models import Cart, CartEvent, Device, IdempotencyKey, Status
from ghostcart.carts.timeline import fold
from ghostcart.shops import rules
from tests import factories
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopper(shop):
    return Shopper(shop)


def kinds(cart: Cart) -> list[str]:
    return list(cart.events.values_list("kind", flat=True))


def test_the_first_line_makes_the_cart(shopper):
    shopper.add("MUG", 2)

    cart = shopper.cart
    assert (cart.version, cart.line_count, cart.item_count, cart.currency) == (1, 1, 2, "EUR")
    assert (cart.products_minor, cart.shipping_minor, cart.total_minor) == (2500, 490, 2990)
    assert cart.lines.get().total_minor == 2500
    assert kinds(cart) == ["line_added"]


def test_a_refused_first_line_makes_no_cart(shopper):
    with pytest.raises(UnknownProduct):
        shopper.add("NOTHING")
    with pytest.raises(SoldOut) as refused:
        shopper.add("CLOCK", 3)
    assert refused.value.params == {"stock": 2, "name": "Clock"}
    assert not Cart.objects.exists()
    assert not CartEvent.objects.exists()


def test_a_heartbeat_makes_no_cart_but_says_who_is_there(shopper):
    ingest.record(shopper.change(changes.Touch))
    assert not Cart.objects.exists()
    assert Device.objects.get().seen_at == NOON


def test_adding_again_raises_the_quantity_of_the_line(shopper):
    shopper.add("MUG", 2)
    shopper.add("MUG", 3)
    assert shopper.cart.lines.get().quantity == 5
    assert shopper.cart.version == 2


def test_what_is_left_in_stock_counts_with_what_is_in_the_cart(shopper):
    shopper.add("CLOCK", 2)
    with pytest.raises(SoldOut):
        shopper.add("CLOCK", 1)
    assert shopper.cart.lines.get().quantity == 2


def test_quantities_change_and_zero_removes(shopper):
    shopper.add("MUG", 2)
    shopper.do(changes.SetQuantity, key="MUG", quantity=7)
    assert shopper.cart.item_count == 7
    shopper.do(changes.SetQuantity, key="MUG", quantity=0)

    cart = shopper.cart
    assert (cart.line_count, cart.total_minor) == (0, 0)
    assert kinds(cart) == ["line_added", "quantity_changed", "line_removed"]


def test_setting_the_quantity_it_has_changes_nothing(shopper):
    shopper.add("MUG", 2)
    shopper.do(changes.SetQuantity, key="MUG", quantity=2)
    assert shopper.cart.version == 1


@pytest.mark.parametrize("quantity", [-1, 10_000, 2**31])
def test_quantities_out_of_range_are_refused(shopper, quantity):
    shopper.add("MUG")
    with pytest.raises(QuantityOutOfRange):
        shopper.do(changes.SetQuantity, key="MUG", quantity=quantity)
    assert shopper.cart.item_count == 1


def test_lines_that_are_not_there_cannot_be_changed(shopper):
    shopper.add("MUG")
    with pytest.raises(UnknownLine):
        shopper.do(changes.RemoveLine, key="LAMP")


def test_an_empty_device_has_nothing_to_change(shopper):
    with pytest.raises(CartEmpty):
        shopper.do(changes.StartCheckout)


def test_a_line_keeps_the_price_it_was_put_in_with(shopper):
    shopper.add("MUG")
    price = shopper.cart.lines.get().variant.prices.get(currency="EUR")
    price.price_micros = 99_000_000
    price.save()
    shopper.add("LAMP")
    assert shopper.cart.lines.get(key="MUG").unit_price_micros == 12_500_000


def test_an_unknown_currency_is_refused(shopper):
    with pytest.raises(UnknownCurrency):
        shopper.add("MUG", currency="XXQ")
    assert shopper.add("MUG", currency="CHF").currency == "CHF"


def test_an_emptied_cart_can_be_filled_in_another_currency(shopper):
    shopper.add("MUG", currency="EUR")
    assert shopper.add("LAMP", currency="CHF").currency == "EUR"  # never two currencies in one cart
    for key in ("MUG", "LAMP"):
        shopper.do(changes.RemoveLine, key=key)
    shopper.add("MUG", currency="CHF")
    assert (shopper.cart.currency, shopper.cart.shipping_minor) == ("CHF", 590)


def test_a_cart_of_another_shop_is_out_of_reach(shop, shopper):
    shopper.add()
    other = factories.shop()
    with pytest.raises(CartClosed):
        ingest.record(
            changes.RemoveLine(shop_id=other.pk, at=NOON, cart_id=shopper.cart.pk, actor="staff:1", key="MUG")
        )


# -- versions and idempotency --------------------------------------------------------------------


def test_a_stale_tab_gets_the_current_cart_and_changes_nothing(shopper):
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    with pytest.raises(CartChanged) as refused:
        shopper.do(changes.SetQuantity, key="MUG", quantity=5, expected_version=1)
    assert refused.value.cart.version == 2
    assert shopper.cart.lines.get(key="MUG").quantity == 2


def answer(change, cart):
    return f"version {cart.version}"


def test_the_same_key_and_body_give_the_same_answer_once(shopper):
    once = changes.Idempotency("key", "body")
    change = shopper.change(changes.AddLine, sku="MUG", idempotency=once)
    first, second = (ingest.record(change, answer).answer for _ in range(2))
    assert first == second == "version 1"
    assert shopper.cart.item_count == 1


def test_without_a_key_a_repeated_change_counts_twice(shopper):
    """The guard of the test above: it is the key that protects."""
    for _ in range(2):
        ingest.record(shopper.change(changes.AddLine, sku="MUG"), answer)
    assert shopper.cart.item_count == 2


def test_the_same_key_with_another_body_is_refused(shopper):
    for body, quantity in (("one", 1), ("two", 2)):
        change = shopper.change(
            changes.AddLine, sku="MUG", quantity=quantity, idempotency=changes.Idempotency("key", body)
        )
        if body == "one":
            ingest.record(change, answer)
        else:
            with pytest.raises(IdempotencyConflict):
                ingest.record(change, answer)
    assert shopper.cart.item_count == 1


def test_a_refused_change_keeps_no_answer(shopper):
    change = shopper.change(changes.AddLine, sku="NOTHING", idempotency=changes.Idempotency("key", "body"))
    with pytest.raises(UnknownProduct):
        ingest.record(change, answer)
    assert not IdempotencyKey.objects.exists()


def test_the_same_key_twice_in_one_batch_has_one_effect(shopper):
    change = shopper.change(changes.AddLine, sku="MUG", idempotency=changes.Idempotency("key", "body"))
    first, second = ingest.record_all([change, change], answer)
    assert first.answer == second.answer == "version 1"
    assert shopper.cart.item_count == 1


# -- batches -------------------------------------------------------------------------------------


def test_in_a_batch_each_change_has_its_own_outcome(shop):
    ada, bob = Shopper(shop), Shopper(shop)
    results = ingest.record_all(
        [
            ada.change(changes.AddLine, sku="MUG"),
            bob.change(changes.AddLine, sku="NOTHING"),
            ada.change(changes.AddLine, sku="LAMP"),
            bob.change(changes.AddLine, sku="CLOCK", quantity=2),
            ada.change(changes.RemoveLine, key="CLOCK"),
        ]
    )
    assert [type(result).__name__ for result in results] == [
        "Outcome", "UnknownProduct", "Outcome", "Outcome", "UnknownLine"
    ]  # fmt: skip
    assert ada.cart.line_count == 2
    assert bob.cart.item_count == 2


def test_a_failed_commit_takes_the_whole_batch_back(shop, monkeypatch):
    ada = Shopper(shop)
    monkeypatch.setattr("ghostcart.carts.storage.insert_events", lambda events: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ada.add("MUG")
    assert not Cart.objects.exists()


# -- times and status ----------------------------------------------------------------------------


def test_a_cart_is_abandoned_a_day_after_its_last_activity(shopper):
    shopper.add()
    shopper.wait(hours=20).add()
    cart, day = shopper.cart, timedelta(hours=24)
    assert cart.status(shopper.at + day - timedelta(seconds=1)) == Status.OPEN
    assert cart.status(shopper.at + day) == Status.ABANDONED


def test_by_prestashops_rule_the_clock_starts_with_the_cart():
    shopper = Shopper(factories.shop(abandoned_basis="created"))
    shopper.add()
    shopper.wait(hours=20).add()
    assert shopper.cart.abandon_after == NOON + timedelta(hours=24, minutes=1)  # more than 24 hours, by the minute


def test_an_empty_cart_is_never_abandoned(shopper):
    shopper.add()
    shopper.do(changes.RemoveLine, key="MUG")
    assert shopper.cart.status(NOON + timedelta(days=9)) == Status.OPEN


def test_an_ordered_cart_is_closed_and_the_device_starts_a_new_one(shopper):
    shopper.add("MUG")
    first = shopper.cart.pk
    shopper.do(changes.Order, order_id=1, number="T-1")
    shopper.add("LAMP")
    assert Cart.objects.get(pk=first).status(NOON) == Status.ORDERED
    assert Cart.objects.get(pk=first).line_count == 1
    assert shopper.cart.pk != first


def test_heartbeats_move_the_cart_in_steps(shopper):
    shopper.add()
    shopper.wait(seconds=10)
    ingest.record(shopper.change(changes.Touch))
    assert shopper.cart.seen_at == NOON
    shopper.wait(seconds=60)
    ingest.record(shopper.change(changes.Touch))
    assert shopper.cart.seen_at == shopper.at
    assert shopper.cart.version == 1


# -- machines ------------------------------------------------------------------------------------


def test_a_crawlers_cart_is_suspected_and_says_why(shop):
    bot = Shopper(shop, bot_reasons=("crawler",))
    bot.add()
    assert (bot.cart.is_suspected_bot, bot.cart.bot_reasons) == (True, ["crawler"])


def test_who_reaches_the_checkout_is_hardly_a_machine(shop, shopper):
    for number in range(6):
        factories.product(shop, f"P{number}")
        shopper.add(f"P{number}")
    assert shopper.cart.bot_reasons == ["hurried"]
    shopper.do(changes.StartCheckout)
    assert not shopper.cart.is_suspected_bot


# -- the log -------------------------------------------------------------------------------------


def test_the_log_tells_the_whole_cart(shop, shopper):
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    shopper.do(changes.SetQuantity, key="MUG", quantity=5)
    shopper.do(changes.RemoveLine, key="LAMP")
    shopper.do(changes.Identify, customer_id=factories.customer(shop).pk, label="Ada Byron")

    cart = shopper.cart
    past = fold(cart.events.all())
    assert [(line.key, line.quantity) for line in past.lines] == [("MUG", 5)]
    assert (past.customer, past.total_minor, past.item_count) == ("Ada Byron", cart.total_minor, 5)
    assert list(cart.events.values_list("cart_version", flat=True)) == [1, 2, 3, 4, 5]


def test_rules_of_shops_are_read_again_after_a_second(shop, monkeypatch):
    assert rules.of(shop.pk).currency == "EUR"
    type(shop).objects.update(currency="CHF")
    assert rules.of(shop.pk).currency == "EUR"
    monkeypatch.setattr(rules, "KEPT_SECONDS", 0)
    assert rules.of(shop.pk).currency == "CHF"
