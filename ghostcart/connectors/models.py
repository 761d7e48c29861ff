"""Other shops, and how each is attached."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """How a shop is read. The value is also the `source` of all that comes in this way."""

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
    def source(self) -> str:
        """Where what comes through this connection is said to come from."""
        return self.kind
