"""Filters and forms of the pages about mail."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import ANY, Day, Dressed, FilterForm
from ghostcart.mail.models import EventKind, State
from ghostcart.shops.models import Shop

KINDS = [
    ("reminder", _("Follow-up")),
    ("test", _("Test")),
    ("summary", _("Summary for staff")),
    ("notice", _("Notice for staff")),
    ("account", _("Account")),
]
SUPPRESSION_REASONS = {
    "unsubscribed": _("unsubscribed"),
    "bounced": _("mail came back"),
    "complained": _("reported as spam"),
    "staff": _("put here by staff"),
    "imported": _("imported"),
    "erased": _("data erased"),
}


class MessageFilters(FilterForm):
    state = forms.ChoiceField(label=_("State"), required=False, choices=[ANY, *State.choices])
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[ANY, *KINDS])
    event = forms.ChoiceField(label=_("What came back"), required=False, choices=[ANY, *EventKind.choices])
    campaign = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    due_from = Day(label=_("From"))
    due_to = Day(label=_("Until"))


class SuppressionFilters(FilterForm):
    pass


class SuppressForm(Dressed, forms.Form):
    """One address for the list."""

    shop = forms.ModelChoiceField(label=_("Shop"), queryset=Shop.objects.none(), empty_label=None)
    address = forms.EmailField(label=_("E-mail address"), max_length=254)

    def __init__(self, *args: Any, shops: Sequence[Shop], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shop"].queryset = Shop.objects.filter(pk__in=[shop.pk for shop in shops])  # type: ignore[attr-defined]


class SuppressionFileForm(SuppressForm):
    """A file of addresses for the list."""

    address = None  # type: ignore[assignment]
    file = forms.FileField(label=_("CSV file"), widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
