"""Campaigns and their steps, who is in them, each decision, what is reminded, and the ledger of what came back."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    ABANDONED = "abandoned", _("Abandoned cart")
    THANKS = "thanks", _("Thanks for an order")
    BEST = "best", _("Best customers")
    LAPSED = "lapsed", _("Lapsed customers")
    MANUAL = "manual", _("Sent by hand")


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class Campaign(models.Model):
    """Who is written to, when, and with what. `audience` is read by `audience.Audience`.

    `looked_until` is how far the engine has looked for new members (moments of last activity, of orders, or of the
    look itself): each round costs by what is new since. `salt` keys the hold-out; neither it nor the share changes
    once the campaign has run.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="campaigns")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=CampaignState.choices, default=CampaignState.DRAFT)
    paused_for = models.CharField(max_length=40, default="", blank=True, help_text="staff, unusual_size, complaints")
    priority = models.PositiveSmallIntegerField(default=10, help_text="smaller wins where two campaigns meet a person")
    audience = models.JSONField(default=dict, blank=True)
    threshold_minor = models.BigIntegerField(default=0, help_text="best customers: spent at least this in the period")
    currency = models.CharField(max_length=3, default="", blank=True)
    days = models.PositiveIntegerField(default=0, help_text="best: the period; lapsed: days without an order")
    holdout_bp = models.PositiveIntegerField(default=1000, help_text="1000 = 10 % of the people get nothing")
    salt = models.CharField(max_length=64)
    day_budget_minor = models.BigIntegerField(null=True, blank=True, help_text="vouchers' worth a day, in `currency`")
    budget_minor = models.BigIntegerField(null=True, blank=True, help_text="vouchers' worth in all, in `currency`")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    looked_until = models.DateTimeField(null=True, blank=True)
    cleared_size = models.PositiveIntegerField(default=0, help_text="the run of this size that staff let through")
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering = ["priority", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(holdout_bp__lte=9000), name="holdout_leaves_somebody"),
        ]

    def __str__(self) -> str:
        return self.name


class VoucherKind(models.TextChoices):
    NONE = "none", _("No voucher")
    PERCENT = "percent", _("Percentage")
    AMOUNT = "amount", _("Amount")
    FREE_SHIPPING = "free_shipping", _("Free shipping")


class Step(models.Model):
    """One mail of a campaign. `texts` is {language: {subject, body}}, in Liquid (see mail.templates)."""

    class Since(models.TextChoices):
        ACTIVITY = "activity", _("the last activity")
        PREVIOUS = "previous", _("the step before")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    delay_minutes = models.PositiveIntegerField(default=60)
    since = models.CharField(max_length=8, choices=Since.choices, default=Since.PREVIOUS)
    texts = models.JSONField(default=dict)
    voucher = models.CharField(max_length=13, choices=VoucherKind.choices, default=VoucherKind.NONE)
    percent_bp = models.PositiveIntegerField(default=0)
    amounts_minor = models.JSONField(default=dict, blank=True, help_text="{currency: minor units}")
    minimums_minor = models.JSONField(default=dict, blank=True, help_text="{currency: minor units}")
    valid_days = models.PositiveSmallIntegerField(default=3, help_text="ends with the last one of these local days")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="no longer planned; kept for what was sent")

    class Meta:
        ordering = ["campaign", "position"]

    def __str__(self) -> str:
        return f"step {self.position}"


class Arm(models.TextChoices):
    CONTACTED = "contacted", _("contacted")
    HELD_OUT = "held_out", _("held out")


class Enrolment(models.Model):
    """One person in one campaign because of one thing that happened (`trigger`), which enrols them once.

    Triggers: cart:<id>@<microseconds of its last activity>, order:<id>, best:<local year-month>,
    lapsed:<order id>, manual:<uuid>. `ended_at` is empty while steps are still to come; `reason` says why it ended.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="enrolments")
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    person = models.ForeignKey("customers.Person", models.SET_NULL, null=True, related_name="enrolments")
    customer = models.ForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    cart = models.ForeignKey("carts.Cart", models.SET_NULL, null=True, blank=True, related_name="enrolments")
    order = models.ForeignKey("orders.Order", models.SET_NULL, null=True, blank=True, related_name="+")
    trigger = models.CharField(max_length=80)
    activity_at = models.DateTimeField(help_text="what delays count from: the cart's last activity, the order")
    arm = models.CharField(max_length=9, choices=Arm.choices)
    value_minor = models.BigIntegerField(default=0, help_text="the cart's total when it came in")
    currency = models.CharField(max_length=3, default="", blank=True)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "trigger", "person"], name="one_enrolment_per_trigger"),
            # one voice at a time; the held-out hear none, so they may be in several
            models.UniqueConstraint(
                fields=["shop", "person"],
                name="one_voice_per_person",
                condition=Q(ended_at=None, arm="contacted"),
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "at"], name="enrolment_by_time"),
            models.Index(fields=["campaign", "person", "at"], name="enrolment_by_person"),
            # what `tidying` looks through
            models.Index(fields=["shop", "id"], name="enrolment_going_on", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.trigger} in campaign {self.campaign_id}"


class Reminder(models.Model):
    """One step for one enrolled person: planned with its message, which tells where it stands."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="reminders")
    step = models.ForeignKey(Step, models.PROTECT, related_name="reminders")
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    message = models.OneToOneField("mail.Message", models.CASCADE, related_name="reminder")
    voucher = models.ForeignKey("vouchers.Voucher", models.SET_NULL, null=True, blank=True, related_name="+")
    planned_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["enrolment", "step"], name="one_reminder_per_step")]

    def __str__(self) -> str:
        return f"reminder {self.pk}"


