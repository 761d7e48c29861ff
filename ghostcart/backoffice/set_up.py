"""The first steps of an installation, in their order. What is done is seen from what is there, so that they can be left
and taken up at any time, by anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from ghostcart.backoffice.forms import LANGUAGES, Dressed, countries
from ghostcart.backoffice.mail_forms import ConsentForm
from ghostcart.backoffice.models import User
from ghostcart.backoffice.shop_forms import check_currency, time_zones
from ghostcart.catalog.models import Product
from ghostcart.connectors import queries as connections
from ghostcart.mail import outbox, relay
from ghostcart.mail.models import Message
from ghostcart.recovery.models import Campaign, CampaignState
from ghostcart.shops.models import ConsentBasis, Shop

HOMES = {
    "en": ("GB", "GBP", "Europe/London"),
    "it": ("IT", "EUR", "Europe/Rome"),
    "es": ("ES", "EUR", "Europe/Madrid"),
    "de": ("DE", "EUR", "Europe/Berlin"),
    "fr": ("FR", "EUR", "Europe/Paris"),
    "nl": ("NL", "EUR", "Europe/Amsterdam"),
}
"""Country, currency and time zone to begin with, by the reader's language."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, whether it is, and where; `text` says how it stands."""

    key: str
    title: str
    text: str
    is_done: bool
    url: str = ""
    action: str = ""


class ShopForm(Dressed, ConsentForm):
    """What a shop of one's own needs to begin with; all of it can be changed later."""

    name = forms.CharField(label=gettext_lazy("Name of the shop"), max_length=120)
    country = forms.ChoiceField(label=gettext_lazy("Country"))
    language = forms.ChoiceField(label=gettext_lazy("Default language"), choices=LANGUAGES)
    currency = forms.CharField(
        label=gettext_lazy("Default currency"), max_length=3, help_text=gettext_lazy("Three letters, as in EUR.")
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Days, reports and the ends of vouchers follow this clock."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        language = (get_language() or "en")[:2]
        country, currency, zone = HOMES.get(language, HOMES["en"])
        start = {"country": country, "language": language, "currency": currency, "time_zone": zone,
                 "consent_basis": ConsentBasis.CONSENT}  # fmt: skip
        super().__init__(*args, initial=start, **kwargs)
        self.fields["country"].choices = countries(language)  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [(name, name) for name in time_zones()]  # type: ignore[attr-defined]

    def clean_currency(self) -> str:
        return check_currency(self.cleaned_data["currency"].strip().upper())


def steps(shop: Shop | None, user: User) -> list[Step]:
    """What there is to do for a shop, or before there is one."""
    if shop is None:
        return [Step("shop", _("Your shop"), _("Make one here, or attach the one you have."), False)]
    where = {"shop_id": shop.pk}
    return [
        Step(
            "shop",
            _("Your shop"),
            shop.name,
            True,
            reverse("backoffice:shop-settings", kwargs=where),
            _("Shop settings"),
        ),
        _goods(shop),
        _sender(shop),
        _test_mail(shop, user),
        Step(
            "campaign",
            _("The first follow-up"),
            _("A running campaign writes to those who left their cart. Its replay shows before who would get what."),
            Campaign.objects.filter(shop=shop, state=CampaignState.RUNNING).exists(),
            reverse("backoffice:campaigns"),
            _("Campaigns"),
        ),
    ]


def _goods(shop: Shop) -> Step:
    is_attached = connections.is_attached(shop.pk)
    if is_attached:
        text, url, action = (
            _("The other shop's products come in with its carts."),
            reverse("backoffice:connections"),
            _("Connections"),
        )
    else:
        text = _("Your programs put products in, or your own pages tell of carts, by the API.")
        url, action = "/api/docs", _("API documentation")
    return Step("goods", _("Products"), text, is_attached or Product.objects.filter(shop=shop).exists(), url, action)


def _sender(shop: Shop) -> Step:
    text = (
        _("Mails come from %(address)s.") % {"address": shop.mail_from}
        if shop.mail_from
        else _("From which address shoppers hear of you, and who you are.")
    )
    url = reverse("backoffice:mail-settings", kwargs={"shop_id": shop.pk})
    return Step(
        "sender", _("Sender and consent"), text, bool(shop.mail_from and shop.mail_imprint), url, _("Mail and notices")
    )


def _test_mail(shop: Shop, user: User) -> Step:
    last = last_test(shop, user)
    trouble = relay.trouble()
    if last is not None:
        text = _("To %(address)s: %(state)s.") % {"address": last.address, "state": last.get_state_display()}
    else:
        text = trouble or _("A mail to yourself shows that your mail server takes it.")
    return Step(
        "test",
        _("A test mail"),
        f"{text} {trouble}" if last and trouble else text,
        last is not None and last.sent_at is not None,
    )


def last_test(shop: Shop, user: User) -> Message | None:
    return Message.objects.filter(shop=shop, kind="test", address=user.email).order_by("-pk").first()


def send_test(shop: Shop, user: User, language: str, now: datetime) -> Message:
    """A mail to whoever asks for it; the worker sends it."""
    template = {
        "subject": _("A test mail of %(shop)s") % {"shop": shop.name},
        "body": _("This mail shows that your mail server takes what Ghostcart hands over."),
    }
    return outbox.enqueue(
        shop_id=shop.pk, kind="test", address=user.email, language=language, due_at=now, now=now,
        template=template, facts={}, is_demo=shop.is_demo,
    )  # fmt: skip


def is_open(found: Iterable[Step]) -> bool:
    return any(not step.is_done for step in found)
