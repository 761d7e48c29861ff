"""The forms of vouchers: the filters of the list, and a voucher that staff make by hand."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.forms import ANY, Amount, Day, Dressed, FilterForm, dress
from ghostcart.carts.filters import start_of_day
from ghostcart.customers.models import Customer
from ghostcart.lib.money import MICROS, parse_decimal_to_micros
from ghostcart.shops.models import Shop
from ghostcart.vouchers import issuing
from ghostcart.vouchers.errors import InvalidVoucher
from ghostcart.vouchers.issuing import LARGEST_COUNT
from ghostcart.vouchers.models import APPLIES_TO_NAMES, CODE_LENGTH, KIND_NAMES, Status
from ghostcart.vouchers.terms import AppliesTo, Kind

WHOLE_BP = 10_000


class VoucherFilters(FilterForm):
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[ANY, *Status.choices])
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[ANY, *KIND_NAMES])
    origin = forms.ChoiceField(
        label=_("Issued by"), required=False, choices=[ANY, ("staff", _("Staff")), ("campaign", _("Campaigns"))]
    )


class Percent(forms.CharField):
    """A percentage as people type it ("12.5", "12,5 %"); its value is hundredths of a percent, 0 if left empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=10, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)

    def clean(self, value: Any) -> int:
        text = super().clean(value).replace(" ", "").replace("%", "").replace(",", ".")
        if not text:
            return 0
        try:
            points, rest = divmod(parse_decimal_to_micros(text) * 100, MICROS)
        except ValueError:
            raise forms.ValidationError(_("This is not a percentage.")) from None
        if rest or not 0 < points <= WHOLE_BP:
            raise forms.ValidationError(_("The percentage must be above 0 and at most 100, with two decimals at most."))
        return points


class VoucherForm(Dressed, forms.Form):
    """A new voucher of a shop. Which fields count depends on the kind; the others may be left empty."""

    code = forms.CharField(
        label=_("Code"),
        max_length=CODE_LENGTH,
        required=False,
        help_text=_("Left empty, it becomes a random one that nobody can guess."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=KIND_NAMES, widget=forms.RadioSelect, initial=Kind.PERCENT.value)
    percent_bp = Percent(label=_("Percentage"), required=False)
    currency = forms.ChoiceField(label=_("Currency"), help_text=_("Of the amounts on this page."))
    amount_minor = forms.CharField(label=_("Amount"), required=False, max_length=20)
    gift = forms.CharField(
        label=_("Gift (SKU)"), required=False, max_length=64, help_text=_("The article that is put in free of charge.")
    )
    minimum_minor = forms.CharField(
        label=_("Minimum amount"),
        required=False,
        max_length=20,
        help_text=_("What the products must come to, before vouchers and without shipping."),
    )
    applies_to = forms.ChoiceField(label=_("For"), choices=APPLIES_TO_NAMES)
    products = forms.CharField(
        label=_("Selected products"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("References or SKUs, with commas between them."),
    )
    exclude_discounted = forms.BooleanField(label=_("Not for reduced products"), required=False)
    combinable = forms.BooleanField(label=_("Can be combined with other vouchers"), required=False, initial=True)
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=0,
        max_value=999,
        initial=1,
        help_text=_("Where several vouchers meet, the smaller number goes first."),
    )
    valid_from = Day(label=_("Valid from"))
    valid_to = Day(label=_("Last day"), help_text=_("The whole day still counts, in the shop's time zone."))
    quantity = forms.IntegerField(
        label=_("Uses in all"), required=False, min_value=1, max_value=LARGEST_COUNT, help_text=_("Empty: no limit.")
    )
    per_customer = forms.IntegerField(
        label=_("Uses by each customer"),
        required=False,
        min_value=1,
        max_value=LARGEST_COUNT,
        help_text=_("Empty: no limit. Whoever uses it has to say who they are."),
    )
    email = forms.CharField(
        label=_("Only for (e-mail address)"),
        required=False,
        max_length=254,
        help_text=_("A customer of the shop; whichever of their addresses they use. Empty: for everybody."),
    )

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shop = shop
        codes = shop.currencies or [shop.currency]
        self.fields["currency"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]
        self.fields["currency"].initial = shop.currency
        for language in shop.languages:
            name = LANGUAGE_NAMES.get(language, language)
            label = gettext("Name in %(language)s") % {"language": name}
            self.fields[f"name_{language}"] = forms.CharField(label=label, max_length=120, required=False)
            dress(self.fields[f"name_{language}"].widget)
        self.names = [self[f"name_{language}"] for language in shop.languages]
        self.customer: Customer | None = None

    def clean_gift(self) -> int | None:
        sku = self.cleaned_data["gift"].strip()
        return _looked_up(issuing.article, self.shop, sku) if sku else None

    def clean_products(self) -> list[int]:
        asked = [text.strip() for text in re.split(r"[,;\n]", self.cleaned_data["products"]) if text.strip()]
        found: list[int] = _looked_up(issuing.products, self.shop, asked)
        return found

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].strip()
        if email:
            self.customer = _looked_up(issuing.owner, self.shop, email)
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("amount_minor", "minimum_minor"):
            if cleaned.get(name) and "currency" in cleaned:
                try:
                    cleaned[name] = Amount(cleaned["currency"]).clean(cleaned[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return cleaned

    def values(self) -> dict[str, Any]:
        """What `vouchers.issuing.issue` takes, but for shop and time."""
        cleaned, zone = self.cleaned_data, self.shop.zone
        first, last = cleaned["valid_from"], cleaned["valid_to"]
        named = {language: cleaned[f"name_{language}"] for language in self.shop.languages}
        return {
            "kind": Kind(cleaned["kind"]),
            "code": cleaned["code"],
            "names": {language: name for language, name in named.items() if name},
            "percent_bp": cleaned["percent_bp"],
            "amount_minor": cleaned["amount_minor"] or 0,
            "currency": cleaned["currency"],
            "gift_variant_id": cleaned["gift"],
            "priority": cleaned["priority"],
            "minimum_minor": cleaned["minimum_minor"] or 0,
            "applies_to": AppliesTo(cleaned["applies_to"]),
            "product_ids": cleaned["products"],
            "exclude_discounted": cleaned["exclude_discounted"],
            "combinable": cleaned["combinable"],
            "valid_from": start_of_day(first, zone) if first else None,
            "valid_until": start_of_day(last + timedelta(days=1), zone) if last else None,
            "quantity": cleaned["quantity"],
            "per_customer": cleaned["per_customer"],
            "customer": self.customer,
        }


def _looked_up(look: Callable[..., Any], shop: Shop, what: Any) -> Any:
    """What a field names. A refusal stands beside the field."""
    try:
        return look(shop, what)
    except InvalidVoucher as error:
        raise forms.ValidationError(str(error)) from None
