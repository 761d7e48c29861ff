"""The ledger: which order followed which reminder, by what evidence; and what was cancelled or refunded since.

Append-only. A line is written once per order; what no longer stands of it is a reversal, dated by its own day, so that
closed days never change. Both rounds may be run by several workers and again after a crash: a line is let in once by a
constraint, and reversals are reckoned under its lock from what was taken back before.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ghostcart.carts.models import CartLine
from ghostcart.customers import identity
from ghostcart.mail import models as mail
from ghostcart.orders import queries as order_queries
from ghostcart.orders.models import Order, OrderLine
from ghostcart.orders.queries import VOID
from ghostcart.recovery.models import Arm, Enrolment, Grade, LedgerLine, Progress, Reminder, VoucherGrant
from ghostcart.vouchers.models import VoucherRedemption
from ghostcart.vouchers.terms import Kind as Gives

RULES_VERSION = 2
"""1: a voucher's cost was told only where the voucher was the evidence."""
WINDOW = timedelta(days=30)
"""An order later than this after the last reminder is nobody's doing."""
OVERLAP = timedelta(minutes=10)
"""Looked at twice: an order may be committed a little after the moment it carries."""
BATCH = 500
CHANGED, AGAIN = "changed", "again"
"""Causes of a reversal besides the two of VOID: another amount, as after a refund in part; not void any longer."""


def write(now: datetime) -> bool:
    """Grade the orders that were placed, or told by another shop, since the last round."""
    since = _until("ledger", now) - OVERLAP
    for when in ("placed_at", "told_at"):  # one after the other: an index leads to either, not to both
        new = Order.objects.filter(**{f"{when}__gt": since, f"{when}__lte": now}, ledger=None)
        for order in new.select_related("customer", "cart").order_by(when, "id").iterator(BATCH):
            line = _line(order, now)
            if line is not None:
                LedgerLine.objects.bulk_create([line], ignore_conflicts=True)
    _keep("ledger", now)
    return False


def reverse(now: datetime) -> bool:
    """Take back what no longer stands of orders that were settled, or told anew from outside, since the last round."""
    since = _until("reversals", now) - OVERLAP
    settled = Q(order__settled_at__gt=since, order__settled_at__lte=now)
    told = Q(order__told_at__gt=since, order__told_at__lte=now)
    numbers = list(LedgerLine.objects.filter(settled | told, reverses=None).order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(numbers), BATCH):
        _take_back(numbers[first : first + BATCH], now)
    _keep("reversals", now)
    return False


@transaction.atomic
def _take_back(numbers: Sequence[int], now: datetime) -> None:
    """What is read of these lines is read under their locks."""
    held = LedgerLine.objects.filter(pk__in=numbers).order_by("pk").select_for_update()
    lines = held.prefetch_related("reversals", "order__lines")
    LedgerLine.objects.bulk_create(one for line in lines for one in [_reversal(line, now)] if one is not None)


def _until(name: str, now: datetime) -> datetime:
    """How far the work has come; a clock that was ahead once must not keep it from going on."""
    kept = Progress.objects.filter(pk=name).values_list("until", flat=True).first()
    return min(kept or now - WINDOW, now)


def _keep(name: str, until: datetime) -> None:
    Progress.objects.update_or_create(pk=name, defaults={"until": until})


# -- one line ----------------------------------------------------------------------------------------


def _line(order: Order, now: datetime) -> LedgerLine | None:
    """The line of an order, by the strongest evidence; None when its buyer was in no campaign lately."""
    if order.customer is None or order.customer.person_id is None:
        return None
    enrolments = (
        Enrolment.objects.filter(
            shop_id=order.shop_id,
            person_id__in=identity.family(order.customer.person_id),
            arm=Arm.CONTACTED,
            at__gt=order.placed_at - WINDOW - timedelta(days=60),
            at__lte=order.placed_at,
        )
        .prefetch_related("reminders__message__events")
        .order_by("-at")
    )
    graded = [
        (grade, enrolment, reminder) for enrolment in enrolments for grade, reminder in [_grade(order, enrolment)]
    ]
    if not graded:
        return None
    grade, enrolment, reminder = min(graded, key=lambda one: list(Grade).index(one[0]))
    return LedgerLine(
        shop_id=order.shop_id,
        campaign_id=enrolment.campaign_id,
        enrolment=enrolment,
        reminder=reminder,
        order=order,
        grade=grade,
        amount_minor=order.kept_minor,
        margin_minor=order_queries.margin(order),
        voucher_minor=_vouchers_cost(order, enrolments),
        currency=order.currency,
        rules_version=RULES_VERSION,
        at=order.placed_at,
        written_at=now,
    )


