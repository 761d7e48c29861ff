"""A mailed link brings a cart's products into another one: nothing doubled, nothing lost, nothing for an old price."""

from datetime import timedelta

import pytest

from ghostcart.carts import browsing, changes, ingest, storage, timeline
from ghostcart.carts.errors import CartClosed, SoldOut
from ghostcart.carts.models import Cart, CartEvent, CartLine, Device, Status
from ghostcart.carts.restoring import Fate
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind, Refusal
from tests import factories
from tests.factories import NOON, Shopper, holding
from tests.races import order, together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
LATER = NOON + timedelta(days=2)


@pytest.fixture
def left(shop):
    """A cart that somebody left: two mugs, a lamp and a clock."""
    shopper = Shopper(shop, language="it")
    for sku, quantity in (("MUG", 2), ("LAMP", 1), ("CLOCK", 2)):
        shopper.add(sku, quantity)
    return shopper


def visitor(shop, **more):
    return Shopper(shop, LATER, **more)


def restore(shopper, source):
    return ingest.record(shopper.change(changes.Restore, source_id=source.cart.pk))


def fates(outcome):
    return {item.sku: (item.fate, item.quantity) for item in outcome.report}


# -- what comes back -------------------------------------------------------------------------------


def test_a_clean_device_gets_a_cart_with_the_products(shop, left):
    new = visitor(shop)
    outcome = restore(new, left)
    assert holding(new.cart) == {"MUG": 2, "LAMP": 1, "CLOCK": 2}
    assert new.cart.pk != left.cart.pk
    assert new.cart.total_minor == left.cart.total_minor
    assert new.cart.restored_from_id == left.cart.pk
    assert (new.cart.customer_id, new.cart.customer_label) == (None, "")
    assert set(fates(outcome).values()) == {(Fate.ADDED, 2), (Fate.ADDED, 1)}


def test_the_cart_that_was_left_stays_as_it_was(shop, left):
    before = (left.cart.version, holding(left.cart), left.cart.last_activity_at)
    restore(visitor(shop), left)
    assert (left.cart.version, holding(left.cart), left.cart.last_activity_at) == before


def test_it_merges_with_the_cart_in_hand_and_doubles_nothing(shop, left):
    factories.product(shop, "PEN")
    new = visitor(shop)
    for sku, quantity in (("MUG", 5), ("LAMP", 1), ("PEN", 3)):
        new.add(sku, quantity)
    outcome = restore(new, left)
    assert holding(new.cart) == {"MUG": 5, "LAMP": 1, "PEN": 3, "CLOCK": 2}
    assert fates(outcome) == {"MUG": (Fate.KEPT, 5), "LAMP": (Fate.KEPT, 1), "CLOCK": (Fate.ADDED, 2)}


def test_pressing_twice_changes_nothing_more(shop, left):
    new = visitor(shop)
    restore(new, left)
    before = (new.cart.version, CartEvent.objects.count())
    outcome = restore(new, left)
    assert (new.cart.version, CartEvent.objects.count()) == before
    assert {fate for fate, _quantity in fates(outcome).values()} == {Fate.KEPT}


def test_on_the_same_device_there_is_nothing_to_bring(shop, left):
    left.at = LATER
    before = left.cart.version
    assert restore(left, left).cart.id == left.cart.pk
    assert (left.cart.version, left.cart.restored_from_id, Cart.objects.count()) == (before, None, 1)


def test_stock_is_clamped_and_what_is_gone_left_out(shop, left):
    Variant.objects.filter(sku="CLOCK").update(stock=1)
    Variant.objects.filter(sku="LAMP").update(stock=0)
    Product.objects.filter(slug="mug").update(is_active=False)
    new = visitor(shop)
    outcome = restore(new, left)
    assert fates(outcome) == {"MUG": (Fate.GONE, 0), "LAMP": (Fate.SOLD_OUT, 0), "CLOCK": (Fate.FEWER, 1)}
    assert holding(new.cart) == {"CLOCK": 1}
    assert order(new, factories.customer(shop)).lines.get().quantity == 1


def test_where_nothing_can_be_had_no_cart_is_made(shop, left):
    Variant.objects.update(stock=0)
    outcome = restore(visitor(shop), left)
    assert outcome.cart is None
    assert len(outcome.report) == 3
    assert Cart.objects.count() == 1


def test_prices_are_todays_and_the_report_tells_both(shop, left):
    Price.objects.filter(variant__sku="MUG", currency="EUR").update(price_micros=15_000_000)
    Price.objects.filter(variant__sku="LAMP", currency="EUR").update(price_micros=70_000_000)
    new = visitor(shop)
    told = {item.sku: item for item in restore(new, left).report}
    assert new.cart.products_minor == 2 * 1500 + 7000 + 2 * 4990
    assert (told["MUG"].then_micros, told["MUG"].price_micros, told["MUG"].has_risen) == (12_500_000, 15_000_000, True)
    assert told["LAMP"].has_fallen
    assert (told["CLOCK"].has_risen, told["CLOCK"].has_fallen) == (False, False)


