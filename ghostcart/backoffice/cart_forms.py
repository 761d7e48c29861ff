"""The forms of carts: changing what is in one, and the clean-up."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Dressed, dress
from ghostcart.carts.models import CartLine
from ghostcart.carts.opencart import MOST_QUANTITY
from ghostcart.carts.services import CleanUp, Which


class LinesForm(Dressed, forms.Form):
    """What is in a cart: how many of each, and a product to put in."""

    sku = forms.CharField(label=_("Article number (SKU)"), max_length=64, required=False)
    quantity = forms.IntegerField(label=_("Quantity"), min_value=1, max_value=MOST_QUANTITY, initial=1, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, lines: Sequence[CartLine], version: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].initial = version
        self.lines = []
        for line in lines:
            name = f"line_{line.pk}"
            self.fields[name] = forms.IntegerField(
                label=_("Quantity"), min_value=0, max_value=MOST_QUANTITY, initial=line.quantity, required=False
            )
            dress(self.fields[name].widget)
            self.lines.append((line, self[name]))

    def quantities(self) -> dict[str, int]:
        """The new quantities by line key, of those that are to be others. An empty field leaves its line alone."""
        told = {line: self.cleaned_data.get(field.name) for line, field in self.lines}
        return {line.key: count for line, count in told.items() if count is not None and count != line.quantity}


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
