"""What staff send themselves goes the same way, and says at once why it will not."""

import pytest

from ghostcart.mail import suppression
from ghostcart.mail.models import Message
from ghostcart.recovery import by_hand
from ghostcart.recovery.errors import CannotBeSent
from ghostcart.recovery.models import Campaign, Decision, Enrolment, Kind
from tests.factories import NOON, Shopper
from tests.races import order
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, leaving, left, worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return following.shop()


def send(shop, at=NOON, **what):
    return by_hand.send(shop, actor="staff:7", now=at, **what)


def refusal(shop, **what):
    with pytest.raises(CannotBeSent) as refused:
        send(shop, **what)
    by_hand_due = Message.objects.filter(state="due", reminder__enrolment__campaign__kind=Kind.MANUAL)
    assert not by_hand_due.exists()
    return refused.value.reason


def test_it_works(shop):
    cart = left(shop)
    send(shop, cart=cart, text={"subject": "Hello Ada", "body": "Shall we help?"})
    pile = worker(NOON)
    assert [letter.mail.subject for letter in pile.letters] == ["Hello Ada"]
    assert Decision.objects.filter(verdict="enrolled").get().actor == "staff:7"
    assert Campaign.objects.get().kind == Kind.MANUAL


def test_to_a_customer_without_a_cart(shop):
    send(shop, customer=following.customer(shop, "ada@example.com"))
    assert worker(NOON).recipients() == ["ada@example.com"]


def test_it_takes_no_voice_and_stops_no_campaign(shop):
    following.campaign(shop)
    cart = left(shop, at=NOON + HOUR)
    worker(NOON + 26 * HOUR)
    send(shop, NOON + 27 * HOUR, cart=cart)
    assert len(worker(NOON + 27 * HOUR).letters) == 1
    assert Enrolment.objects.filter(ended_at=None).count() == 1


def test_a_held_out_person_gets_nothing_by_any_path(shop):
    following.campaign(shop, holdout_bp=9000)
    other = following.campaign(shop)
    carts = [left(shop, f"p{number}@example.com", NOON + HOUR) for number in range(10)]
    pile = worker(NOON + 26 * HOUR)
    held = [cart for cart in carts if Enrolment.objects.filter(cart=cart, arm="held_out").exists()]
    assert held
    for cart in held:
        assert refusal(shop, at=NOON + 27 * HOUR, cart=cart) == "held_out"
        assert refusal(shop, at=NOON + 27 * HOUR, customer=cart.customer) == "held_out"
        assert not Enrolment.objects.filter(campaign=other, cart=cart).exists()
    worker(NOON + 9 * DAY, pile)
    assert not {cart.customer.email for cart in held} & set(pile.recipients())


def test_nor_who_is_going_to_be_held_out(shop):
    following.campaign(shop, holdout_bp=9000)
    carts = [left(shop, f"p{number}@example.com", NOON + HOUR) for number in range(10)]
    refused = []
    for cart in carts:
        try:
            send(shop, NOON + 2 * HOUR, cart=cart)
        except CannotBeSent:
            refused.append(cart.pk)
    worker(NOON + 26 * HOUR)
    held = Enrolment.objects.filter(arm="held_out").values_list("cart_id", flat=True)
    assert sorted(refused) == sorted(held)


def test_nobody_who_must_not_be_written_to(shop):
    assert refusal(shop, cart=left(shop, "no@example.com", consent=None)) == "no_consent"
    cart = left(shop)
    suppression.suppress(shop.pk, "ada@example.com", reason="unsubscribed", source="link", now=NOON)
    assert refusal(shop, cart=cart) == "unsubscribed"


def test_not_about_what_was_ordered_or_to_a_visitor(shop):
    shopper = leaving(shop)
    cart = shopper.cart
    order(shopper, cart.customer)
    assert refusal(shop, cart=cart) == "ordered"
    visitor = Shopper(shop)
    visitor.add()
    assert refusal(shop, cart=visitor.cart) == "visitor"


def test_the_cap_holds_for_staff_too(shop):
    cart = left(shop)
    for _ in range(3):
        send(shop, cart=cart)
        worker(NOON)
    assert refusal(shop, cart=cart) == "cap"
