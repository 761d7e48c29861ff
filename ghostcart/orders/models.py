"""Orders and their lines, as they were when they were placed."""

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.kinds import OURS


class OrderStatus(models.TextChoices):
    PENDING = "pending", _("Payment pending")
    PAID = "paid", _("Paid")
    CANCELLED = "cancelled", _("Cancelled")
    REFUNDED = "refunded", _("Refunded")


class PaymentMethod(models.TextChoices):
    ON_DELIVERY = "on_delivery", _("Payment on delivery")
    TRANSFER = "transfer", _("Bank transfer")
    DEMO_CARD = "demo_card", _("Demo card")
    BY_PHONE = "by_phone", _("Arranged by phone")
    OUTSIDE = "outside", _("In the shop")


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Order(models.Model):
    """A placed order. Amounts are minor units of `currency`; the address is kept as it was."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="orders", db_index=False, db_constraint=False)
    number = models.CharField(max_length=32)
    token = models.CharField(max_length=64, default=new_token, help_text="opens the confirmation page")
    cart = models.ForeignKey("carts.Cart", models.PROTECT, related_name="orders")
    customer = models.ForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="orders")
    customer_label = models.CharField(max_length=260, default="")
    email = models.EmailField(max_length=320, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    address = models.JSONField(default=dict, help_text="first_name, last_name, street, postcode, city, country")
    language = models.CharField(max_length=5, default="en")
    status = models.CharField(max_length=10, choices=OrderStatus.choices, default=OrderStatus.PENDING)
    payment = models.CharField(max_length=12, choices=PaymentMethod.choices)
    payment_name = models.CharField(max_length=120, blank=True, help_text="what another shop calls the payment")
    shipping_name = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=3)
    prices_include_tax = models.BooleanField(default=True)
    products_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(
        default=0, db_default=0, help_text="given back of the products so far; the order itself stands"
    )
    vouchers = models.JSONField(default=list, help_text="[{code, name, amount_minor}]")
    placed_at = models.DateTimeField()
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="when another shop told of it last; none: placed here"
    )
    settled_at = models.DateTimeField(null=True, blank=True, help_text="when it was paid, cancelled or refunded last")
    placed_by = models.CharField(max_length=40, default="shopper")
    source = models.CharField(max_length=20, default="store", help_text="store, staff, or where it was told from")
    external_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  (NULLs stay out of the unique row)
    external_customer = models.CharField(
        max_length=64, default="", db_default="", blank=True, help_text="whose it is there, also if not told of yet"
    )
    external_version = models.BigIntegerField(default=0)
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token"], name="one_order_per_token"),
            models.UniqueConstraint(fields=["shop", "number"], name="one_order_per_number"),
            models.UniqueConstraint(fields=["shop", "source", "external_id"], name="one_order_per_outside_id"),
        ]
        indexes = [
            models.Index(fields=["shop", "placed_at", "id"], name="order_by_time"),
            models.Index(fields=["shop", "total_minor", "id"], name="order_by_total"),
            models.Index(fields=["settled_at"], name="order_settled", condition=models.Q(settled_at__isnull=False)),
            models.Index(fields=["placed_at"], name="order_placed"),
            models.Index(fields=["told_at"], name="order_told", condition=models.Q(told_at__isnull=False)),
            models.Index(  # told before their customer was
                fields=["shop", "source", "external_customer"],
                name="order_of_outside_customer",
                condition=models.Q(customer=None) & ~models.Q(external_customer=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_outside(self) -> bool:
        """Another shop keeps it: its status is told to us, not made here."""
        return self.source not in OURS

    @property
    def kept_minor(self) -> int:
        """What the shop took for the products: after vouchers, and after what was given back."""
        return max(0, self.products_minor - self.discount_minor - self.refunded_minor)

    @property
    def refundable_minor(self) -> int:
        """What can still be given back in part: of a paid order that is kept here, the rest."""
        return self.kept_minor if self.status == OrderStatus.PAID and not self.is_outside else 0

    @property
    def payment_label(self) -> str:
        return self.payment_name or str(self.get_payment_display())


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    # never deleted, so named without a constraint of the database: docs/decisions/0007
    product = models.ForeignKey(
        "catalog.Product", models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    variant = models.ForeignKey(
        "catalog.Variant", models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    option = models.CharField(max_length=120, default="", blank=True)
    picture = models.CharField(max_length=200, default="", blank=True)
    unit_price_micros = models.BigIntegerField()
    tax_rate_ppm = models.PositiveIntegerField(default=0)
    cost_micros = models.BigIntegerField(null=True, blank=True, help_text="of one unit, without tax, if known then")
    quantity = models.PositiveIntegerField()
    total_minor = models.BigIntegerField()
    is_gift = models.BooleanField(default=False)
    external_variant = models.CharField(
        max_length=64, default="", db_default="", blank=True, help_text="what it is there, also if not told of yet"
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(  # told before their product was
                fields=["external_variant"],
                name="order_line_unjoined",
                condition=models.Q(variant=None) & ~models.Q(external_variant=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"
