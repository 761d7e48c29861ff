"""Vouchers of campaigns in another shop: there before their mail goes out, once, and gone when nobody used them."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db.models import F

from ghostcart.carts import intake as carts
from ghostcart.carts.models import Cart
from ghostcart.carts.snapshots import Sums, VoucherSnapshot
from ghostcart.catalog import intake as catalog
from ghostcart.config import work
from ghostcart.connectors import errors, vouchers
from ghostcart.connectors.models import Connection, Kind, Made, PushedVoucher
from ghostcart.connectors.vouchers import Fate, Way
from ghostcart.customers import identity
from ghostcart.customers import intake as customers
from ghostcart.customers.models import Customer
from ghostcart.customers.services import Consented
from ghostcart.mail import outbox
from ghostcart.mail.models import Message, State
from ghostcart.orders import intake as orders
from ghostcart.recovery import campaigns, grants, ledger, scan, tidying
from ghostcart.recovery.errors import NotReady
from ghostcart.recovery.models import Decision, Grade, LedgerLine, Step, VoucherGrant
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from tests import outside
from tests.factories import NOON
from tests.mail import post
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, Pile, why

pytestmark = pytest.mark.django_db
SOURCE = Kind.PRESTASHOP.value
SECOND = NOON + 4 * DAY
"""When the second mail, with its voucher, is surely due."""


class Shelf:
    """A shop as `vouchers` sees it: what was made, how often it was asked, and what it says no to."""

    def __init__(self):
        self.codes, self.used, self.opened, self.fails, self.dies_after_making = {}, set(), 0, None, False
        self.wishes = []

    @contextmanager
    def open(self, connection):
        assert not database.in_atomic_block or len(database.atomic_blocks) == 1  # the test's own
        self.opened += 1
        if self.fails:
            raise self.fails
        yield self

    def find(self, wish):
        return self.codes.get(wish.code, "")

    def make(self, wish):
        self.wishes.append(wish)
        if isinstance(self.fails, errors.ShopTrouble):
            raise self.fails
        self.codes[wish.code] = str(len(self.wishes))
        if self.dies_after_making:
            raise KeyboardInterrupt
        return self.codes[wish.code]

    def take_away(self, outside_id, code):
        if code in self.used:
            return Fate.USED
        self.codes.pop(code, None)
        return Fate.REMOVED


@pytest.fixture
def shelf(monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(work, "open_desk", shelf.open)
    return shelf


@pytest.fixture
def attached():
    """A shop elsewhere, with Ada's cart of two mugs."""
    shop = following.shop(time_zone="Europe/Rome", languages=["en", "it"])
    made = Connection.objects.create(
        shop=shop, kind=Kind.PRESTASHOP, address="mysql://shop@db/shop", created_at=NOON, options={"shop_id": 1}
    )
    vouchers.choose(made, Way.DATABASE)
    shop.refresh_from_db()
    catalog.take(shop.pk, SOURCE, [outside.product("1", 30)])
    yes = Consented(is_given=True, text="Yes.", text_version="1")
    customers.take(shop.pk, SOURCE, [outside.customer("7", consent=yes)], NOON)
    return made


@pytest.fixture
def campaign(attached):
    return following.campaign(attached.shop)


def cart_left(shop, at=NOON + HOUR, **more):
    told = outside.cart("3", outside.line("1", 2, 30), customer="7", at=at, created_at=at, **more)
    carts.take(shop.pk, SOURCE, [told], at)
    return Cart.objects.get(shop=shop, external_id="3")


def worker(now, pile=None):
    """All that a worker does at one moment, vouchers in the shop included."""
    pile = pile or Pile()
    while identity.catch_up(now):
        pass
    while scan.enrol(now):
        pass
    outbox.recover(now)
    more = {"decide": work.DECIDE, "prepare": work.PREPARE, "transport": pile, "write": post.write}
    while outbox.send_due(lambda: now, worker="w", **more):
        pass
    tidying.tidy(now)
    return pile


