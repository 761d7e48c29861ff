"""Carts, their lines and vouchers, the log of all that happened to them, and the devices that hold them.

The hot path (`ingest`) owns these rows; everybody else saves with `update_fields`. Tables carry the shop, so that
they can be distributed by it. What is never deleted (shops, products) is named without a constraint of the database:
checking it for each line would cost more than writing the line (docs/decisions/0007).
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.kinds import OURS

BOT_SCORE = 50
"""From this score on (0 to 100) a cart is suspected to be a machine's and stays out of the figures."""


class Status(models.TextChoices):
    OPEN = "open", _("Open")
    ABANDONED = "abandoned", _("Abandoned")
    ORDERED = "ordered", _("Ordered")
    MERGED = "merged", _("Merged")


class Cart(models.Model):
    """The head of a cart: everything that lists, figures and engines ask of it, kept by the hot path.

    Amounts are minor units of `currency`. The status follows from facts with times (see `status`), never from a flag.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="carts", db_index=False, db_constraint=False)
    customer = models.ForeignKey("customers.Customer", models.SET_NULL, null=True, blank=True, related_name="carts")
    customer_label = models.CharField(max_length=260, default="", blank=True, help_text="name or address, for sorting")
    version = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3)
    language = models.CharField(max_length=5, default="en")
    prices_include_tax = models.BooleanField(default=True)
    line_count = models.PositiveIntegerField(default=0)
    item_count = models.PositiveIntegerField(default=0)
    products_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    shipping_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    shipping_method = models.ForeignKey(
        "shops.ShippingMethod", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    shipping_name = models.CharField(max_length=120, default="", blank=True)
    created_at = models.DateTimeField()
    last_activity_at = models.DateTimeField()
    abandon_after = models.DateTimeField(help_text="from this moment on the cart counts as abandoned")
    seen_at = models.DateTimeField(help_text="the shopper's last request or heartbeat")
    checkout_started_at = models.DateTimeField(null=True, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    order_id = models.BigIntegerField(null=True, blank=True)
    order_number = models.CharField(max_length=32, default="", blank=True)
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged_carts", db_index=False
    )
    merged_at = models.DateTimeField(null=True, blank=True)
    restored_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="restored_carts", db_index=False,
        help_text="the cart whose products a mailed link brought into this one",
    )  # fmt: skip
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.CharField(max_length=40, default="", blank=True)
    bot_score = models.PositiveSmallIntegerField(default=0)
    bot_reasons = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=20, default="store", help_text="store, staff, or the kind of a connector")
    external_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  (NULLs stay out of the unique row)
    external_customer = models.CharField(
        max_length=64, default="", db_default="", blank=True, help_text="whose it is there, also if not told of yet"
    )
    external_version = models.BigIntegerField(
        default=0, db_default=0, help_text="the sender's version or time: the newest wins"
    )
    is_estimated = models.BooleanField(
        default=False, db_default=False, help_text="the shop tells no prices: reckoned from its catalogue"
    )
    is_demo = models.BooleanField(default=False)

    class Meta:
        indexes = [
            # the list, by each of its columns (SQLite takes the index of the order only if all are alike partial)
            *[
                models.Index(fields=["shop", column, "id"], name=name, condition=Q(deleted_at=None))
                for column, name in (
                    ("created_at", "cart_by_creation"),
                    ("last_activity_at", "cart_by_activity"),
                    ("seen_at", "cart_by_seen"),
                    ("total_minor", "cart_by_total"),
                    ("item_count", "cart_by_items"),
                    ("customer_label", "cart_by_customer"),
                    ("shipping_name", "cart_by_shipping"),
                    ("order_number", "cart_by_order"),
                )
            ],
            models.Index(fields=["shop", "id"], name="cart_by_id", condition=Q(deleted_at=None)),
            models.Index(
                fields=["shop", "abandon_after", "id"],
                name="cart_ghosts",
                condition=Q(ordered_at=None, merged_at=None, deleted_at=None),
            ),
            models.Index(  # for the clean-up
                fields=["shop", "id"],
                name="cart_empty",
                condition=Q(ordered_at=None, merged_at=None, deleted_at=None, line_count=0),
            ),
            models.Index(fields=["shop", "id"], name="cart_bots", condition=Q(bot_score__gte=50, deleted_at=None)),
            # figures of orders, and the count of ordered carts
            models.Index(
                fields=["shop", "ordered_at", "id"],
                name="cart_ordered",
                condition=Q(ordered_at__isnull=False, deleted_at=None),
            ),
            models.Index(
                fields=["shop", "id"],
                name="cart_merged",
                condition=Q(merged_at__isnull=False, ordered_at=None, deleted_at=None),
            ),
            *[
                models.Index(fields=[column], name=name, condition=Q(**{f"{column}__isnull": False}))
                for column, name in (("merged_into", "cart_by_target"), ("restored_from", "cart_by_source"))
            ],
            # looked through when the list is searched for a person
            models.Index(
                fields=["customer", "shop"],
                name="cart_of_gone_customer",
                condition=Q(customer=None, customer_label__gt=""),
            ),
            # told before their customer was
            models.Index(
                fields=["shop", "source", "external_customer"],
                name="cart_of_outside_customer",
                condition=Q(customer=None) & ~Q(external_customer=""),
            ),
            # what can be brought back, and what `services.purge` removes
            models.Index(
                fields=["shop", "deleted_at", "id"],
                name="cart_deleted",
                condition=Q(deleted_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["shop", "source", "external_id"], name="one_cart_per_outside_id"),
            models.CheckConstraint(condition=Q(ordered_at=None) | Q(deleted_at=None), name="ordered_carts_are_kept"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="cart_total_never_negative"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def status(self, now: datetime) -> Status:
        """Ordered, merged, abandoned or open: the one definition (DESIGN section 2)."""
        if self.ordered_at:
            return Status.ORDERED
        if self.merged_at:
            return Status.MERGED
        return Status.ABANDONED if self.abandon_after <= now else Status.OPEN

    def told(self) -> dict[str, Any]:
        """The cart's sums, as every entry of the log carries them."""
        return {"total_minor": self.total_minor, "item_count": self.item_count, "currency": self.currency}

    @property
    def is_deletable(self) -> bool:
        """Only what never became an order may go."""
        return self.ordered_at is None

    @property
    def is_changeable(self) -> bool:
        """Only what is kept here, and is still a cart of its own."""
        return not self.is_outside and not (self.ordered_at or self.merged_at or self.deleted_at)

    @property
    def is_outside(self) -> bool:
        """Another shop keeps it: here it is only shown, deleted from view and followed up."""
        return self.source not in OURS

    @property
    def is_suspected_bot(self) -> bool:
        return self.bot_score >= BOT_SCORE


