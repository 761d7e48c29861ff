"""Which order followed which reminder: graded by evidence, written once, taken back when the order is."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from msgspec import structs

from ghostcart.carts import changes
from ghostcart.carts import intake as cart_intake
from ghostcart.carts.models import Cart
from ghostcart.catalog.models import Price
from ghostcart.customers import identity
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.models import Customer
from ghostcart.mail.models import By, EventKind
from ghostcart.orders import intake as order_intake
from ghostcart.orders import services as orders
from ghostcart.recovery import ledger
from ghostcart.recovery.models import Grade, LedgerLine, VoucherGrant
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories, outside
from tests.factories import NOON, Shopper
from tests.races import order, together
from tests.recovery import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def left(shop, ada):
    """Ada left two mugs and a lamp."""
    shopper = Shopper(shop)
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    return shopper


@pytest.fixture
def reminder(shop, ada, left):
    return cast.sent(cast.enrol(cast.campaign(shop), ada, cart=left.cart), NOON + DAY)


def buys(shopper, customer, days=2):
    shopper.at = NOON + days * DAY
    return order(shopper, customer)


def line_after(days=3):
    ledger.write(NOON + days * DAY)
    return LedgerLine.objects.get()


def test_who_came_by_the_link_and_bought_that_cart(ada, left, reminder):
    cast.happened(reminder, EventKind.RESTORED)
    placed = buys(left, ada)
    line = line_after()
    assert (line.grade, line.order, line.reminder) == (Grade.LINK, placed, reminder)
    assert (line.amount_minor, line.currency, line.at) == (placed.products_minor, "EUR", placed.placed_at)


def test_a_copy_of_the_cart_on_another_device_counts_alike(shop, ada, left, reminder):
    cast.happened(reminder, EventKind.RESTORED)
    elsewhere = Shopper(shop)
    elsewhere.add("MUG", 2)
    type(left.cart).objects.filter(pk=elsewhere.cart.pk).update(restored_from=left.cart)
    buys(elsewhere, ada)
    assert line_after().grade == Grade.LINK


def test_a_scanners_click_is_no_evidence(ada, left, reminder):
    cast.happened(reminder, EventKind.CLICKED, by=By.MACHINE)
    buys(left, ada)
    assert line_after().grade == Grade.ITEMS


def test_our_voucher_was_used(shop, ada, left, reminder):
    reminder.voucher = vouchers.create(
        shop_id=shop.pk, code="BACK", now=NOON, kind=Kind.PERCENT, percent_bp=1000, customer_id=ada.pk
    )
    reminder.save()
    left.do(changes.ApplyVoucher, code="BACK")
    placed = buys(left, ada)
    line = line_after()
    assert (line.grade, line.voucher_minor) == (Grade.VOUCHER, 1050)
    assert line.amount_minor == placed.products_minor - 1050


def test_the_cost_of_our_voucher_is_told_whichever_evidence_is_stronger_and_of_no_other_voucher(
    shop, ada, left, reminder
):
    values = {"shop_id": shop.pk, "now": NOON, "kind": Kind.PERCENT, "combinable": True}
    reminder.voucher = vouchers.create(code="BACK", percent_bp=1000, customer_id=ada.pk, **values)
    reminder.save()
    vouchers.create(code="SPRING", percent_bp=500, **values)
    for code in ("BACK", "SPRING"):
        left.do(changes.ApplyVoucher, code=code)
    cast.happened(reminder, EventKind.RESTORED)
    placed = buys(left, ada)
    line = line_after()
    assert (line.grade, line.voucher_minor) == (Grade.LINK, 1050)
    assert placed.discount_minor > 1050


def test_free_shipping_costs_what_it_was_reckoned_to(shop, ada, left, reminder):
    reminder.voucher = vouchers.create(shop_id=shop.pk, code="SHIP", now=NOON, kind=Kind.FREE_SHIPPING)
    reminder.save()
    given = {"voucher": reminder.voucher, "cost_minor": 490, "currency": "EUR", "day": NOON.date(), "at": NOON}
    VoucherGrant.objects.create(shop=shop, campaign=reminder.step.campaign, reminder=reminder, **given)
    left.do(changes.ApplyVoucher, code="SHIP")
    buys(left, ada)
    assert line_after().voucher_minor == 490


def test_other_things_bought_are_a_coincidence(shop, ada, left, reminder):
    other = Shopper(shop)
    other.add("CLOCK")
    buys(other, ada)
    assert line_after().grade == Grade.COINCIDENCE


def test_bought_before_the_mail_went_out_is_a_coincidence(shop, ada, left):
    """The one that others count as recovered: an order by the same address, and no mail at all."""
    cast.enrol(cast.campaign(shop), ada, cart=left.cart)
    buys(left, ada)
    line = line_after()
    assert (line.grade, line.reminder) == (Grade.COINCIDENCE, None)


def test_a_mail_of_two_months_ago_brought_nothing(ada, left, reminder):
    buys(left, ada, days=62)
    assert line_after(days=63).grade == Grade.COINCIDENCE


def test_the_held_out_and_strangers_are_in_no_ledger(shop, ada, left):
    cast.enrol(cast.campaign(shop), ada, cart=left.cart, arm="held_out")
    buys(left, ada)
    stranger = factories.customer(shop, "bob@example.com")
    other = Shopper(shop)
    other.add("MUG")
    buys(other, stranger)
    ledger.write(NOON + 3 * DAY)
    assert not LedgerLine.objects.exists()


def test_written_once_however_often_it_is_run(ada, left, reminder):
    buys(left, ada)
    for hours in (0, 0, 1, 30):
        ledger.write(NOON + 2 * DAY + timedelta(hours=hours))
    assert LedgerLine.objects.count() == 1


def test_an_order_committed_a_little_late_is_not_missed(ada, left, reminder):
    ledger.write(NOON + 2 * DAY + timedelta(minutes=5))
    buys(left, ada)  # carries an earlier moment than that round
    ledger.write(NOON + 2 * DAY + timedelta(minutes=6))
    assert LedgerLine.objects.count() == 1


def test_a_clock_that_was_ahead_once_does_not_stop_it(ada, left, reminder):
    ledger.write(NOON + 3650 * DAY)
    buys(left, ada)
    ledger.write(NOON + 2 * DAY)
    ledger.write(NOON + 2 * DAY + timedelta(hours=1))
    assert LedgerLine.objects.count() == 1


@pytest.mark.parametrize(("status", "way"), [("cancelled", ["cancelled"]), ("refunded", ["paid", "refunded"])])
def test_a_cancelled_or_refunded_order_is_taken_back_on_its_own_day(ada, left, reminder, status, way):
    placed = buys(left, ada)
    line = line_after()
    for step in way:
        orders.set_status(placed, step, "staff:1", NOON + 9 * DAY)
    for _again in range(2):
        ledger.reverse(NOON + 9 * DAY)
    reversal = line.reversals.get()
    assert (reversal.amount_minor, reversal.cause, reversal.at) == (-line.amount_minor, status, NOON + 9 * DAY)
    assert LedgerLine.objects.aggregate(sum=Sum("amount_minor"))["sum"] == 0
    closed = LedgerLine.objects.filter(at__lt=NOON + 8 * DAY)
    assert closed.aggregate(sum=Sum("amount_minor"))["sum"] == line.amount_minor


def test_a_refund_in_part_takes_that_part_back_on_its_own_day(shop, ada, left, reminder):
    Price.objects.filter(currency="EUR").update(cost_micros=5_000_000)
    placed = buys(left, ada)
    line = line_after()
    orders.set_status(placed, "paid", "staff:1", NOON + 3 * DAY)
    orders.refund(placed, 2_500, seen_minor=0, now=NOON + 4 * DAY)
    for _again in range(2):
        ledger.reverse(NOON + 4 * DAY)
    orders.refund(placed, 500, seen_minor=2_500, now=NOON + 6 * DAY)
    ledger.reverse(NOON + 6 * DAY)
    parts = list(line.reversals.order_by("part").values_list("part", "amount_minor", "cause", "at"))
    assert parts == [(1, -2_500, "changed", NOON + 4 * DAY), (2, -500, "changed", NOON + 6 * DAY)]
    kept = placed.products_minor - 3_000
    assert sums() == (kept, round(line.margin_minor * kept / placed.products_minor), 0)


def test_what_stood_is_taken_back_when_the_whole_is(ada, left, reminder):
    placed = buys(left, ada)
    line = line_after()
    orders.set_status(placed, "paid", "staff:1", NOON + 3 * DAY)
    orders.refund(placed, 2_500, seen_minor=0, now=NOON + 4 * DAY)
    ledger.reverse(NOON + 4 * DAY)
    orders.set_status(placed, "refunded", "staff:1", NOON + 5 * DAY)
    for _again in range(2):
        ledger.reverse(NOON + 5 * DAY)
    assert line.reversals.get(cause="refunded").amount_minor == 2_500 - line.amount_minor
    assert sums()[0] == 0


def test_what_another_shop_cancelled_by_mistake_counts_again(shop):
    told = told_order(shop)
    for version, status, days in ((2, "cancelled", 4), (3, "paid", 5), (4, "cancelled", 6)):
        changed = structs.replace(told, version=version, status=status, settled_at=NOON + days * DAY)
        order_intake.take(shop.pk, outside.SOURCE, [changed], NOON + days * DAY)
        for _again in range(2):
            ledger.reverse(NOON + days * DAY)
        assert sums()[0] == (1_000 if status == "paid" else 0)
    line = LedgerLine.objects.get(reverses=None)
    causes = list(line.reversals.order_by("part").values_list("cause", "amount_minor"))
    assert causes == [("cancelled", -1_000), ("again", 1_000), ("cancelled", -1_000)]


def test_an_order_that_cost_nothing_is_taken_back_too(shop):
    """No money moves, but it does not count as an order any longer."""
    told = told_order(shop)
    nothing = structs.replace(told, version=2, refunded_minor=1_000)
    for version, status in ((2, "paid"), (3, "cancelled"), (4, "paid")):
        changed = structs.replace(nothing, version=version, status=status, settled_at=NOON + version * DAY)
        order_intake.take(shop.pk, outside.SOURCE, [changed], NOON + (4 + version) * DAY)
        for _again in range(2):
            ledger.reverse(NOON + (4 + version) * DAY)
    line = LedgerLine.objects.get(reverses=None)
    causes = list(line.reversals.order_by("part").values_list("cause", "amount_minor"))
    assert causes == [("changed", -1_000), ("cancelled", 0), ("again", 0)]


@pytest.mark.django_db(transaction=True)
def test_workers_that_meet_at_one_refund_take_it_back_once(ada, left, reminder):
    placed = buys(left, ada)
    line = line_after()
    orders.set_status(placed, "paid", "staff:1", NOON + 3 * DAY)
    orders.refund(placed, 2_500, seen_minor=0, now=NOON + 4 * DAY)
    results = together([lambda: ledger.reverse(NOON + 4 * DAY)] * 6)
    assert results == [False] * 6
    assert (line.reversals.count(), sums()[0]) == (1, line.amount_minor - 2_500)


def test_what_was_reckoned_before_another_wrote_is_not_let_in(ada, left, reminder):
    """The guard of the test above: without the lock of the line, the table still refuses."""
    placed = buys(left, ada)
    line = line_after()
    orders.set_status(placed, "cancelled", "staff:1", NOON + 4 * DAY)
    ledger.reverse(NOON + 4 * DAY)
    again = line.reversals.get()
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)
    assert sums()[0] == 0


def sums():
    """What the ledger comes to: amounts, margins, vouchers."""
    found = LedgerLine.objects.aggregate(*(Sum(name) for name in ("amount_minor", "margin_minor", "voucher_minor")))
    return tuple(found.values())


def test_margin_is_known_when_every_cost_is(shop, ada, left, reminder):
    Price.objects.filter(currency="EUR").update(cost_micros=5_000_000)
    buys(left, ada)
    # (25.00 + 80.00) / 1.21 = 20.66 + 66.12, less three pieces at 5.00
    assert line_after().margin_minor == 2066 + 6612 - 1500


def test_margin_is_unknown_when_a_cost_is(ada, left, reminder):
    buys(left, ada)
    assert line_after().margin_minor is None


def told_order(shop):
    """An order of ten euros two days after Ada left a cart in another shop, told four days late; with its line."""
    customer_intake.take(shop.pk, outside.SOURCE, [outside.customer("7")], NOON)
    identity.catch_up(NOON)
    cart_intake.take(shop.pk, outside.SOURCE, [outside.cart("1", outside.line("mug"), customer="7")], NOON)
    enrolment = cast.enrol(cast.campaign(shop), Customer.objects.get(), cart=Cart.objects.get())
    cast.sent(enrolment, NOON + DAY)
    ledger.write(NOON + 5 * DAY)
    told = outside.order("9", "1", outside.line("mug"), customer="7", placed_at=NOON + 2 * DAY, status="paid")
    order_intake.take(shop.pk, outside.SOURCE, [told], NOON + 6 * DAY)
    ledger.write(NOON + 6 * DAY)
    return told


def test_an_order_that_another_shop_tells_late_is_graded_too(shop):
    """Its database was away while the rounds went on: the order lies behind them when it is told."""
    told = told_order(shop)
    assert LedgerLine.objects.get().at == NOON + 2 * DAY
    refunded = structs.replace(told, version=2, status="refunded", settled_at=NOON + 3 * DAY)
    order_intake.take(shop.pk, outside.SOURCE, [refunded], NOON + 8 * DAY)
    ledger.reverse(NOON + 7 * DAY)
    ledger.reverse(NOON + 8 * DAY)
    assert LedgerLine.objects.filter(reverses__isnull=False).count() == 1
