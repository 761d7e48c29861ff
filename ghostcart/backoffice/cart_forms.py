"""The form of the clean-up of carts."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Dressed
from ghostcart.carts.services import CleanUp, Which


class CleanUpForm(Dressed, forms.Form):
    """Which carts go. The hidden fields carry the dry run's moment and how far the clean-up is from batch to batch."""

    which = forms.ChoiceField(label=_("Which carts"), choices=Which.choices, initial=Which.AGE)
    days = forms.IntegerField(
        label=_("Neither changed nor visited for this many days"), min_value=1, max_value=3650, initial=90
    )
    since = forms.CharField(required=False, widget=forms.HiddenInput)
    total = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    done = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def clean_since(self) -> datetime:
        """The moment of the dry run; never later than now, which would take more than was shown."""
        try:
            moment = datetime.fromisoformat(self.cleaned_data["since"])
        except ValueError:
            return self.now
        return min(moment, self.now) if moment.tzinfo else min(moment.replace(tzinfo=UTC), self.now)

    def clean_total(self) -> int:
        return self.cleaned_data["total"] or 0

    def clean_done(self) -> int:
        return self.cleaned_data["done"] or 0

    def rule(self, shop_ids: tuple[int, ...]) -> CleanUp:
        values = self.cleaned_data
        return CleanUp(shop_ids=shop_ids, which=Which(values["which"]), days=values["days"], since=values["since"])