class CartLine(models.Model):
    """One product of a cart, with the price, name, picture and tax it was put in with."""

    cart = models.ForeignKey(
        Cart, models.CASCADE, related_name="lines", db_index=False
    )  # `one_line_per_key` leads to it
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    key = models.CharField(max_length=80, help_text="names the line within its cart: the SKU, gifts with 'gift:'")
    position = models.PositiveIntegerField()
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
    regular_micros = models.BigIntegerField(null=True)
    tax_rate_ppm = models.PositiveIntegerField(default=0)
    quantity = models.PositiveIntegerField()
    total_minor = models.BigIntegerField(default=0)
    is_gift = models.BooleanField(default=False)
    added_at = models.DateTimeField()
    external_variant = models.CharField(
        max_length=64, default="", db_default="", blank=True, help_text="what it is there, also if not told of yet"
    )

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(  # told before their product was
                fields=["shop", "external_variant"],
                name="cart_line_unjoined",
                condition=Q(variant=None) & ~Q(external_variant=""),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["cart", "key"], name="one_line_per_key"),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=9999), name="line_quantity_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class CartVoucher(models.Model):
    """A voucher on a cart and what it takes there, in minor units; `refusal` says why it takes nothing now."""

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="vouchers")
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    voucher = models.ForeignKey(
        "vouchers.Voucher",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="none: one of another shop",
    )
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=120, default="", blank=True)
    amount_minor = models.BigIntegerField(default=0)
    refusal = models.CharField(max_length=40, default="", blank=True)
    applied_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["cart", "voucher"], name="one_voucher_per_cart")]

    def __str__(self) -> str:
        return self.code


class CartEvent(models.Model):
    """One entry of the cart log: append-only, written in the transaction of the change it tells of.

    `data` holds what a sentence or the timeline needs: the line's key, name, option, price and quantity after the
    change, and the cart's totals after it. On PostgreSQL the table also has a column `xid`: readers follow (xid, id)
    below the snapshot horizon; and it is kept in parts, one a month of `at` (`lib.partitions`).
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    cart = models.ForeignKey(Cart, models.CASCADE, related_name="events", db_index=False)
    cart_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=24)
    actor = models.CharField(max_length=40, help_text="shopper, system, or staff:7")
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["cart", "id"], name="event_by_cart"),
            models.Index(fields=["shop", "at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of cart {self.cart_id}"


class LogStart(models.Model):
    """Where the cart log begins since old entries were forgotten: one row, if any. See `log.Cursor`."""

    transaction = models.BigIntegerField()
    number = models.BigIntegerField(help_text="of the last entry that was forgotten")

    def __str__(self) -> str:
        return f"{self.transaction}-{self.number}"


class Device(models.Model):
    """A browser or app that shops: the holder of a cart token, of which only the hash is kept.

    Points at the cart it fills now; several devices of one signed-in customer may share a cart.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="devices", db_index=False, db_constraint=False)
    token_hash = models.CharField(max_length=64)
    cart = models.ForeignKey(Cart, models.SET_NULL, null=True, blank=True, related_name="devices")
    customer = models.ForeignKey("customers.Customer", models.SET_NULL, null=True, blank=True, related_name="devices")
    language = models.CharField(max_length=5, default="en")
    page = models.CharField(max_length=200, default="", blank=True)
    user_agent = models.CharField(max_length=300, default="", blank=True)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    bot_score = models.PositiveSmallIntegerField(default=0)
    bot_reasons = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "token_hash"], name="one_device_per_token")]
        indexes = [models.Index(fields=["shop", "-seen_at"], name="device_by_seen")]

    def __str__(self) -> str:
        return f"device {self.pk}"


class IdempotencyKey(models.Model):
    """An answer already given: the same key and body get it again, the same key with another body is refused."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    scope = models.CharField(max_length=64, help_text="whose key it is: the device's token hash")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    answer = models.TextField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "scope", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
