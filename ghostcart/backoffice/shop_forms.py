"""The settings of a shop: how it counts, rounds and speaks; and a way to deliver."""

from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from babel.numbers import is_currency
from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.forms import LANGUAGES, Amount, Dressed, Marked, dress
from ghostcart.lib.money import Rounding
from ghostcart.shops import origins, services
from ghostcart.shops.models import AbandonedBasis, RoundingType, ShippingMethod, Shop

UNITS = {"days": 24 * 60, "hours": 60, "minutes": 1}
SETTINGS = (
    "name", "languages", "language", "currencies", "currency", "time_zone", "abandoned_minutes", "abandoned_basis",
    "online_minutes", "rounding", "rounding_type", "origins",
)  # fmt: skip
"""What `ShopForm` shows and saves."""


class ShopForm(Dressed, Marked):
    name = forms.CharField(label=_("Name of the shop"), max_length=120)
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=LANGUAGES,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The storefront can be read in these languages."),
    )
    language = forms.ChoiceField(
        label=_("Default language"),
        choices=LANGUAGES,
        help_text=_("Shown to shoppers whose browser asks for none of the languages above."),
    )
    currencies = forms.CharField(
        label=_("Currencies"),
        max_length=120,
        help_text=_("Three-letter codes with commas between them. Products need a price in each of them."),
    )
    currency = forms.CharField(
        label=_("Default currency"), max_length=3, help_text=_("Used until a shopper chooses another.")
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Days, reports and the ends of vouchers follow this clock.")
    )
    abandoned_number = forms.IntegerField(
        label=_("A cart is abandoned after"),
        min_value=1,
        max_value=10_000,
    )
    abandoned_unit = forms.ChoiceField(
        label=_("Unit"), choices=[("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))]
    )
    abandoned_basis = forms.ChoiceField(
        label=_("Counted from"),
        choices=AbandonedBasis.choices,
        widget=forms.RadioSelect,
        help_text=_("The last activity is kinder to those who come back; the creation is what PrestaShop counts."),
    )
    online_minutes = forms.IntegerField(
        label=_("Online for (minutes)"),
        min_value=1,
        max_value=24 * 60,
        help_text=_("A shopper counts as online for this long after their last request."),
    )
    rounding = forms.ChoiceField(
        label=_("Rounding"),
        choices=[
            (Rounding.HALF_UP.value, _("To the nearest, a half goes up")),
            (Rounding.HALF_DOWN.value, _("To the nearest, a half goes down")),
            (Rounding.HALF_EVEN.value, _("To the nearest, a half goes to the even neighbour")),
            (Rounding.HALF_ODD.value, _("To the nearest, a half goes to the odd neighbour")),
            (Rounding.UP.value, _("Always up")),
            (Rounding.DOWN.value, _("Always down")),
        ],
        help_text=_("What happens to fractions of the smallest coin."),
    )
    rounding_type = forms.ChoiceField(
        label=_("What is rounded"),
        choices=RoundingType.choices,
        help_text=_("Open carts are counted anew at their next change."),
    )

    origins = forms.CharField(
        label=_("Other sites that may call"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_(
            "One a line, as https://www.example.com. Pages of no other site may use the tracker or the store API."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = [(name, name) for name in time_zones()]  # type: ignore[attr-defined]

    @classmethod
    def of(cls, shop: Shop, data: Any = None) -> "ShopForm":
        unit = next((unit for unit, minutes in UNITS.items() if shop.abandoned_minutes % minutes == 0), "minutes")
        initial = {name: getattr(shop, name) for name in SETTINGS} | {
            "currencies": ", ".join(shop.currencies or [shop.currency]),
            "origins": "\n".join(shop.origins),
            "abandoned_number": shop.abandoned_minutes // UNITS[unit],
            "abandoned_unit": unit,
            "mark": services.settings_mark(shop, SETTINGS),
        }
        return cls(data, initial=initial)

    def clean_origins(self) -> list[str]:
        told = self.cleaned_data["origins"].split()
        if len(told) > origins.MOST_ORIGINS:
            raise forms.ValidationError(_("At most %(most)s sites, please.") % {"most": origins.MOST_ORIGINS})
        try:
            return list(dict.fromkeys(origins.normal(one) for one in told))
        except origins.BadOrigin as bad:
            raise forms.ValidationError(str(bad)) from None

    def clean_currencies(self) -> list[str]:
        codes = [code.strip().upper() for code in self.cleaned_data["currencies"].split(",") if code.strip()]
        for code in codes:
            check_currency(code)
        return list(dict.fromkeys(codes))

    def clean_currency(self) -> str:
        return check_currency(self.cleaned_data["currency"].strip().upper())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for one, many, message in (
            ("language", "languages", _("The default language must be one of the languages.")),
            ("currency", "currencies", _("The default currency must be one of the currencies.")),
        ):
            if one in cleaned and many in cleaned and cleaned[one] not in cleaned[many]:
                self.add_error(one, message)
        return cleaned

    def settings(self) -> dict[str, Any]:
        """What `shops.services.change_settings` takes."""
        values = dict(self.cleaned_data)
        values["abandoned_minutes"] = values.pop("abandoned_number") * UNITS[values.pop("abandoned_unit")]
        return {name: values[name] for name in SETTINGS}


def check_currency(code: str) -> str:
    if not is_currency(code):
        raise forms.ValidationError(gettext("“%(code)s” is not a currency.") % {"code": code})
    return code


@lru_cache(maxsize=1)
def time_zones() -> list[str]:
    known = sorted(
        name
        for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix", "right"))
    )
    return [*known, "UTC"]


class ShippingForm(Dressed, Marked):
    """A way to deliver: its name in each language of the shop, its price in each currency."""

    is_active = forms.BooleanField(label=_("Offered in the shop"), required=False)

    def __init__(self, *args: Any, method: ShippingMethod, shop: Shop, **kwargs: Any) -> None:
        initial = {"is_active": method.is_active, "mark": services.shipping_mark(method)}
        super().__init__(*args, initial=initial, **kwargs)
        self.method = method
        self.languages, self.currencies = shop.languages, shop.currencies or [shop.currency]
        for language in self.languages:
            self.fields[f"name_{language}"] = forms.CharField(
                label=_("Name in %(language)s") % {"language": LANGUAGE_NAMES.get(language, language)},
                max_length=120,
                required=language == shop.language,
                initial=method.names.get(language, ""),
            )
        for currency in self.currencies:
            self.fields[f"price_{currency}"] = Amount(
                currency,
                label=_("Price in %(currency)s") % {"currency": currency},
                initial=method.prices_minor.get(currency),
                required=True,
            )
        for field in self.fields.values():
            dress(field.widget)

    def values(self) -> dict[str, Any]:
        """What `shops.services.change_shipping_method` takes; other languages and currencies are kept."""
        names = {language: self.cleaned_data[f"name_{language}"] for language in self.languages}
        prices = {currency: self.cleaned_data[f"price_{currency}"] for currency in self.currencies}
        return {
            "names": self.method.names | names,
            "prices_minor": self.method.prices_minor | prices,
            "is_active": self.cleaned_data["is_active"],
        }