def two_mails(shop, pile=None):
    """The first mail goes out, and the one with the voucher."""
    cart_left(shop)
    worker(NOON + 26 * HOUR)
    return worker(SECOND, pile)


def message(position=2):
    return Message.objects.get(reminder__step__position=position)


# -- made at send time -------------------------------------------------------------------------------


def test_the_voucher_is_in_the_shop_when_its_mail_goes_out(attached, campaign, shelf):
    seen = []

    class Looking(Pile):
        def hand_over(self, letter, commit):
            seen.append(dict(shelf.codes))
            return super().hand_over(letter, commit)

    two_mails(attached.shop, Looking())
    voucher = Voucher.objects.get()
    assert message().state == State.SENT
    assert seen == [{voucher.code: "1"}]
    wish = shelf.wishes[0]
    assert (wish.code, wish.percent_bp, wish.customer) == (voucher.code, 1000, "7")
    assert (wish.minimum_minor, wish.currency) == (3000, "EUR")
    assert (wish.ends, wish.names["it"]) == (voucher.valid_until, voucher.name("it"))
    row = PushedVoucher.objects.get()
    assert (row.state, row.outside_id, row.trouble) == (Made.MADE, "1", "")


def test_mails_without_a_voucher_do_not_ask_the_shop(attached, campaign, shelf):
    cart_left(attached.shop)
    worker(NOON + 26 * HOUR)
    assert message(1).state == State.SENT
    assert shelf.opened == 0


def test_without_the_step_between_a_mail_goes_out_whose_voucher_nobody_knows(attached, campaign, shelf, monkeypatch):
    """The guard: what the step prevents."""
    monkeypatch.setattr(work, "PREPARE", {})
    two_mails(attached.shop)
    assert message().state == State.SENT
    assert not shelf.codes


def test_our_own_shop_needs_nobody_elsewhere(shelf):
    shop = following.shop()
    following.campaign(shop)
    following.left(shop, at=NOON + HOUR, sku="LAMP")
    worker(NOON + 26 * HOUR)
    worker(SECOND)
    assert Voucher.objects.count() == 1
    assert (message().state, shelf.opened, PushedVoucher.objects.count()) == (State.SENT, 0, 0)


def test_a_guest_is_not_bound_to_the_number_of_their_last_order(attached, campaign, shelf):
    Customer.objects.update(is_guest=True)
    two_mails(attached.shop)
    assert shelf.wishes[0].customer == ""


# -- when the shop cannot take it --------------------------------------------------------------------


def test_while_the_shop_cannot_be_reached_the_mail_waits_and_then_goes_with_the_same_voucher(attached, campaign, shelf):
    shelf.fails = errors.CannotConnect(place="db:3306")
    pile = two_mails(attached.shop)
    assert pile.letters == []
    waiting = message()
    assert (waiting.state, waiting.reason, waiting.attempts) == (State.FAILED_TEMP, "voucher_waits", 1)
    assert waiting.due_at > SECOND
    row = PushedVoucher.objects.get()
    assert (row.state, row.trouble) == (Made.WANTED, "cannot_connect:db:3306")
    assert ("moved", "voucher_waits") in why(Cart.objects.get())
    code = Voucher.objects.get().code

    shelf.fails = None
    assert len(worker(waiting.due_at, pile).letters) == 1
    assert (message().state, list(shelf.codes)) == (State.SENT, [code])
    assert (Voucher.objects.count(), VoucherGrant.objects.count()) == (1, 1)
    row.refresh_from_db()
    assert (row.state, row.trouble) == (Made.MADE, "")


