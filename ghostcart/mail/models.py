"""The outbox, what came back of each message, the links in it, and the addresses that must not be written to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a message stands (`outbox` moves it, each time by a conditional update that must touch one row).

    due -> claimed -> committing -> sent | failed_temp | failed_perm | in_doubt; and cancelled, with a reason.
    """

    DUE = "due", _("Waiting")
    CLAIMED = "claimed", _("Being written")
    COMMITTING = "committing", _("Being handed over")
    SENT = "sent", _("Sent")
    FAILED_TEMP = "failed_temp", _("Will be tried again")
    FAILED_PERM = "failed_perm", _("Refused")
    IN_DOUBT = "in_doubt", _("In doubt")
    CANCELLED = "cancelled", _("Not sent")


class Message(models.Model):
    """One mail to one address. A row is made when a mail is planned; text and facts are put in when it is claimed.

    `template` is the merchant's text as it was then ({subject, body}), `facts` what it speaks of: together they draw
    the mail again, with dead links. Tokens of links are never stored, only their hashes (`Link`).
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="messages", db_index=False)
    customer = models.ForeignKey("customers.Customer", models.SET_NULL, null=True, blank=True, related_name="messages")
    kind = models.CharField(max_length=20, help_text="reminder, test, summary, notice, account")
    address = models.CharField(max_length=320)
    address_hash = models.CharField(max_length=64, help_text="see customers.keys.address_hash")
    language = models.CharField(max_length=5, default="en")
    state = models.CharField(max_length=12, choices=State.choices, default=State.DUE)
    due_at = models.DateTimeField(help_text="when it is to be sent, or tried again")
    stale_at = models.DateTimeField(null=True, blank=True, help_text="from then on it is dropped, not sent")
    template = models.JSONField(default=dict, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    subject = models.CharField(max_length=300, default="", blank=True)
    claims = models.PositiveIntegerField(default=0, help_text="how often it was claimed; part of the Message-ID")
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=64, default="", blank=True, help_text="names the worker's claim")
    claimed_until = models.DateTimeField(null=True, blank=True)
    message_id = models.CharField(max_length=200, default="", blank=True)
    reason = models.CharField(max_length=40, default="", blank=True, help_text="why cancelled, moved or refused")
    answer = models.CharField(max_length=300, default="", blank=True, help_text="what the mail server said last")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [  # of the first two's states: ask for them with `planning.OneOf`, in this order
            models.Index(fields=["due_at", "id"], name="message_due", condition=Q(state__in=["due", "failed_temp"])),
            models.Index(
                fields=["claimed_until"], name="message_claimed", condition=Q(state__in=["claimed", "committing"])
            ),
            models.Index(fields=["shop", "id"], name="message_by_shop"),
            models.Index(fields=["shop", "state", "id"], name="message_by_state"),
            models.Index(fields=["shop", "address_hash", "sent_at"], name="message_by_address"),
            models.Index(fields=["message_id"], name="message_by_its_id", condition=~Q(message_id="")),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}: {self.state}"


class EventKind(models.TextChoices):
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    COMPLAINED = "complained", _("Reported as spam")
    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("Clicked")
    RESTORED = "restored", _("Cart restored")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")


class By(models.TextChoices):
    """Who caused it, as far as can be told: mail scanners open and click everything."""

    PERSON = "person", _("a person")
    MACHINE = "machine", _("a machine")
    UNSURE = "unsure", _("unsure")


class MessageEvent(models.Model):
    """What came back of a message: append-only. `cause` says why it is held to be a person's or a machine's; where
    later ones show that it was a machine's, that is corrected (`tracking`)."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="events")
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    by = models.CharField(max_length=8, choices=By.choices, default=By.UNSURE)
    cause = models.CharField(max_length=200, default="", blank=True)
    external_id = models.CharField(max_length=120, default="", blank=True, help_text="the provider's id of the event")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["shop", "kind", "at"], name="message_event_by_kind")]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "kind", "external_id"], name="one_event_per_report", condition=~Q(external_id="")
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of message {self.message_id}"


class Purpose(models.TextChoices):
    RESTORE = "restore"
    STOP = "stop"  # unsubscribe: RFC 8058 by POST, a page by GET
    PREFERENCES = "preferences"
    SEEN = "seen"  # the picture that counts openings, where the shop switched that on
    PASSWORD = "password"  # a shopper sets a new password


class Link(models.Model):
    """An address in a mail: one purpose, an end, and only the hash of its 256 random bits."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    message = models.ForeignKey(Message, models.CASCADE, null=True, blank=True, related_name="links")
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    target = models.JSONField(default=dict, blank=True, help_text="what it leads to: {cart, voucher, campaign_kind}")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.purpose} link {self.pk}"


class Suppression(models.Model):
    """An address that must not be written to. `scope` "all", or the kind of campaign that was declined.

    `address` is empty once the person was erased: the hash still keeps mail away.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="suppressions", db_index=False)
    address_hash = models.CharField(max_length=64)
    address = models.CharField(max_length=320, default="", blank=True)
    scope = models.CharField(max_length=20, default="all")
    reason = models.CharField(max_length=20, help_text="unsubscribed, bounced, complained, staff, imported, erased")
    source = models.CharField(max_length=60, default="", blank=True, help_text="link, one-click, webhook, staff:7 ...")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "address_hash", "scope"], name="one_suppression_per_scope")
        ]

    def __str__(self) -> str:
        return f"{self.scope}: {self.reason}"


class Home(models.Model):
    """Where this database lives, and when a worker last saw it there (see `home`): one row."""

    place = models.CharField(max_length=80)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.place


class Relay(models.Model):
    """How handing over to the mail server goes: one row per EMAIL_URL, so that a new one starts afresh.

    While `trouble` is set (a code, see `relay.SENTENCES`) nothing is sent until `rests_until`.
    """

    key = models.CharField(max_length=64, primary_key=True, help_text="a keyed hash of EMAIL_URL")
    trouble = models.CharField(max_length=20, default="", blank=True)
    answer = models.CharField(max_length=300, default="", blank=True, help_text="what the mail server said")
    failures = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.trouble or "well"
