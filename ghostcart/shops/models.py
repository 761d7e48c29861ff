"""A shop: whose carts these are, and how that shop counts, rounds and speaks."""

import secrets
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _

from ghostcart.lib.money import Rounding
from ghostcart.lib.texts import LANGUAGES, pick


class AbandonedBasis(models.TextChoices):
    """From when the abandonment threshold counts (`created` is PrestaShop's own rule)."""

    ACTIVITY = "activity", _("last activity")
    CREATED = "created", _("creation of the cart")


class ConsentBasis(models.TextChoices):
    """Who may be reminded: those who agreed, or also those who bought before and never objected."""

    CONSENT = "consent", _("only with consent")
    CUSTOMER = "customer", _("also existing customers")


class PageKind(models.TextChoices):
    """Pages that a shop has to have, or wants: their texts are its owner's."""

    IMPRINT = "imprint", _("Imprint")
    TERMS = "terms", _("Terms and conditions")
    RETURNS = "returns", _("Withdrawal and returns")
    PRIVACY = "privacy", _("Privacy")


class RoundingType(models.TextChoices):
    ITEM = "item", _("each item")
    LINE = "line", _("each line")
    TOTAL = "total", _("the total")


def new_public_key() -> str:
    return f"pk_{secrets.token_urlsafe(18)}"


def all_languages() -> list[str]:
    return list(LANGUAGES)


class Shop(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    taglines = models.JSONField(default=dict, blank=True)
    accent = models.CharField(max_length=7, default="#3b6e57", help_text="the storefront's colour, as #rrggbb")
    public_key = models.CharField(
        max_length=40,
        unique=True,
        default=new_public_key,
        help_text="names the shop in the store API; no secret",
    )
    language = models.CharField(max_length=5, default="en")
    languages = models.JSONField(default=all_languages)
    currency = models.CharField(max_length=3, default="EUR")
    currencies = models.JSONField(default=list)
    time_zone = models.CharField(max_length=60, default="Europe/Rome")
    country = models.CharField(max_length=2, default="IT")
    prices_include_tax = models.BooleanField(default=True)
    rounding = models.CharField(max_length=10, choices=[(mode.value, mode.value) for mode in Rounding],
                                default=Rounding.HALF_UP.value)  # fmt: skip
    rounding_type = models.CharField(max_length=5, choices=RoundingType.choices, default=RoundingType.LINE)
    abandoned_minutes = models.PositiveIntegerField(default=24 * 60)
    abandoned_basis = models.CharField(max_length=8, choices=AbandonedBasis.choices, default=AbandonedBasis.ACTIVITY)
    online_minutes = models.PositiveIntegerField(default=30)
    pages = models.JSONField(default=dict, blank=True, help_text="{PageKind: {language: text}}")
    bank_details = models.TextField(default="", blank=True, help_text="shown with payment by bank transfer")
    mail_from = models.CharField(max_length=200, default="", blank=True, help_text="sender's address; empty: default")
    mail_name = models.CharField(max_length=120, default="", blank=True, help_text="sender's name; empty: the shop's")
    mail_reply_to = models.CharField(max_length=200, default="", blank=True)
    mail_imprint = models.TextField(default="", blank=True, help_text="who sends it, at the foot of each mail")
    mail_cap = models.PositiveSmallIntegerField(
        default=3, help_text="most recovery mails to a person in `mail_cap_days`"
    )
    mail_cap_days = models.PositiveSmallIntegerField(default=7)
    quiet_from = models.PositiveSmallIntegerField(default=21 * 60, help_text="minutes after local midnight")
    quiet_until = models.PositiveSmallIntegerField(default=8 * 60, help_text="the same as `quiet_from`: no quiet hours")
    consent_basis = models.CharField(max_length=8, choices=ConsentBasis.choices, default=ConsentBasis.CONSENT)
    counts_openings = models.BooleanField(default=False)
    notice_above_minor = models.BigIntegerField(
        null=True, blank=True, help_text="tell staff at once of abandoned carts above this, in `currency`"
    )
    address = models.CharField(
        max_length=300, default="", db_default="", blank=True, help_text="of another shop's pages; empty: it is ours"
    )
    takes_vouchers = models.BooleanField(
        default=True, db_default=True, help_text="whether vouchers of campaigns count there: ours, or made there"
    )
    origins = models.JSONField(
        default=list, blank=True, help_text="other sites whose pages may call the store API and the tracker's"
    )
    order_prefix = models.CharField(max_length=8, default="", blank=True)
    next_order_number = models.PositiveIntegerField(default=1)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def abandoned_after(self) -> timedelta:
        """How long a cart may rest before it counts as abandoned."""
        return timedelta(minutes=self.abandoned_minutes)

    def tagline(self, language: str) -> str:
        return pick(self.taglines, language)

    def page_text(self, kind: str, language: str) -> str:
        """The text of a page in this language, else in the shop's own, else in another; empty if there is none."""
        texts = self.pages.get(kind, {})
        return texts.get(language) or texts.get(self.language) or pick(texts, language)


class ConsentChoice(models.Model):
    """Who may be reminded was chosen anew: what, by whom, and the sentence that they confirmed. Append-only."""

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="consent_choices")
    basis = models.CharField(max_length=8, choices=ConsentBasis.choices)
    sentence = models.TextField(default="", blank=True, help_text="in the words that were shown")
    actor = models.CharField(max_length=40, help_text="system, or staff:7")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.basis}, chosen by {self.actor}"


class ShippingMethod(models.Model):
    """A way to deliver, with its price per currency in minor units, in the shop's tax mode."""

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="shipping_methods")
    code = models.SlugField()
    names = models.JSONField(default=dict)
    prices_minor = models.JSONField(default=dict, help_text="{currency: minor units}")
    tax_rate_ppm = models.PositiveIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["shop", "code"], name="one_shipping_method_per_code")]

    def __str__(self) -> str:
        return self.code

    def name(self, language: str) -> str:
        return pick(self.names, language)
