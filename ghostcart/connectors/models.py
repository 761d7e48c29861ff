"""Other shops and how each is attached; the keys with which programs come in."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ghostcart.connectors.webhooks.models import Attempt as Attempt
from ghostcart.connectors.webhooks.models import Delivery as Delivery
from ghostcart.connectors.webhooks.models import WebhookEndpoint as WebhookEndpoint


class Kind(models.TextChoices):
    """How a shop is read (see `readers`). The value is also the `source` of all that comes in this way."""

    PRESTASHOP = "prestashop", _("PrestaShop, by its database")
    PRESTASHOP_API = "prestashop_api", _("PrestaShop, by its web service")


class State(models.TextChoices):
    IMPORTING = "importing", _("Importing")
    FOLLOWING = "following", _("Following")
    PAUSED = "paused", _("Paused")


class Connection(models.Model):
    """A shop that is attached: where it is, how far it was read, and how that went last.

    `claimed_until` is a lease: one worker reads a shop at a time, and another takes over when it falls silent.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="connections")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    address = models.CharField(max_length=300, help_text="without the password: shown to staff")
    secret = models.TextField(blank=True, help_text="sealed: the password or key")
    options = models.JSONField(default=dict, blank=True, help_text="what staff decided: see the connector's own page")
    found = models.JSONField(
        default=dict, blank=True, help_text="what the last check found: version, languages, rights"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.IMPORTING)
    cursor = models.JSONField(default=dict, blank=True, help_text="how far each kind of row was read")
    done = models.PositiveBigIntegerField(default=0, help_text="of the import")
    total = models.PositiveBigIntegerField(default=0, help_text="as counted when the import began")
    read_at = models.DateTimeField(null=True, blank=True, help_text="when the shop was last read without trouble")
    trouble = models.CharField(max_length=300, blank=True, help_text="why it could not be read last time, as a code")
    trouble_at = models.DateTimeField(null=True, blank=True, help_text="since when; none: all is well")
    due_at = models.DateTimeField(null=True, blank=True, help_text="when it is read next; none: at once")
    failures = models.PositiveIntegerField(default=0, help_text="how often in a row it could not be read")
    claimed_by = models.CharField(max_length=80, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["shop", "kind"], name="one_connection_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.address}"

    @property
    def is_importing(self) -> bool:
        """Whether it is in the middle of an import; in the state IMPORTING without, one is to begin."""
        return "stage" in self.cursor

    @property
    def source(self) -> str:
        """Where what comes through this connection is said to come from."""
        return self.kind


class Scope(models.TextChoices):
    """What a key may do. The values are part of the API and never change."""

    CARTS_READ = "carts:read", _("See carts")
    CARTS_WRITE = "carts:write", _("Delete carts and bring them back")
    CUSTOMERS_READ = "customers:read", _("See customers")
    CUSTOMERS_WRITE = "customers:write", _("Write notes, export and erase customers")
    ORDERS_READ = "orders:read", _("See orders")
    ORDERS_WRITE = "orders:write", _("Make orders from carts, change their status")
    VOUCHERS_READ = "vouchers:read", _("See vouchers")
    VOUCHERS_WRITE = "vouchers:write", _("Make vouchers, switch them off")
    CAMPAIGNS_READ = "campaigns:read", _("See follow-ups")
    CAMPAIGNS_WRITE = "campaigns:write", _("Start, pause and end follow-ups")
    MESSAGES_READ = "messages:read", _("See messages")
    MESSAGES_WRITE = "messages:write", _("Send and cancel messages")
    REPORTS_READ = "reports:read", _("See the report")
    EVENTS_READ = "events:read", _("Follow what happens in the carts")
    INGEST = "ingest", _("Hand in carts, orders, customers and products")


class ApiKey(models.Model):
    """A program's way in to one shop: what it may do, and the hash of its 256 random bits (`keys` makes and knows it).

    After a rotation the token before works until `old_until`.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, help_text="the beginning of the token, to tell keys apart")
    token_hash = models.CharField(max_length=64, unique=True)
    old_hash = models.CharField(max_length=64, null=True, blank=True, unique=True)
    old_until = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    per_minute = models.PositiveIntegerField(default=600, help_text="requests, in each process that answers them")
    created_by = models.CharField(max_length=40, help_text="staff:7")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="kept to the minute")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def actor(self) -> str:
        """How logs name what this key does."""
        return f"key:{self.pk}"

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Made(models.TextChoices):
    """What became of a voucher of ours in another shop."""

    WANTED = "wanted", _("Not made yet")
    MADE = "made", _("Made in the shop")
    USED = "used", _("Used in the shop")
    REMOVED = "removed", _("Removed from the shop")
    SWITCHED_OFF = "switched_off", _("Switched off in the shop")


class PushedVoucher(models.Model):
    """A voucher of a campaign that another shop must know, as it stands there. See `vouchers`.

    `busy_until` is a lease: one worker at a time speaks to the shop about it. `due_at` is when it is taken away there
    at the latest, or when that is tried again. What went wrong last is in `trouble`.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="vouchers")
    voucher = models.ForeignKey(
        "vouchers.Voucher", models.SET_NULL, null=True, related_name="pushed", help_text="none: it ended, and is gone"
    )
    code = models.CharField(max_length=40)
    state = models.CharField(max_length=12, choices=Made.choices, default=Made.WANTED)
    outside_id = models.CharField(max_length=64, blank=True, help_text="what the shop calls it")
    pushed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=300, blank=True, help_text="see `errors.explain`")
    trouble_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="to take it away, in vain")
    due_at = models.DateTimeField(null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "code"], name="one_pushed_voucher_per_code"),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="pushed_voucher_there", condition=models.Q(state__in=["wanted", "made"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.state}"