def test_the_new_cart_has_the_currency_of_the_old_one(shop):
    left = Shopper(shop)
    left.add("MUG", currency="CHF")
    new = visitor(shop)
    restore(new, left)
    assert new.cart.currency == "CHF"


def test_a_cart_in_hand_keeps_its_currency(shop, left):
    new = visitor(shop)
    new.add("LAMP", currency="CHF")
    told = {item.sku: item for item in restore(new, left).report}
    assert (new.cart.currency, new.cart.line_count) == ("CHF", 3)
    assert told["MUG"].then_micros is None  # prices of two currencies are not compared


def test_gifts_come_with_their_voucher_or_not_at_all(shop, left):
    pen = factories.product(shop, "PEN")
    vouchers.create(shop_id=shop.pk, kind=Kind.GIFT, gift_variant_id=pen.pk, code="GIFT", now=NOON)
    left.do(changes.ApplyVoucher, code="GIFT")
    new = visitor(shop)
    restore(new, left)
    assert "gift:PEN" in holding(left.cart)
    assert holding(new.cart) == {"MUG": 2, "LAMP": 1, "CLOCK": 2}


def test_a_cart_holds_no_more_than_200_products_all_the_same(shop, left):
    new = visitor(shop)
    cart = new.add("LAMP").id
    CartLine.objects.bulk_create(
        CartLine(cart_id=cart, shop=shop, key=f"X{number}", sku=f"X{number}", name="X", position=number + 2,
                 unit_price_micros=1_000_000, quantity=1, added_at=NOON)
        for number in range(198)
    )  # fmt: skip
    outcome = restore(new, left)
    assert fates(outcome) == {"MUG": (Fate.ADDED, 2), "LAMP": (Fate.KEPT, 1), "CLOCK": (Fate.NO_ROOM, 0)}
    assert new.cart.line_count == 200


def test_many_products_at_once_make_nobody_a_bot(shop):
    left, new = Shopper(shop), visitor(shop)
    for number in range(8):
        factories.product(shop, f"P{number}")
        left.wait(minutes=1).add(f"P{number}")
    restore(new, left)
    new.add("MUG")
    assert (new.cart.line_count, new.cart.bot_score) == (9, 0)
    # the guard: as many lines put in by calls are a hurry
    hurried = visitor(shop)
    for number in range(8):
        hurried.add(f"P{number}")
    assert hurried.cart.bot_score > 0


@pytest.mark.parametrize("which", ["foreign", "deleted", "missing"])
def test_what_is_no_cart_of_the_shop_is_refused(shop, left, which):
    source = left.cart.pk
    if which == "foreign":
        other = Shopper(factories.shop())
        source = other.add("MUG").id
    elif which == "deleted":
        Cart.objects.filter(pk=source).update(deleted_at=NOON)
    else:
        source = 10**9
    new = visitor(shop)
    with pytest.raises(CartClosed):
        ingest.record(new.change(changes.Restore, source_id=source))
    assert browsing.preview(shop.pk, source, "", voucher_id=None, language="en", now=LATER) is None


# -- the log ---------------------------------------------------------------------------------------


def test_the_log_tells_it_and_gives_the_cart_as_it_was(shop, left):
    new = visitor(shop)
    new.add("MUG", 1)
    restore(new, left)
    event = new.cart.events.last()
    assert (event.kind, event.data["from"]) == ("restored", left.cart.pk)
    past = timeline.fold(new.cart.events.all())
    assert {line.key: line.quantity for line in past.lines} == holding(new.cart)
    assert past.total_minor == new.cart.total_minor
    said = timeline.sentence(event)
    assert f"brought back the products of cart #{left.cart.pk}" in said.replace("\u2068", "").replace("\u2069", "")


# -- the order -------------------------------------------------------------------------------------


def test_an_order_takes_the_ghost_along_that_it_was_restored_from(shop, left):
    new = visitor(shop)
    restore(new, left)
    order(new, factories.customer(shop))
    source = left.cart
    assert (source.merged_into_id, source.merged_at, source.status(LATER)) == (new.cart.pk, LATER, Status.MERGED)
    assert "was ordered with cart" in timeline.sentence(source.events.last())
    assert holding(source) == {"MUG": 2, "LAMP": 1, "CLOCK": 2}


def test_all_ghosts_of_a_chain_go_along_even_in_a_circle(shop, left):
    second, third = visitor(shop), visitor(shop)
    restore(second, left)
    restore(third, second)
    Cart.objects.filter(pk=left.cart.pk).update(restored_from=third.cart)
    order(third, factories.customer(shop))
    assert {left.cart.merged_into_id, second.cart.merged_into_id} == {third.cart.pk}
    assert third.cart.merged_into_id is None