class Decision(models.Model):
    """Why, or why not: each thing that was decided about a person, with its reason, as it was then. Append-only."""

    class Verdict(models.TextChoices):
        ENROLLED = "enrolled", _("taken in")
        PASSED = "passed", _("passed over")
        MOVED = "moved", _("put off")
        SENT = "sent", _("to be sent")
        DROPPED = "dropped", _("not sent")
        ENDED = "ended", _("ended")
        VOUCHER = "voucher", _("voucher")

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, null=True, blank=True, related_name="decisions", help_text="empty: of all campaigns"
    )
    person = models.ForeignKey("customers.Person", models.SET_NULL, null=True, related_name="decisions")
    cart = models.ForeignKey("carts.Cart", models.CASCADE, null=True, blank=True, related_name="decisions")
    reminder = models.ForeignKey(Reminder, models.SET_NULL, null=True, blank=True, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    reason = models.CharField(max_length=40, default="", blank=True)
    details = models.JSONField(default=dict, blank=True, help_text="values for the sentence, e.g. {until, score}")
    actor = models.CharField(max_length=40, default="system")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["campaign", "at"], name="decision_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


class VoucherGrant(models.Model):
    """A recovery voucher given to a person: the memory of the guard. Stays when the voucher is cleaned up."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="grants")
    person = models.ForeignKey("customers.Person", models.SET_NULL, null=True, related_name="grants")
    reminder = models.OneToOneField(Reminder, models.SET_NULL, null=True, blank=True, related_name="grant")
    voucher = models.ForeignKey("vouchers.Voucher", models.SET_NULL, null=True, blank=True, related_name="grants")
    cost_minor = models.BigIntegerField(help_text="what it may cost at most for this cart, taken from the budgets")
    currency = models.CharField(max_length=3)
    score = models.PositiveSmallIntegerField(default=0)
    reasons = models.JSONField(default=list, blank=True)
    used_minor = models.BigIntegerField(default=0, help_text="what it did cost, once used")
    day = models.DateField(help_text="the shop's local day")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["person", "at"], name="grant_by_person"),
            models.Index(fields=["campaign", "day"], name="grant_by_day"),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk}"


class Budget(models.Model):
    """What a campaign's vouchers took: one row for all time (`day` empty) and one for each local day.

    Taken by one conditional update, so that no two grants can pass the limit together.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="budgets")
    day = models.DateField(null=True, blank=True)
    taken_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "day"], name="one_budget_per_day"),
            models.UniqueConstraint(fields=["campaign"], name="one_budget_in_all", condition=Q(day=None)),
        ]

    def __str__(self) -> str:
        return f"{self.day or 'all'}: {self.taken_minor}"


class Grade(models.TextChoices):
    """How strong the evidence is that a reminder brought an order."""

    LINK = "link", _("restored or clicked by a person")
    VOUCHER = "voucher", _("our voucher was used")
    ITEMS = "items", _("same person, at least half of the products")
    COINCIDENCE = "coincidence", _("same person, nothing more")


class LedgerLine(models.Model):
    """An order that followed a reminder, with the grade of evidence; or a reversal of it: what no longer stands of it
    (negative), or stands again. Append-only.

    `coincidence` counts 0 in every figure. `rules_version` says by which rules it was graded.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="ledger")
    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="ledger")
    reminder = models.ForeignKey(Reminder, models.SET_NULL, null=True, related_name="ledger")
    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="ledger")
    reverses = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="reversals")
    part = models.PositiveSmallIntegerField(default=1, db_default=1, help_text="which of the reversals of a line it is")
    grade = models.CharField(max_length=12, choices=Grade.choices)
    amount_minor = models.BigIntegerField(help_text="products after vouchers, in minor units; negative in a reversal")
    margin_minor = models.BigIntegerField(null=True, blank=True)
    voucher_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    rules_version = models.PositiveSmallIntegerField(default=1)
    cause = models.CharField(
        max_length=20, default="", blank=True, help_text="of a reversal: cancelled, refunded, changed, again"
    )
    at = models.DateTimeField(help_text="when the order, or its reversal, happened")
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order"], name="one_line_per_order", condition=Q(reverses=None)),
            models.UniqueConstraint(fields=["reverses", "part"], name="each_part_reversed_once"),
        ]
        indexes = [models.Index(fields=["campaign", "at"], name="ledger_by_time")]

    def __str__(self) -> str:
        return f"{self.grade} of order {self.order_id}"


class Progress(models.Model):
    """How far a piece of steady work has come (`name`), so that each round costs by what is new."""

    name = models.CharField(max_length=40, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"


class Call(models.Model):
    """What came of calling a customer about a cart."""

    class Outcome(models.TextChoices):
        REACHED = "reached", _("Reached")
        ORDERED = "ordered", _("Ordered by phone")
        NO_ANSWER = "no_answer", _("No answer")
        LATER = "later", _("Call again")
        NOT_INTERESTED = "not_interested", _("Not interested")
        WRONG_NUMBER = "wrong_number", _("Wrong number")

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    cart = models.ForeignKey("carts.Cart", models.CASCADE, related_name="calls")
    outcome = models.CharField(max_length=14, choices=Outcome.choices)
    note = models.CharField(max_length=500, default="", blank=True)
    again_at = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.outcome} for cart {self.cart_id}"