def test_a_shop_that_fails_is_asked_once_for_all_its_mails(attached, campaign, shelf):
    yes = Consented(is_given=True, text="Yes.", text_version="1")
    people = [outside.customer(str(n), f"p{n}@example.com", consent=yes, last_name=f"P{n}") for n in range(10, 15)]
    customers.take(attached.shop.pk, SOURCE, people, NOON)
    at = NOON + HOUR
    told = [
        outside.cart(f"c{n}", outside.line("1", 2, 30), customer=str(n), at=at, created_at=at) for n in range(10, 15)
    ]
    carts.take(attached.shop.pk, SOURCE, told, at)
    worker(NOON + 26 * HOUR)
    shelf.fails = errors.CannotConnect(place="db:3306")
    worker(SECOND)
    assert shelf.opened == 1
    assert PushedVoucher.objects.filter(trouble__startswith="cannot_connect").count() == 5


def test_a_mail_that_waited_too_long_dies_and_its_voucher_is_switched_off(attached, campaign, shelf):
    shelf.fails = errors.CannotConnect(place="db:3306")
    two_mails(attached.shop)
    now = SECOND
    while message().state == State.FAILED_TEMP:
        now = message().due_at
        worker(now)
        assert now < SECOND + 7 * DAY
    assert (message().state, message().reason) in [(State.CANCELLED, "stale"), (State.FAILED_PERM, "given_up")]
    assert now <= SECOND + 4 * DAY
    assert grants.settle(now)
    assert not Voucher.objects.get().is_active
    shelf.fails = None
    assert vouchers.take_away(now, shelf.open)
    assert PushedVoucher.objects.get().state == Made.REMOVED
    assert not vouchers.take_away(now, shelf.open)


def test_what_is_about_one_voucher_holds_only_its_mail(attached, campaign, shelf):
    shelf.fails = None
    two_mails(attached.shop)
    assert message().state == State.SENT

    class Refusing(Shelf):
        def make(self, wish):
            raise errors.NoCurrencyThere(currency="EUR")

    PushedVoucher.objects.all().delete()
    troubles = vouchers.make({Voucher.objects.get().pk: None}, SECOND, Refusing().open)
    assert list(troubles.values()) == ["no_currency_there:EUR"]


# -- once --------------------------------------------------------------------------------------------


def test_a_worker_that_died_between_the_shop_and_our_note_has_made_it_already(attached, campaign, shelf):
    shelf.dies_after_making = True
    with pytest.raises(KeyboardInterrupt):
        two_mails(attached.shop)
    assert PushedVoucher.objects.get().state == Made.WANTED
    assert len(shelf.codes) == 1

    shelf.dies_after_making = False
    pile = worker(SECOND + timedelta(minutes=10))  # its leases have ended
    assert len(pile.letters) == 1
    assert len(shelf.wishes) == 1  # found, not made again
    assert (message().state, PushedVoucher.objects.get().outside_id) == (State.SENT, "1")


def test_without_looking_first_there_would_be_two(attached, campaign, shelf, monkeypatch):
    """The guard: what looking for the code prevents."""
    monkeypatch.setattr(shelf, "find", lambda wish: "")
    shelf.dies_after_making = True
    with pytest.raises(KeyboardInterrupt):
        two_mails(attached.shop)
    shelf.dies_after_making = False
    worker(SECOND + timedelta(minutes=10))
    assert len(shelf.wishes) == 2


def test_one_worker_at_a_time_speaks_about_a_voucher(attached, campaign, shelf):
    two_mails(attached.shop)
    PushedVoucher.objects.update(state=Made.WANTED, busy_until=SECOND + vouchers.LEASE)
    number = Voucher.objects.get().pk
    assert vouchers.make({number: None}, SECOND, shelf.open) == {number: "voucher_busy"}
    assert vouchers.make({number: None}, SECOND + vouchers.LEASE, shelf.open) == {}


# -- no way ------------------------------------------------------------------------------------------


def test_without_a_way_no_campaign_with_a_voucher_can_be_started(attached, shelf):
    vouchers.choose(attached, Way.NONE)
    shop = Shop.objects.get(pk=attached.shop_id)
    made = campaigns.create(shop, "abandoned", "Ghosts", NOON)
    with pytest.raises(NotReady) as refused:
        campaigns.start(made, NOON)
    assert any("Step 2 has a voucher" in sentence for sentence in refused.value.problems)
    Step.objects.filter(campaign=made).update(voucher="none")
    campaigns.start(made, NOON)