def test_a_source_that_was_ordered_or_merged_stays_what_it_is(shop, left):
    new, ada = visitor(shop), factories.customer(shop)
    restore(new, left)
    Variant.objects.update(stock=100)
    first = order(left, ada)
    order(new, ada)
    assert (left.cart.order_number, left.cart.merged_at) == (first.number, None)


def test_an_order_that_fails_leaves_the_source_alone(shop, left):
    new = visitor(shop)
    restore(new, left)
    Variant.objects.update(stock=0)
    with pytest.raises(SoldOut):
        order(new, factories.customer(shop))
    assert left.cart.merged_at is None


@threads
def test_ordering_and_filling_the_source_at_once_hang_nobody():
    """Both carts are locked in one order: no circle, no lost change."""
    shop = factories.shop()
    factories.product(shop, "PEN", stock=10_000)
    ada = factories.customer(shop)
    for _ in range(5):
        left, new = Shopper(shop), visitor(shop)
        left.add("MUG")
        restore(new, left)

        def fill(new=new, left=left):
            """A batch that holds both carts, as the grouped writer makes them."""
            return ingest.record_all([one.change(changes.AddLine, sku="PEN") for one in (new, left)])

        results = together([lambda new=new: order(new, ada), fill, fill])
        assert not [one for one in results if isinstance(one, Exception)], results
        assert Cart.objects.get(restored_from__isnull=False, ordered_at__isnull=False, order_number=results[0].number)


@threads
def test_pressed_in_five_tabs_at_once_it_comes_once():
    shop = factories.shop()
    for _ in range(5):
        left, new = Shopper(shop), visitor(shop)
        left.add("MUG", 2)
        left.add("LAMP")
        results = together([lambda new=new, left=left: restore(new, left)] * 5)
        assert not [one for one in results if isinstance(one, Exception)], results
        assert holding(new.cart) == {"MUG": 2, "LAMP": 1}
        assert new.cart.events.filter(kind="restored").count() == 1


@threads
def test_what_is_added_while_it_comes_back_is_there_too():
    shop = factories.shop()
    factories.product(shop, "PEN")
    for _ in range(5):
        left, new = Shopper(shop), visitor(shop)
        left.add("MUG", 2)
        left.add("LAMP")
        adding = [lambda new=new: new.add("PEN"), lambda new=new: new.add("PEN")]
        results = together([lambda new=new, left=left: restore(new, left), *adding])
        assert not [one for one in results if isinstance(one, Exception)], results
        assert holding(new.cart) == {"MUG": 2, "LAMP": 1, "PEN": 2}


# -- looking before --------------------------------------------------------------------------------


def preview(shop, source, shopper=None, **more):
    asked = {"voucher_id": None, "language": "en", "now": LATER} | more
    return browsing.preview(shop.pk, source.cart.pk, shopper.seen.token_hash if shopper else "", **asked)


def test_the_preview_is_what_the_restore_makes_and_stores_nothing(shop, left):
    new = visitor(shop)
    new.add("MUG", 5)
    Variant.objects.filter(sku="CLOCK").update(stock=1)
    before = (Device.objects.count(), CartEvent.objects.count(), new.cart.version)
    seen = preview(shop, left, new)
    assert (Device.objects.count(), CartEvent.objects.count(), new.cart.version) == before
    outcome = restore(new, left)
    assert [(i.sku, i.fate, i.quantity, i.price_micros) for i in seen.items] == [
        (i.sku, i.fate, i.quantity, i.price_micros) for i in outcome.report
    ]
    assert seen.cart.totals == outcome.cart.totals


def test_the_preview_speaks_the_language_of_the_mail(shop, left):
    assert [item.name for item in preview(shop, left, language="de").items] == ["Mug (de)", "Lamp (de)", "Clock (de)"]


def test_the_preview_counts_the_voucher_or_says_why_not(shop, left):
    good = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="TEN", now=NOON)
    seen = preview(shop, left, voucher_id=good.pk)
    assert (seen.refusal, seen.cart.totals.discount_minor) == (None, 2048)
    Voucher.objects.filter(pk=good.pk).update(valid_until=LATER)
    seen = preview(shop, left, voucher_id=good.pk)
    assert (seen.refusal, seen.cart.totals.discount_minor) == (Refusal.EXPIRED, 0)
    dear = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="DEAR", now=NOON,
                           minimum_minor=10_000_000, currency="EUR")  # fmt: skip
    assert preview(shop, left, voucher_id=dear.pk).refusal == Refusal.BELOW_MINIMUM
    assert preview(shop, left, voucher_id=10**9).voucher is None


# -- the hot path ----------------------------------------------------------------------------------


def test_other_changes_ask_for_no_other_cart(shop, left, monkeypatch):
    """Only a restore and an order look for a second cart: adding a line costs what it did."""
    asked = []
    monkeypatch.setattr(storage, "sources", lambda numbers: asked.append(numbers) or set())
    left.add("LAMP")
    left.do(changes.SetQuantity, key="LAMP", quantity=5)
    assert asked == []
    order(left, factories.customer(shop))
    assert asked
