"""The forms of API keys."""

from datetime import UTC, datetime, timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Day, Dressed
from ghostcart.carts.filters import start_of_day
from ghostcart.connectors import keys
from ghostcart.connectors.models import Scope
from ghostcart.shops.models import Shop

OVERLAPS = [
    ("0", _("Not at all: it ends now")),
    ("1", _("1 hour")),
    ("24", _("24 hours")),
    ("168", _("7 days")),
]


class KeyForm(Dressed, forms.Form):
    """A new key: what it is for, what it may do, how long and how often."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Which program gets it: “Shop system”, “ERP”."))
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    last_day = Day(label=_("Last day"), help_text=_("Empty: until it is revoked."))
    per_minute = forms.IntegerField(
        label=_("Requests a minute"),
        min_value=keys.PER_MINUTE.start,
        max_value=keys.PER_MINUTE.stop - 1,
        initial=600,
        help_text=_("Whoever asks more often is told to wait."),
    )

    def expires_at(self, shop: Shop) -> datetime | None:
        """The end of the last day in the shop's time zone."""
        day = self.cleaned_data["last_day"]
        return start_of_day(day + timedelta(days=1), shop.zone).astimezone(UTC) if day else None


class RotateForm(Dressed, forms.Form):
    overlap = forms.ChoiceField(label=_("How long the old token still works"), choices=OVERLAPS, initial="24")

    def chosen(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["overlap"]))