def test_where_the_way_is_taken_away_later_the_mail_goes_without_a_voucher(attached, campaign, shelf):
    vouchers.choose(attached, Way.NONE)
    two_mails(attached.shop)
    assert (message().state, Voucher.objects.count()) == (State.SENT, 0)
    assert Decision.objects.filter(verdict="voucher", reason="no_way").exists()


# -- seen when used ----------------------------------------------------------------------------------


def test_its_use_in_an_order_there_closes_the_loop(attached, campaign, shelf):
    two_mails(attached.shop)
    voucher, at = Voucher.objects.get(), SECOND + HOUR
    told = outside.order(
        "9", "3", outside.line("1", 2, 30), customer="7", placed_at=at,
        vouchers=[VoucherSnapshot(voucher.code, "A voucher", 600)],
        sums=Sums(products_minor=6000, discount_minor=600, total_minor=5400),
    )  # fmt: skip
    orders.take(attached.shop.pk, SOURCE, [told], at)
    assert VoucherRedemption.objects.get().voucher == voucher
    ledger.write(at + HOUR)
    line = LedgerLine.objects.get()
    assert (line.grade, line.voucher_minor, line.amount_minor) == (Grade.VOUCHER, 600, 5400)
    assert grants.settle(at + HOUR)
    assert VoucherGrant.objects.get().used_minor == 600
    assert not vouchers.take_away(voucher.valid_until + DAY, shelf.open)
    assert (PushedVoucher.objects.get().state, list(shelf.codes)) == (Made.USED, [voucher.code])


# -- removed when unused -----------------------------------------------------------------------------


def test_it_is_taken_away_some_time_after_its_end(attached, campaign, shelf):
    two_mails(attached.shop)
    end = Voucher.objects.get().valid_until
    assert not vouchers.take_away(end, shelf.open)
    assert vouchers.take_away(end + vouchers.GRACE, shelf.open)
    assert not shelf.codes
    assert PushedVoucher.objects.get().removed_at == end + vouchers.GRACE


def test_it_is_taken_away_when_its_cart_was_ordered_without_it(attached, campaign, shelf):
    two_mails(attached.shop)
    at = SECOND + HOUR
    orders.take(attached.shop.pk, SOURCE, [outside.order("9", "3", outside.line("1", 2, 30), placed_at=at)], at)
    assert not vouchers.take_away(at, shelf.open)
    grants.settle(at)
    assert vouchers.take_away(at, shelf.open)
    assert not shelf.codes


def test_one_that_was_used_there_and_that_we_do_not_know_of_yet_stays(attached, campaign, shelf):
    two_mails(attached.shop)
    shelf.used = set(shelf.codes)
    assert vouchers.take_away(Voucher.objects.get().valid_until + vouchers.GRACE, shelf.open)
    assert PushedVoucher.objects.get().state == Made.USED
    assert shelf.codes


def test_taking_away_is_tried_again_ever_more_rarely_and_not_for_ever(attached, campaign, shelf):
    two_mails(attached.shop)
    shelf.fails = errors.MissingWriteRight(table="ps_cart_rule")
    now = Voucher.objects.get().valid_until + vouchers.GRACE
    tries = 0
    while vouchers.take_away(now, shelf.open):
        tries += 1
        row = PushedVoucher.objects.get()
        assert row.trouble == "missing_write_right:ps_cart_rule"
        assert not vouchers.take_away(now, shelf.open)
        now = row.due_at
    assert tries == vouchers.MOST_TRIES
    assert PushedVoucher.objects.filter(tries=F("tries"), state=Made.MADE).exists()


def test_it_is_taken_away_though_our_own_record_is_gone(attached, campaign, shelf):
    two_mails(attached.shop)
    Voucher.objects.all().delete()
    assert vouchers.take_away(SECOND, shelf.open)
    assert not shelf.codes
