"""Deleting carts, bringing them back, cleaning up; an ordered cart stays, whatever happens at the same time."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from ghostcart.carts import changes, ingest, services
from ghostcart.carts.models import Cart, CartEvent, CartLine
from ghostcart.carts.services import CleanUp, Which
from tests import factories
from tests.backoffice.cast import cart
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def events(number):
    return [(e.kind, e.actor, e.cart_version) for e in CartEvent.objects.filter(cart=number).order_by("id")]


def test_each_cart_has_its_own_answer():
    shop, other = factories.shop(), factories.shop()
    ghost, ordered, gone = cart(shop), cart(shop, ordered_at=NOON), cart(shop, deleted_at=NOON)
    merged, theirs = cart(shop, merged_at=NOON), cart(other)
    asked = [ghost.pk, ordered.pk, gone.pk, merged.pk, theirs.pk, 10**12, ghost.pk]
    assert services.delete(asked, "staff:7", NOON, [shop.pk]) == {
        ghost.pk: "deleted", ordered.pk: "ordered", gone.pk: "missing", merged.pk: "deleted", theirs.pk: "missing",
        10**12: "missing",
    }  # fmt: skip
    ghost.refresh_from_db()
    assert (ghost.deleted_at, ghost.deleted_by) == (NOON, "staff:7")
    ordered.refresh_from_db()
    assert ordered.deleted_at is None
    assert Cart.objects.get(pk=theirs.pk).deleted_at is None


def test_deleting_and_bringing_back_are_in_the_log():
    shopper = Shopper(factories.shop())
    shopper.add("MUG", 2)
    made = shopper.cart
    services.delete([made.pk], "staff:7", NOON)
    assert services.undelete([made.pk, 99], "staff:8", NOON) == {made.pk: "restored", 99: "missing"}
    assert events(made.pk) == [
        ("line_added", "shopper", 1), ("deleted", "staff:7", 2), ("restored", "staff:8", 3),
    ]  # fmt: skip
    made.refresh_from_db()
    assert (made.version, made.deleted_at, made.deleted_by) == (3, None, "")
    told = CartEvent.objects.filter(cart=made).last().data
    assert [(line["sku"], line["quantity"]) for line in told["lines"]] == [("MUG", 2)]
    assert told["total_minor"] == made.total_minor


def test_nothing_is_logged_for_what_is_not_done():
    ordered = cart(factories.shop(), ordered_at=NOON)
    services.delete([ordered.pk], "staff:7", NOON)
    services.undelete([ordered.pk], "staff:7", NOON)
    assert events(ordered.pk) == []


def test_a_shopper_whose_cart_was_deleted_starts_a_new_one():
    shopper = Shopper(factories.shop())
    first = shopper.add("MUG").id
    services.delete([first], "staff:7", NOON)
    assert shopper.add("LAMP").id != first


def test_after_thirty_days_a_cart_is_gone_for_good():
    shop = factories.shop()
    shopper = Shopper(shop)
    shopper.add("MUG")
    late, early = shopper.cart, cart(shop)
    services.delete([late.pk], "staff:7", NOON)
    services.delete([early.pk], "staff:7", NOON + timedelta(seconds=1))
    end = NOON + 30 * DAY
    assert services.undelete([late.pk], "staff:7", end) == {late.pk: "missing"}
    assert services.purge(end - timedelta(seconds=1)) == 0
    assert services.purge(end) == 1
    assert list(Cart.objects.values_list("pk", flat=True)) == [early.pk]
    assert not CartLine.objects.exists()
    assert not CartEvent.objects.filter(cart=late.pk).exists()
    assert services.undelete([early.pk], "staff:7", end) == {early.pk: "restored"}


def test_purging_goes_batch_by_batch(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 3)
    shop = factories.shop()
    for _ in range(7):
        cart(shop, deleted_at=NOON - 31 * DAY)
    kept = cart(shop)
    assert services.purge(NOON) == 7
    assert list(Cart.objects.all()) == [kept]


def test_purging_gives_others_their_turn(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 3)
    monkeypatch.setattr(services, "PURGED_AT_ONCE", 4)
    shop, other = factories.shop(), factories.shop()
    for number in range(8):
        cart((shop, other)[number % 2], deleted_at=NOON - 31 * DAY)
    gone = []
    while (removed := services.purge(NOON)) > 0:
        gone.append(removed)
    assert sum(gone) == 8
    assert len(gone) > 1


# -- an order at the same time -----------------------------------------------------------------------


def test_the_table_itself_refuses_an_ordered_cart_that_is_deleted():
    ordered = cart(factories.shop(), ordered_at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Cart.objects.filter(pk=ordered.pk).update(deleted_at=NOON)


def race(shopper, number):
    """An order and a deletion of one cart at the same moment; how each ended."""
    outcome, start = {}, threading.Barrier(2)

    def run(name, action):
        try:
            start.wait()
            outcome[name] = action()
        except Exception as error:
            outcome[name] = type(error).__name__
        finally:
            connection.close()

    def order():
        ingest.record(shopper.change(changes.Order, order_id=1, number="T-1"))
        return "ordered"

    def delete():
        return services.delete([number], "staff:7", NOON)[number]

    threads = [threading.Thread(target=run, args=pair) for pair in (("order", order), ("delete", delete))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


@pytest.mark.django_db(transaction=True)
def test_of_an_order_and_a_deletion_at_the_same_time_one_wins():
    shop = factories.shop()
    for _ in range(8):
        shopper = Shopper(shop)
        number = shopper.add("MUG").id
        outcome = race(shopper, number)
        made = Cart.objects.get(pk=number)
        assert (made.ordered_at is None) != (made.deleted_at is None)
        if made.ordered_at:
            assert outcome == {"order": "ordered", "delete": "ordered"}
        else:
            assert outcome["delete"] == "deleted"
            assert outcome["order"] != "ordered"


# -- clean-up ----------------------------------------------------------------------------------------


def rule(shop, which, days=30):
    return CleanUp(shop_ids=(shop.pk,), which=which, days=days, since=NOON)


def old(shop, **more):
    return cart(shop, **{"last_activity_at": NOON - 31 * DAY, "seen_at": NOON - 31 * DAY} | more).pk


def test_each_clean_up_takes_its_carts_and_never_an_ordered_one():
    shop, other = factories.shop(), factories.shop()
    filled, empty, bot = old(shop, line_count=1), old(shop), old(shop, line_count=1, bot_score=50)
    old(shop, ordered_at=NOON, bot_score=90)
    old(shop, deleted_at=NOON)
    old(other)
    old(shop, last_activity_at=NOON - 29 * DAY)
    old(shop, seen_at=NOON - 29 * DAY, bot_score=90)

    def taken(which):
        return sorted(rule(shop, which).carts().values_list("pk", flat=True))

    assert taken(Which.AGE) == [filled, empty, bot]
    assert taken(Which.EMPTY) == [empty]
    assert taken(Which.BOTS) == [bot]


@pytest.mark.parametrize("which", Which)
def test_the_parts_of_a_clean_up_are_all_of_it(which):
    shop, other = factories.shop(), factories.shop()
    old = NOON - 200 * DAY
    for number in range(48):
        cart(
            (shop, other)[number % 2],
            line_count=number % 3,
            bot_score=(0, 90)[number % 4 == 0],
            merged_at=(None, old)[number % 5 == 0],
            last_activity_at=(old, NOON)[number % 7 == 0],
            seen_at=old,
        )
    wanted = CleanUp(shop_ids=(shop.pk, other.pk), which=which, days=90, since=NOON)
    found = [pk for part in wanted.parts() for pk in part.values_list("pk", flat=True)]
    assert sorted(found) == sorted(wanted.carts().values_list("pk", flat=True))
    assert len(found) > 5


def test_a_clean_up_goes_batch_by_batch_and_can_be_undone():
    shop = factories.shop()
    numbers = [old(shop) for _ in range(5)]
    gone = []
    is_finished = False
    while not is_finished:
        number, is_finished = services.clean_up_batch(rule(shop, Which.EMPTY), "staff:7", NOON, size=2)
        gone.append(number)
    assert gone == [2, 2, 1]
    assert set(services.undelete(numbers, "staff:7", NOON).values()) == {"restored"}


def test_a_batch_of_which_a_shopper_saved_one_does_not_end_the_clean_up(monkeypatch):
    """Fewer went than were looked for, and yet there are more."""
    shop = factories.shop()
    saved, *_others = [old(shop) for _ in range(3)]
    deleting = services._delete_ghosts

    def late(carts, *args):
        Cart.objects.filter(pk=saved).update(last_activity_at=NOON)
        return deleting(carts, *args)

    monkeypatch.setattr(services, "_delete_ghosts", late)
    wanted = rule(shop, Which.EMPTY)
    assert services.clean_up_batch(wanted, "staff:7", NOON, size=2) == (1, False)
    assert services.clean_up_batch(wanted, "staff:7", NOON, size=2) == (1, True)


def test_what_a_shopper_does_after_the_dry_run_saves_the_cart():
    shop = factories.shop()
    saved, gone = old(shop), old(shop)
    wanted = rule(shop, Which.AGE)
    assert wanted.carts().count() == 2
    Cart.objects.filter(pk=saved).update(last_activity_at=NOON)
    assert services.clean_up_batch(wanted, "staff:7", NOON + DAY) == (1, True)
    assert Cart.objects.filter(deleted_at=None).get().pk == saved
    assert Cart.objects.get(pk=gone).deleted_at


def test_the_statement_that_deletes_asks_the_whole_rule_again(monkeypatch):
    """A cart that was ordered after it was chosen stays: the choice is not trusted."""
    shop = factories.shop()
    chosen = old(shop)
    carts = Cart.objects.filter(pk=chosen)
    Cart.objects.filter(pk=chosen).update(ordered_at=NOON)
    with transaction.atomic():
        assert services._delete_ghosts(carts, "staff:7", NOON) == []
    assert Cart.objects.get(pk=chosen).deleted_at is None
