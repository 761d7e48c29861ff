"""What the rules look at, as plain values with their times. `facts` reads them; live and replay judge by the same ones.

Nothing here touches the database or a clock. Amounts are minor units of their currency.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ghostcart.recovery.audience import Audience


@dataclass(frozen=True, slots=True)
class ShopTerms:
    """How a shop writes to people. Quiet hours are minutes after local midnight; the same twice means none."""

    id: int
    zone: ZoneInfo
    quiet_from: int
    quiet_until: int
    cap: int
    cap_days: int
    buyers_may_be_reminded: bool
    """Whether who bought before may be written to without having agreed."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    id: int
    position: int
    delay: timedelta
    is_since_activity: bool
    is_removed: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign, with all its steps by position, those that were removed included."""

    id: int
    shop: ShopTerms
    kind: str
    state: str
    priority: int
    audience: Audience
    steps: tuple[StepPlan, ...]
    holdout_bp: int
    salt: str
    started_at: datetime | None
    days: int
    threshold_minor: int
    currency: str
    is_clock_wrong: bool = False
    """The campaign was not looked at for so long that rather the clock is wrong (see `rules.is_leap`)."""

    def step_after(self, position: int) -> StepPlan | None:
        """The next step that is still sent, if there is one; position -1 gives the first."""
        return next((step for step in self.steps if step.position > position and not step.is_removed), None)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a cart or an order holds, as far as audiences ask."""

    currency: str
    total_minor: int
    item_count: int
    language: str
    product_ids: frozenset[int]
    category_ids: frozenset[int]
    products_minor: int = 0
    """What the products alone come to: a voucher takes from that."""


@dataclass(frozen=True, slots=True)
class Basket:
    """A cart as it stands. `is_sold_out`: not one of its products can be bought any more."""

    id: int
    customer_id: int | None
    goods: Goods
    created_at: datetime
    activity_at: datetime
    ordered_at: datetime | None
    merged_at: datetime | None
    deleted_at: datetime | None
    line_count: int
    is_bot: bool
    is_sold_out: bool


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order. `is_own`: of the person; else of somebody who shares their postal address or device."""

    id: int
    cart_id: int
    placed_at: datetime
    cancelled_at: datetime | None
    refunded_at: datetime | None
    goods: Goods
    is_own: bool

    @property
    def counts(self) -> bool:
        """Payment pending counts as bought; cancelled, declined and failed do not."""
        return self.cancelled_at is None


@dataclass(frozen=True, slots=True)
class Answer:
    """Consent given or withdrawn; `is_own`: with this very address, not another of the person."""

    at: datetime
    purpose: str
    is_given: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Block:
    """An address of the person that must not be written to; `scope` "all" or a kind of campaign."""

    at: datetime
    scope: str
    reason: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Voice:
    """An enrolment of the person, in any campaign of the shop."""

    enrolment_id: int
    campaign_id: int
    kind: str
    priority: int
    arm: str
    at: datetime
    ended_at: datetime | None
    activity_at: datetime
    cart_id: int | None


@dataclass(frozen=True, slots=True)
class Mail:
    """A recovery mail that went out to the person, or is just going; `message_id` is our row."""

    message_id: int
    campaign_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Human:
    """A customer with all that is known of the person behind them."""

    customer_id: int
    person_id: int  # the root
    family: frozenset[int]
    address: str
    language: str
    country: str
    group: str
    erased_at: datetime | None
    purchases: tuple[Purchase, ...] = ()
    answers: tuple[Answer, ...] = ()
    blocks: tuple[Block, ...] = ()
    voices: tuple[Voice, ...] = ()
    mails: tuple[Mail, ...] = ()

    def orders_before(self, moment: datetime) -> int:
        """How often the person had bought before."""
        return sum(one.is_own and one.counts and one.placed_at < moment for one in self.purchases)

    def spent(self, currency: str, since: datetime, until: datetime) -> int:
        """What the person bought in a currency after `since` and kept, in minor units."""
        return sum(
            one.goods.total_minor
            for one in self.purchases
            if one.is_own and one.counts and not one.refunded_at and one.goods.currency == currency
            and since < one.placed_at <= until
        )  # fmt: skip

    def answered(self, purpose: str, *, own: bool) -> bool | None:
        """The newest answer, of this address alone or of the whole person; None if there is none."""
        answers = [one for one in self.answers if one.purpose == purpose and (one.is_own or not own)]
        return max(answers, key=lambda one: one.at).is_given if answers else None


@dataclass(frozen=True, slots=True)
class Trigger:
    """The one thing that takes a person into a campaign: a resting cart, an order, or a moment."""

    name: str
    activity_at: datetime
    basket: Basket | None = None
    purchase: Purchase | None = None

    @property
    def goods(self) -> Goods | None:
        if self.basket:
            return self.basket.goods
        return self.purchase.goods if self.purchase else None


@dataclass(frozen=True, slots=True)
class Asking:
    """One message that wants to go out: for which enrolment, step and human."""

    plan: Plan
    step: StepPlan
    human: Human
    trigger: Trigger
    enrolment_id: int
    enrolled_at: datetime
    stale_at: datetime | None
    previous: str = ""
    """The state of the message of the step before; "" for the first one."""
    previous_at: datetime | None = None
    message_id: int = 0
    is_over: bool = False
    """The enrolment has ended."""
