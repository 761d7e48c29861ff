"""Vouchers, each use of one, and how often wrong codes were tried."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ghostcart.customers import queries as customer_queries
from ghostcart.lib.texts import pick
from ghostcart.vouchers.terms import AppliesTo, Kind, Terms

CODE_LENGTH = 40

KIND_NAMES = [
    (Kind.PERCENT.value, _("Percentage")),
    (Kind.AMOUNT.value, _("Amount")),
    (Kind.FREE_SHIPPING.value, _("Free shipping")),
    (Kind.GIFT.value, _("Gift")),
]
APPLIES_TO_NAMES = [
    (AppliesTo.ORDER.value, _("All products")),
    (AppliesTo.PRODUCTS.value, _("Selected products")),
    (AppliesTo.CHEAPEST.value, _("The cheapest product")),
]


class Status(models.TextChoices):
    """Where a voucher stands: the first of these that is so, from off to good."""

    OFF = "off", _("Switched off")
    EXPIRED = "expired", _("Expired")
    USED_UP = "used_up", _("Used up")
    LATER = "later", _("Not valid yet")
    GOOD = "good", _("Can be used")


class Voucher(models.Model):
    """What a code gives and asks; `Terms` says what each value means.

    `used` counts the redemptions that were not reversed. Only `services.redeem` and `release` change it.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="vouchers")
    code = models.CharField(max_length=CODE_LENGTH, help_text="upper-case")
    names = models.JSONField(default=dict, blank=True, help_text="{language: what the shopper reads}")
    kind = models.CharField(max_length=16, choices=KIND_NAMES)
    percent_bp = models.PositiveIntegerField(default=0, help_text="1000 = 10 %")
    amount_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="", blank=True)
    gift_variant = models.ForeignKey("catalog.Variant", models.SET_NULL, null=True, blank=True, related_name="+")
    priority = models.PositiveSmallIntegerField(default=1, help_text="smaller goes first")
    minimum_minor = models.BigIntegerField(default=0)
    applies_to = models.CharField(max_length=10, choices=APPLIES_TO_NAMES, default=AppliesTo.ORDER.value)
    product_ids = models.JSONField(default=list, blank=True)
    exclude_discounted = models.BooleanField(default=False)
    combinable = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True, help_text="the first moment it no longer counts")
    quantity = models.PositiveIntegerField(null=True, blank=True)
    used = models.IntegerField(default=0)
    per_customer = models.PositiveIntegerField(null=True, blank=True)
    customer = models.ForeignKey("customers.Customer", models.CASCADE, null=True, blank=True, related_name="vouchers")
    person = models.ForeignKey(
        "customers.Person", models.SET_NULL, null=True, blank=True, related_name="vouchers",
        help_text="only for this human, under whichever address; asked for at the checkout",
    )  # fmt: skip
    is_recovery = models.BooleanField(default=False, help_text="issued by a campaign; without its person for nobody")
    strangers = models.PositiveIntegerField(default=0, help_text="how often somebody else tried it: its code is about")
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "code"], name="one_voucher_per_code"),
            models.CheckConstraint(
                condition=Q(percent_bp__gte=0, percent_bp__lte=10_000), name="voucher_percent_in_range"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0, minimum_minor__gte=0), name="voucher_amounts_never_negative"
            ),
            models.CheckConstraint(condition=Q(used__gte=0), name="voucher_used_never_negative"),
            models.CheckConstraint(
                condition=~Q(currency="") | (~Q(kind=Kind.AMOUNT.value) & Q(minimum_minor=0)),
                name="voucher_amount_has_currency",
            ),
        ]
        indexes = [
            models.Index(fields=["valid_until", "id"], name="voucher_unused", condition=Q(is_recovery=True, used=0)),
        ]

    def __str__(self) -> str:
        return self.code

    def name(self, language: str) -> str:
        return pick(self.names, language)

    def status(self, now: datetime) -> Status:
        """The same as `filters.of_status` asks of the database."""
        if not self.is_active:
            return Status.OFF
        if self.valid_until is not None and self.valid_until <= now:
            return Status.EXPIRED
        if self.quantity is not None and self.used >= self.quantity:
            return Status.USED_UP
        return Status.LATER if self.valid_from is not None and self.valid_from > now else Status.GOOD

    def owners(self) -> frozenset[int] | None:
        """The customers that its person is known as; None for a voucher of no person in particular."""
        if self.person_id is None:
            return frozenset() if self.is_recovery else None  # the person is gone, and so is their voucher
        return frozenset(customer_queries.of_person(self.person_id).values_list("pk", flat=True))

    def terms(self, language: str = "en") -> Terms:
        """The voucher as plain values, named in `language`."""
        return Terms(
            id=self.pk,
            code=self.code,
            kind=Kind(self.kind),
            name=self.name(language),
            percent_bp=self.percent_bp,
            amount_minor=self.amount_minor,
            currency=self.currency or None,
            gift_variant_id=self.gift_variant_id,
            priority=self.priority,
            minimum_minor=self.minimum_minor,
            applies_to=AppliesTo(self.applies_to),
            product_ids=frozenset(self.product_ids),
            exclude_discounted=self.exclude_discounted,
            combinable=self.combinable,
            is_active=self.is_active,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            quantity=self.quantity,
            used=self.used,
            per_customer=self.per_customer,
            customer_id=self.customer_id,
            customer_ids=self.owners(),
        )


class VoucherRedemption(models.Model):
    """One use of a voucher by one order; `reversed_at` when the order gave it back."""

    voucher = models.ForeignKey(Voucher, models.CASCADE, related_name="redemptions")
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+")
    order_id = models.BigIntegerField(db_index=True)
    customer = models.ForeignKey(
        "customers.Customer", models.SET_NULL, null=True, blank=True, related_name="voucher_redemptions"
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["voucher", "order_id"], name="one_redemption_per_order"),
        ]

    def __str__(self) -> str:
        return f"voucher {self.voucher_id} on order {self.order_id}"


class WrongCodes(models.Model):
    """How often wrong codes were tried lately: `count` since `since`, by a device, a source, or in a whole shop.

    `in_all` outlives the window: who guessed a lot some weeks ago still did.
    """

    key = models.CharField(max_length=80, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)
    in_all = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
