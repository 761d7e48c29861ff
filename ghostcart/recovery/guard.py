"""Who gets a voucher with a reminder: rules that nobody can switch off, a score for those who leave carts to be paid
for it, and budgets.

`offer`, in the transaction that claims the message, behind the locks of `lock_for`:
1. what this reminder was given before is given again: a message may be claimed twice, its voucher is made once;
2. the score is worked out, and the rung of the ladder that it leads to, unless staff decided otherwise;
3. the hard rules: never where the shop cannot know it, never with the first reminder of a cart; one voucher in 90 days
   for a person and all relatives; not where another voucher waits on the cart, nor where this one could not be used;
4. the most that it can take from this cart is taken from the campaign's budgets, of the day and in all;
5. the voucher is issued: for this person, from a minimum amount on, once, combined with nothing, until the end of a
   local day of the shop. A `VoucherGrant` remembers it, a `Decision` says why, also where there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.filters import start_of_day
from ghostcart.carts.models import Cart, CartVoucher
from ghostcart.customers import identity
from ghostcart.customers.models import Person
from ghostcart.mail.models import State
from ghostcart.recovery import history, worth
from ghostcart.recovery.history import ONE_IN, Who
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.models import Budget, Campaign, Decision, Reminder, Step, VoucherGrant
from ghostcart.recovery.scoring import Rung, Score, ladder, score
from ghostcart.recovery.worth import Worth
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind as Gives

GRANTED, OVERRULED, TRUSTED, NOT_TRUSTED = "granted", "overruled", "trusted", "not_trusted"
ASK_A_PERSON = "ask_a_person"
"""The only reason for which the reminder itself is not sent."""
BY_SCORE = frozenset({"score", "only_in_last_mail", ASK_A_PERSON})
"""What staff can overrule."""

REASONS: dict[str, str | Promise] = {
    GRANTED: _("A voucher was issued."),
    OVERRULED: _("Staff decided that this person gets the voucher."),
    TRUSTED: _("Staff decided that this person is trusted: the score does not count."),
    NOT_TRUSTED: _("Staff decided that the score counts again for this person."),
    ASK_A_PERSON: _("No reminder: too much speaks for somebody who waits for vouchers. Staff decide."),
    "score": _("A reminder without a voucher: much speaks for somebody who waits for vouchers."),
    "only_in_last_mail": _("The voucher waits for the last mail: some things speak for somebody who waits for it."),
    "no_way": _("Nobody has chosen how vouchers get into this shop."),
    "first_reminder": _("The first reminder of a cart never carries a voucher."),
    "recent_voucher": _("This person, or somebody at the same address or device, got a voucher in the last 90 days."),
    "cart_has_voucher": _("Another voucher is in the cart already."),
    "below_minimum": _("The cart does not reach the minimum amount of the voucher."),
    "nothing_to_give": _("The voucher would take nothing from this cart."),
    "other_currency": _("The budget is in another currency than the cart."),
    "budget": _("The budget of the campaign is used up, for the day or in all."),
    "ended": _("The voucher of this reminder has ended."),
}
"""What each decision about a voucher means, for staff."""


@dataclass(frozen=True, slots=True)
class Granted:
    voucher: Voucher
    grant: VoucherGrant


@dataclass(frozen=True, slots=True)
class Withheld:
    """No voucher; with ASK_A_PERSON no reminder either."""

    reason: str
    score: int = 0
    reasons: list[dict[str, Any]] = field(default_factory=list)


def lock_for(*people: Person) -> frozenset[int]:
    """Lock people and all their relatives, in the order of their ids; returns whom. Give all of a transaction at once:
    who locks twice may wait in a circle."""
    return identity.hold(person.pk for person in people)


def offer(reminder: Reminder, step: Step, cart: Cart | None, person: Person, now: datetime) -> Granted | Withheld:
    """The voucher of this step for this person, or why there is none. The caller has locked them by `lock_for`."""
    earlier = VoucherGrant.objects.select_related("voucher").filter(reminder=reminder).first()
    if earlier is not None:
        voucher = earlier.voucher
        is_good = voucher is not None and voucher.is_active and not voucher.used and now < (voucher.valid_until or now)
        return Granted(voucher, earlier) if voucher is not None and is_good else Withheld("ended", earlier.score)
    who = Who(identity.family(person.pk), identity.relatives(person.pk))
    what = worth.of(step, cart, reminder, who)
    told = score(history.of(who, cart, what.minimum_minor, now))
    rung = Rung.NORMAL if _is_overruled(step.campaign, cart, who) else ladder(told.points)
    if rung == Rung.LATE:
        what = worth.halved(what)
    day = now.astimezone(step.campaign.shop.zone).date()
    reason = (
        _by_rung(rung, step)
        or _by_rules(reminder, step, cart, who, now)
        or what.problem
        or _by_budget(step.campaign, what, day)
    )
    details = {"score": told.points, "reasons": told.reasons, "rung": rung.value, "step": step.position}
    case = {"campaign": step.campaign, "person": person, "cart": cart, "reminder": reminder, "at": now}
    if reason:
        _decide(step.campaign.shop_id, reason, details=details, **case)
        return Withheld(reason, told.points, told.reasons)
    details |= {"cost_minor": what.cost_minor, "currency": what.currency}
    _decide(step.campaign.shop_id, GRANTED, details=details, **case)
    return _issue(reminder, step, person, what, told, day, now)


# -- rules -------------------------------------------------------------------------------------------


def _by_rung(rung: Rung, step: Step) -> str:
    if rung == Rung.PERSON:
        return ASK_A_PERSON
    if rung == Rung.PLAIN:
        return "score"
    later = Step.objects.filter(campaign=step.campaign_id, removed_at=None, position__gt=step.position)
    return "only_in_last_mail" if rung == Rung.LATE and later.exists() else ""


def _by_rules(reminder: Reminder, step: Step, cart: Cart | None, who: Who, now: datetime) -> str:
    if not step.campaign.shop.takes_vouchers:
        return "no_way"
    if TRAITS[step.campaign.kind].begins == Begins.CART and not _was_reminded(reminder):
        return "first_reminder"
    if VoucherGrant.objects.filter(person_id__in=who.relatives, at__gt=now - ONE_IN).exists():
        return "recent_voucher"
    if cart is not None and _has_voucher(cart, now):
        return "cart_has_voucher"
    return ""


def _was_reminded(reminder: Reminder) -> bool:
    """Whether a mail of the same enrolment went out before this one."""
    others = Reminder.objects.filter(enrolment=reminder.enrolment_id).exclude(pk=reminder.pk)
    return others.filter(message__state=State.SENT).exists()


def _has_voucher(cart: Cart, now: datetime) -> bool:
    good = Q(voucher__is_active=True) & (Q(voucher__valid_until=None) | Q(voucher__valid_until__gt=now))
    return CartVoucher.objects.filter(good, cart=cart).exists()


# -- money -------------------------------------------------------------------------------------------


def _by_budget(campaign: Campaign, wanted: Worth, day: date) -> str:
    """Take the most that the voucher can cost from both budgets; why not, if one of them has too little left."""
    if wanted.currency != (campaign.currency or campaign.shop.currency):
        has_budget = campaign.day_budget_minor is not None or campaign.budget_minor is not None
        return "other_currency" if has_budget else ""
    return "" if take(campaign, wanted.cost_minor, day) else "budget"


def take(campaign: Campaign, cost_minor: int, day: date) -> bool:
    """Take an amount from the budget of the day and from the one in all: from both, or from neither.

    One conditional UPDATE decides, and must touch both rows; whoever else wants of them waits for this commit.
    """
    Budget.objects.bulk_create([Budget(campaign=campaign), Budget(campaign=campaign, day=day)], ignore_conflicts=True)
    rows = Budget.objects.filter(Q(day=None) | Q(day=day), campaign=campaign)
    list(rows.order_by("pk").select_for_update())  # in one order, or two campaigns' workers may wait in a circle
    try:
        with transaction.atomic():
            in_all = _room(Q(day=None), campaign.budget_minor, cost_minor)
            today = _room(Q(day=day), campaign.day_budget_minor, cost_minor)
            if rows.filter(in_all | today).update(taken_minor=F("taken_minor") + cost_minor) != 2:
                raise _NoRoomError
    except _NoRoomError:
        return False
    return True


class _NoRoomError(Exception):
    """One of the budgets has too little left: what was taken of the other goes back."""


def _room(which: Q, limit_minor: int | None, cost_minor: int) -> Q:
    return which if limit_minor is None else which & Q(taken_minor__lte=limit_minor - cost_minor)


# -- issuing -----------------------------------------------------------------------------------------


def ends(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The first moment at which a voucher given now no longer counts: it is good for what is left of this local day
    and for `days` whole ones after it, however long they are."""
    return start_of_day(now.astimezone(zone).date() + timedelta(days=days + 1), zone)