def _grade(order: Order, enrolment: Enrolment) -> tuple[Grade, Reminder | None]:
    """How strong the evidence is that this enrolment brought the order, and the reminder it speaks for."""
    sent = [one for one in enrolment.reminders.all() if _was_sent(one, order.placed_at)]
    if not sent:
        return Grade.COINCIDENCE, None
    last = max(sent, key=lambda one: one.message.sent_at or one.planned_at)
    for reminder in sent:
        if _brought_back(order, enrolment, reminder):
            return Grade.LINK, reminder
    used = set(VoucherRedemption.objects.filter(order_id=order.pk).values_list("voucher_id", flat=True))
    for reminder in sent:
        if reminder.voucher_id in used:
            return Grade.VOUCHER, reminder
    return (Grade.ITEMS if _is_same_basket(order, enrolment) else Grade.COINCIDENCE), last


def _vouchers_cost(order: Order, enrolments: Iterable[Enrolment]) -> int:
    """What the vouchers of our mails took from the order, whichever evidence speaks for it. Free shipping takes nothing
    from the products; it counts with what it was reckoned to cost."""
    ours = {reminder.voucher_id for enrolment in enrolments for reminder in enrolment.reminders.all()}
    used = list(
        VoucherRedemption.objects.filter(order_id=order.pk, voucher__in=ours - {None}).select_related("voucher")
    )
    free = [one.voucher_id for one in used if one.voucher.kind == Gives.FREE_SHIPPING]
    reckoned = VoucherGrant.objects.filter(voucher__in=free).values_list("cost_minor", flat=True) if free else []
    return sum(one.amount_minor for one in used) + sum(reckoned)


def _was_sent(reminder: Reminder, before: datetime) -> bool:
    at = reminder.message.sent_at
    return at is not None and before - WINDOW <= at <= before


def _brought_back(order: Order, enrolment: Enrolment, reminder: Reminder) -> bool:
    """A person (not a scanner) came by a link of this mail before ordering, and ordered that cart or its copy."""
    if enrolment.cart_id is not None and enrolment.cart_id not in (order.cart_id, order.cart.restored_from_id):
        return False
    return any(
        event.by == mail.By.PERSON
        and event.kind in (mail.EventKind.RESTORED, mail.EventKind.CLICKED)
        and event.at <= order.placed_at
        for event in reminder.message.events.all()
    )


def _is_same_basket(order: Order, enrolment: Enrolment) -> bool:
    """At least half of the pieces in the abandoned cart were bought."""
    if enrolment.cart_id is None:
        return False
    left = _pieces(CartLine.objects.filter(cart_id=enrolment.cart_id, is_gift=False))
    bought = _pieces(order.lines.filter(is_gift=False))
    return 2 * (left & bought).total() >= left.total() > 0


def _pieces(lines: Iterable[CartLine | OrderLine]) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for line in lines:
        pieces[line.sku] += line.quantity
    return pieces


def _reversal(line: LedgerLine, now: datetime) -> LedgerLine | None:
    """The difference between what stands of a line's order and what the line and its reversals come to; None if there
    is none."""
    order, before = line.order, sorted(line.reversals.all(), key=lambda one: one.part)
    is_void, was_void = order.status in VOID, _is_taken_back(before)
    stands, stood = (0, 0, 0) if is_void else _standing(line), _sum([line, *before])
    if stands == stood and is_void == was_void:
        return None
    amount, margin, voucher = (one - other for one, other in zip(stands, stood, strict=True))
    ended = order.settled_at if is_void and not was_void else None
    return LedgerLine(
        shop_id=line.shop_id,
        campaign_id=line.campaign_id,
        enrolment_id=line.enrolment_id,
        reminder_id=line.reminder_id,
        order_id=line.order_id,
        reverses=line,
        part=len(before) + 1,
        grade=line.grade,
        amount_minor=amount,
        margin_minor=None if line.margin_minor is None else margin,
        voucher_minor=voucher,
        currency=line.currency,
        rules_version=line.rules_version,
        cause=CHANGED if is_void == was_void else order.status if is_void else AGAIN,
        at=ended or now,
        written_at=now,
    )


def _is_taken_back(reversals: Iterable[LedgerLine]) -> bool:
    causes = [one.cause for one in reversals if one.cause != CHANGED]
    return bool(causes) and causes[-1] in VOID


def _standing(line: LedgerLine) -> tuple[int, int, int]:
    """What a line would say of its order as it is now: amount, margin, vouchers."""
    told = line.margin_minor or 0
    margin = None if line.margin_minor is None else order_queries.margin(line.order)
    return line.order.kept_minor, told if margin is None else margin, line.voucher_minor


def _sum(lines: Iterable[LedgerLine]) -> tuple[int, int, int]:
    rows = [(one.amount_minor, one.margin_minor or 0, one.voucher_minor) for one in lines]
    amount, margin, voucher = (sum(column) for column in zip(*rows, strict=True))
    return amount, margin, voucher
