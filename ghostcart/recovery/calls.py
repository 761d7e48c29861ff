"""The call list: carts worth a call today, the best first, and what came of calling."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from ghostcart.carts.models import BOT_SCORE, Cart
from ghostcart.customers import identity
from ghostcart.orders.models import Order
from ghostcart.orders.queries import VALID
from ghostcart.recovery.errors import NotCallable
from ghostcart.recovery.models import Call

WORTH_A_CALL = timedelta(days=14)
"""A cart abandoned longer ago than this is cold."""
HALF_GONE = timedelta(days=3)
"""A cart loses half of its rank in this time."""
AGAIN_AFTER = timedelta(days=1)
"""When nobody answered, the cart is back on the list after this, at most `MOST_TRIES` times."""
MOST_TRIES = 3
MOST = 500

CLOSING = (Call.Outcome.ORDERED, Call.Outcome.REACHED, Call.Outcome.NOT_INTERESTED, Call.Outcome.WRONG_NUMBER)


@dataclass(frozen=True, slots=True)
class ToCall:
    """A cart on the list. `rank` compares carts of one currency: the value in hand, halved every `HALF_GONE`."""

    cart: Cart
    phone: str
    rank: int
    tries: int
    last: Call | None


def to_call(shop_ids: Collection[int], now: datetime) -> list[ToCall]:
    """Abandoned carts of the last two weeks with a number to call, the best first; none of who has bought since."""
    carts = list(
        Cart.objects.filter(
            shop_id__in=shop_ids,
            ordered_at=None,
            merged_at=None,
            deleted_at=None,
            line_count__gt=0,
            abandon_after__gt=now - WORTH_A_CALL,
            abandon_after__lte=now,
            bot_score__lt=BOT_SCORE,
            customer__erased_at=None,
            customer__phone__gt="",
        )
        .select_related("customer", "shop")
        .prefetch_related("calls")
        .order_by("-abandon_after")[:MOST]
    )
    gone = _bought_since(carts)
    listed = [_ranked(cart, now) for cart in carts if cart.pk not in gone and _is_due(cart, now)]
    return sorted(listed, key=lambda one: (one.cart.currency != one.cart.shop.currency, -one.rank, one.cart.pk))


def _is_due(cart: Cart, now: datetime) -> bool:
    calls = sorted(cart.calls.all(), key=lambda call: call.at)
    if not calls:
        return True
    last = calls[-1]
    if last.outcome in CLOSING:
        return False
    if last.outcome == Call.Outcome.LATER:
        return (last.again_at or last.at + AGAIN_AFTER) <= now
    return len(calls) < MOST_TRIES and last.at + AGAIN_AFTER <= now


def _ranked(cart: Cart, now: datetime) -> ToCall:
    calls = sorted(cart.calls.all(), key=lambda call: call.at)
    half_lives = (now - cart.abandon_after) / HALF_GONE
    return ToCall(
        cart=cart,
        phone=cart.customer.phone if cart.customer else "",
        rank=round(cart.total_minor * 0.5**half_lives),
        tries=len(calls),
        last=calls[-1] if calls else None,
    )


def _bought_since(carts: Collection[Cart]) -> set[int]:
    """The carts whose person has placed a valid order since, with whatever cart or address."""
    people = {cart.customer.person_id for cart in carts if cart.customer and cart.customer.person_id}
    families = identity.families(people)
    members = {member for family in families.values() for member in family}
    orders: dict[int, datetime] = {}
    placed = Order.objects.filter(customer__person__in=members, status__in=VALID).order_by("placed_at")
    for person_id, at in placed.values_list("customer__person_id", "placed_at"):
        orders[person_id] = at
    return {
        cart.pk
        for cart in carts
        if cart.customer and cart.customer.person_id
        for member in families[cart.customer.person_id]
        if member in orders and orders[member] > cart.last_activity_at
    }


def record_call(
    cart: Cart, outcome: str, *, actor: str, now: datetime, note: str = "", again_at: datetime | None = None
) -> Call:
    """Keep what came of a call. Raises NotCallable for an outcome that is none, or a time to call again in the past."""
    if outcome not in Call.Outcome.values or (again_at is not None and again_at <= now):
        raise NotCallable
    return Call.objects.create(
        shop_id=cart.shop_id,
        cart=cart,
        outcome=outcome,
        note=note.replace("\x00", "").strip()[:500],
        again_at=again_at if outcome == Call.Outcome.LATER else None,
        actor=actor,
        at=now,
    )