def _issue(
    reminder: Reminder, step: Step, person: Person, what: Worth, told: Score, day: date, now: datetime
) -> Granted:
    shop = step.campaign.shop
    voucher = vouchers.create(
        shop_id=shop.pk,
        kind=Gives(step.voucher),
        names=_names(shop.languages),
        percent_bp=what.percent_bp,
        amount_minor=what.amount_minor,
        currency=what.currency if what.amount_minor or what.minimum_minor else "",
        minimum_minor=what.minimum_minor,
        combinable=False,
        quantity=1,
        valid_until=ends(now, step.valid_days, shop.zone),
        person_id=identity.root(person.pk),
        is_recovery=True,
        is_demo=step.campaign.is_demo,
        now=now,
    )
    grant = VoucherGrant.objects.create(
        shop=shop,
        campaign=step.campaign,
        person=person,
        reminder=reminder,
        voucher=voucher,
        cost_minor=what.cost_minor,
        currency=what.currency,
        score=told.points,
        reasons=told.reasons,
        day=day,
        at=now,
    )
    Reminder.objects.filter(pk=reminder.pk).update(voucher=voucher)
    reminder.voucher = voucher
    return Granted(voucher, grant)


def _names(languages: Iterable[str]) -> dict[str, str]:
    """What the shopper reads in the cart, in every language of the shop."""
    names = {}
    for language in languages:
        with translation.override(language):
            names[language] = gettext("A voucher for you")
    return names


