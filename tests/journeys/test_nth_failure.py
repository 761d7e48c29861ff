"""The database fails once, at each statement in turn, of all that shoppers, staff, connectors and workers do: what is
done in one transaction is done or not, and whoever tries again gets what they would have got at once.

GHOSTCART_LONG=1: of a worker's round each statement, not every fifth.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.apps import apps
from django.db import OperationalError, connection
from django.test import Client

from ghostcart.carts import changes, ingest
from ghostcart.carts import services as carts
from ghostcart.carts.merging import merge_at_sign_in
from ghostcart.customers import services as customers
from ghostcart.lib import clock, sql
from ghostcart.mail import suppression
from ghostcart.mail.models import Message, Purpose, State
from ghostcart.orders.intake import take_all
from ghostcart.orders.services import Payment, place, set_status
from ghostcart.recovery import privacy, scan
from ghostcart.recovery.models import Campaign, CampaignState
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories, outside
from tests.factories import ADDRESS, NOON, Shopper
from tests.mail.letters import A_PERSON, letter
from tests.recovery import following

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 400
"""Statements of the longest of these flows, and more."""
LATER = NOON + timedelta(hours=2)


@contextmanager
def failing_at(number: int):
    """The database refuses statement `number`, whoever asks; gives how many were asked."""
    asked = itertools.count(1)
    count = [0]
    through = sql._prepared

    def ask() -> None:
        count[0] = next(asked)
        if count[0] == number:
            raise OperationalError("the disk is gone")

    def by_django(execute, *what):
        ask()
        return execute(*what)

    def by_hand(*what):
        ask()
        return through(*what)

    with patch.object(sql, "_prepared", by_hand), connection.execute_wrapper(by_django):
        yield count


# -- what people do: each makes what it needs, and gives the act itself -------------------------------


def add_to_a_cart(shop) -> Callable[[], object]:
    shopper = Shopper(shop)
    shopper.add("LAMP")
    key = changes.Idempotency("once", "hash")
    return lambda: ingest.record(shopper.change(changes.AddLine, sku="MUG", idempotency=key), lambda *_: "{}")


def order(shop) -> Callable[[], object]:
    shopper, ada = Shopper(shop), factories.customer(shop)
    code = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, now=NOON).code
    shopper.add("MUG", 2)
    shopper.do(changes.ApplyVoucher, code=code)
    return lambda: place(
        shopper.change(changes.Touch), customer=ada, address=ADDRESS, payment=Payment("transfer"),
        shipping_method="standard",
    )  # fmt: skip


def delete_carts(shop) -> Callable[[], object]:
    numbers = []
    for sku in ("MUG", "LAMP"):
        numbers.append(Shopper(shop).add(sku).id)
    return lambda: carts.delete(numbers, "staff:1", LATER)


def press(shop, purpose: Purpose, **body: str) -> Callable[[], object]:
    ada, left = factories.customer(shop), Shopper(shop, at=clock.now())
    left.add("MUG")
    path = letter(shop, ada, cart=left.cart, at=clock.now()).path(purpose)

    def press_it() -> None:
        client = Client(headers={"User-Agent": A_PERSON}, raise_request_exception=False)
        status = client.post(path, body).status_code
        if status >= 500:
            raise OperationalError(f"the page said {status}")

    return press_it


def sign_in_with_two_carts(shop) -> Callable[[], object]:
    ada, saved, second = factories.customer(shop), Shopper(shop), Shopper(shop)
    saved.add("MUG")
    second.add("LAMP")
    merge_at_sign_in(shop_id=shop.pk, token=saved.token, customer=ada, now=NOON)
    return lambda: merge_at_sign_in(shop_id=shop.pk, token=second.token, customer=ada, now=NOON)


def call_an_order_off(shop) -> Callable[[], object]:
    placed = order(shop)()
    return lambda: set_status(placed, "cancelled", "staff:1", NOON)


def bring_a_cart_back(shop) -> Callable[[], object]:
    return press(shop, Purpose.RESTORE)


def unsubscribe(shop) -> Callable[[], object]:
    return press(shop, Purpose.STOP, **{"List-Unsubscribe": "One-Click"})


def put_an_address_on_the_list(shop) -> Callable[[], object]:
    letter(shop, factories.customer(shop))
    return lambda: suppression.suppress(shop.pk, "ada@example.com", reason="staff", source="x", now=LATER)


def forget_a_person(shop) -> Callable[[], object]:
    ada, shopper = factories.customer(shop), Shopper(shop)
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    letter(shop, ada, cart=shopper.cart)
    return lambda: privacy.erase(ada, "staff:1", LATER)


def tell_of_carts_and_orders(shop) -> Callable[[], object]:
    mug, lamp = outside.line("mug"), outside.line("lamp", 2)
    told = [outside.cart("1", mug), outside.cart("2", lamp), outside.cart("3", mug, lamp)]
    return lambda: take_all(shop.pk, outside.SOURCE, told, [outside.order("9", "1", mug)], LATER)


def give_consent(shop) -> Callable[[], object]:
    return lambda: customers.identify(shop.pk, email="ada@example.com", consent=following.YES, now=NOON)


def only_campaign(shop) -> Campaign:
    Campaign.objects.update(state=CampaignState.ENDED)
    return following.campaign(shop)


def take_in_who_left_a_cart(shop) -> Callable[[], object]:
    only_campaign(shop)
    following.left(shop, "ada@example.com")
    following.left(shop, "bob@example.com")
    return lambda: scan.enrol(LATER)


FLOWS = (
    add_to_a_cart, order, call_an_order_off, sign_in_with_two_carts, delete_carts, bring_a_cart_back, unsubscribe,
    put_an_address_on_the_list, forget_a_person, tell_of_carts_and_orders, give_consent, take_in_who_left_a_cart,
)  # fmt: skip
IN_STEPS = (sign_in_with_two_carts, unsubscribe, tell_of_carts_and_orders)
"""Of several transactions, each whole: after a failure the first may be done. Trying again does the rest."""


def rows(shop) -> dict[str, list[str]]:
    """Every row that belongs to a shop, by model."""
    return {
        model.__name__: sorted(map(str, model.objects.filter(shop=shop).values_list()))
        for model in apps.get_models()
        if any(one.name == "shop" for one in model._meta.get_fields())
    }


def sizes(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, int]:
    """How many rows each table gained."""
    return {table: len(rows) - len(before[table]) for table, rows in after.items() if len(rows) != len(before[table])}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_a_failure_at_any_step_leaves_nothing_half_done(flow):
    shop = following.shop()
    act = flow(shop)
    before = rows(shop)
    act()
    whole = sizes(before, rows(shop))
    for number in range(1, MOST):
        shop = following.shop()
        act = flow(shop)
        before = rows(shop)
        with failing_at(number) as asked:
            try:
                act()
            except OperationalError:
                failed = True
            else:
                failed = False
        if failed:
            assert flow in IN_STEPS or rows(shop) == before, f"statement {number}"
            act()
        assert sizes(before, rows(shop)) == whole, f"statement {number}"
        if asked[0] < number:
            break
    print(f"\n{flow.__name__.replace('_', ' ')}: {number - 1} failures, 0 half done")
    assert 1 < number < MOST - 1


def test_without_a_transaction_it_would():
    """The guard of the test above: the same carts, one after the other."""
    halves, number = 0, 0
    while True:
        number += 1
        shop = following.shop()
        numbers = [Shopper(shop).add(sku).id for sku in ("MUG", "LAMP")]
        before = rows(shop)
        with failing_at(number) as asked, suppress(OperationalError):
            for one in numbers:
                carts.delete([one], "staff:1", LATER)
        if asked[0] < number:
            break
        halves += rows(shop) != before
    print(f"\n{number - 1} failures, {halves} left something half done", end="")
    assert halves > 0


def test_a_failure_at_any_step_of_a_worker_sends_nothing_twice_and_forgets_nothing():
    """A mail is handed over between two transactions: what fails behind it leaves it in doubt, and it is told so."""
    in_doubt = 0
    for number in range(1, MOST, 1 if os.environ.get("GHOSTCART_LONG") == "1" else 5):
        shop, pile = following.shop(), following.Pile()
        following.plain_steps(only_campaign(shop), 60)
        following.left(shop, "ada@example.com")
        with failing_at(number) as asked:
            try:
                following.worker(LATER, pile)
            except OperationalError:
                connection.close()
        for minutes in (5, 30, 60):
            following.worker(LATER + timedelta(minutes=minutes), pile)
        message = Message.objects.get(shop=shop)
        sent = pile.recipients()
        assert len(sent) <= 1, f"statement {number}"
        assert message.state in ({State.SENT, State.IN_DOUBT} if sent else {State.IN_DOUBT}), f"statement {number}"
        in_doubt += message.state == State.IN_DOUBT
        if asked[0] < number:
            break
    print(f"\nat one of {number - 1} statements: 0 sent twice, 0 forgotten, {in_doubt} in doubt and told so")
    assert 1 < number < MOST - 1
