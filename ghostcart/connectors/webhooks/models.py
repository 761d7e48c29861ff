"""Who is told of what happens to carts, what they were told, and how they answered."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

TEST = "test"
"""The kind of a delivery that staff send to try an endpoint."""


class Off(models.TextChoices):
    """Why an endpoint is told nothing."""

    STAFF = "staff", _("Switched off by staff")
    GONE = "gone", _("The receiver said that it is gone for good (410)")
    FAILING = "failing", _("All deliveries failed for five days")


class State(models.TextChoices):
    """Where a delivery stands: due -> sending -> delivered | retrying | failed; retrying -> sending -> ..."""

    DUE = "due", _("Waiting")
    SENDING = "sending", _("Being sent")
    RETRYING = "retrying", _("Will be tried again")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


WAITING = (State.DUE, State.RETRYING)
UNDER_WAY = (State.DUE, State.SENDING, State.RETRYING)
FINISHED = (State.DELIVERED, State.FAILED)


class WebhookEndpoint(models.Model):
    """An address of the merchant's that is told what happens to the carts of a shop.

    (place_transaction, place_id) is how far it was told: a cursor of `carts.log`. It begins at the end of the log.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    kinds = models.JSONField(default=list, blank=True, help_text="of `carts.kinds`; empty: all, also those to come")
    secret = models.TextField(help_text="sealed: see `signing`")
    old_secret = models.TextField(blank=True, help_text="sealed: signs beside the new one until `old_secret_until`")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    off = models.CharField(max_length=8, choices=Off.choices, blank=True, help_text="empty: it is told")
    off_at = models.DateTimeField(null=True, blank=True)
    place_transaction = models.BigIntegerField()
    place_id = models.BigIntegerField()
    failing_since = models.DateTimeField(null=True, blank=True, help_text="nothing was delivered since")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="the last failure")
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="the last delivery")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["place_transaction", "place_id"], name="webhook_told", condition=Q(off="")),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def is_on(self) -> bool:
        return not self.off

    def wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


class Delivery(models.Model):
    """One entry of the cart log for one endpoint, or a test. What is sent is made of the entry each time.

    Deliveries of a cart go out in the order of their ids, one after the other.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(  # entries are kept longer than deliveries: no constraint is needed to see to that
        "carts.CartEvent", models.CASCADE, null=True, blank=True, related_name="+", db_constraint=False
    )
    cart_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=24)
    message_id = models.CharField(max_length=40, help_text="the same at each attempt: webhook-id")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DUE)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="of this round: a replay begins a new one")
    due_at = models.DateTimeField()
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["id"]
        indexes = [
            # Whole, not partial by state: SQLite would not take those for states that come as parameters.
            models.Index(fields=["endpoint", "state", "due_at", "id"], name="webhook_due"),
            models.Index(fields=["endpoint", "cart_id", "state", "id"], name="webhook_of_cart"),
            models.Index(fields=["claimed_until"], name="webhook_claimed", condition=Q(claimed_until__isnull=False)),
            models.Index(fields=["created_at", "id"], name="webhook_by_creation"),
            models.Index(fields=["endpoint", "state", "id"], name="webhook_by_state"),
            models.Index(fields=["endpoint", "id"], name="webhook_by_id"),
        ]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="one_delivery_per_event")]

    def __str__(self) -> str:
        return self.message_id


class Attempt(models.Model):
    """One call: the answer's status and first kilobyte, or why there was none (a code of `lib.outbound`)."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="calls")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=1024, blank=True)
    error = models.CharField(max_length=24, blank=True)
    detail = models.CharField(max_length=200, blank=True, help_text="of the error, in English")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300