# -- staff decide ------------------------------------------------------------------------------------


def trust(person: Person, is_trusted: bool, actor: str, now: datetime) -> None:
    """Staff decide that the score is not for this person, or is again. The hard rules hold for everybody."""
    Person.objects.filter(pk__in=identity.family(person.pk)).update(is_trusted=is_trusted)
    _decide(person.shop_id, TRUSTED if is_trusted else NOT_TRUSTED, person=person, actor=actor, at=now)


def overrule(campaign: Campaign, person: Person, cart: Cart | None, actor: str, now: datetime) -> None:
    """Staff decide that the score does not count in this one case: this person and cart, by whichever campaign or by
    hand; where it is about no cart, this person and campaign."""
    _decide(campaign.shop_id, OVERRULED, campaign=campaign, person=person, cart=cart, actor=actor, at=now)


def can_be_overruled(decision: Decision) -> bool:
    """Whether this is a decision by the score that nobody has overruled yet."""
    if decision.reason not in BY_SCORE or decision.person_id is None or decision.campaign is None:
        return False
    family = identity.family(decision.person_id)
    return not _overrules(family, decision.campaign, decision.cart_id).exists()


def _is_overruled(campaign: Campaign, cart: Cart | None, who: Who) -> bool:
    if Person.objects.filter(pk__in=who.family, is_trusted=True).exists():
        return True
    return _overrules(who.family, campaign, cart.pk if cart else None).exists()


def _overrules(family: frozenset[int], campaign: Campaign, cart_id: int | None) -> QuerySet[Decision]:
    told = Decision.objects.filter(verdict=Decision.Verdict.VOUCHER, reason=OVERRULED, person_id__in=family)
    return told.filter(cart=cart_id) if cart_id else told.filter(cart=None, campaign=campaign)


def _decide(shop_id: int, reason: str, **more: Any) -> None:
    Decision.objects.create(shop_id=shop_id, verdict=Decision.Verdict.VOUCHER, reason=reason, **more)
