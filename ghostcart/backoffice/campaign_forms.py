"""The forms of campaigns: a new one, whom it is for, and its settings. Steps have `step_form`."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.forms import Amount, Dressed, countries, dress
from ghostcart.catalog.models import Category, Product
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.models import Campaign, Kind
from ghostcart.shops.models import Shop

UNITS = {"weeks": 7 * 24 * 60, "days": 24 * 60, "hours": 60, "minutes": 1}
MANY = 10_000
SEPARATORS = str.maketrans({";": ",", "\n": ",", "\t": ","})


def currencies_of(shop: Shop) -> list[str]:
    return shop.currencies or [shop.currency]


def language_name(language: str) -> str:
    return LANGUAGE_NAMES.get(language, language)


def listed(text: str) -> list[str]:
    """What is typed with commas between, each once."""
    parts = (part.strip() for part in text.translate(SEPARATORS).split(","))
    return list(dict.fromkeys(part for part in parts if part))


class NewCampaignForm(Dressed, forms.Form):
    shop = forms.ChoiceField(label=_("Shop"))
    kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices, widget=forms.RadioSelect)
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("Only staff see it."))

    def __init__(self, *args: Any, shops: Sequence[Shop], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shops = {str(shop.pk): shop for shop in shops}
        self.fields["shop"].choices = [(number, shop.name) for number, shop in self.shops.items()]  # type: ignore[attr-defined]
        if len(shops) == 1:
            self.fields["shop"].widget = forms.HiddenInput()
            self.fields["shop"].initial = shops[0].pk

    def clean_shop(self) -> Shop:
        return self.shops[self.cleaned_data["shop"]]


# -- whom it is for -----------------------------------------------------------------------------------


def _yes_no(any_word: Any, yes: Any, no: Any) -> list[tuple[str, Any]]:
    return [("any", any_word), ("yes", yes), ("no", no)]


class AudienceForm(Dressed, forms.Form):
    """The fields of `audience.Audience` in plain words. What is left empty asks for nothing."""

    languages = forms.MultipleChoiceField(
        label=_("Language"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None ticked: all.")
    )
    countries = forms.MultipleChoiceField(
        label=_("Country"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None ticked: all.")
    )
    currencies = forms.MultipleChoiceField(
        label=_("Currency"), required=False, widget=forms.CheckboxSelectMultiple, help_text=_("None ticked: all.")
    )
    items_min = forms.IntegerField(label=_("At least so many items"), required=False, min_value=1, max_value=MANY)
    items_max = forms.IntegerField(label=_("At most so many items"), required=False, min_value=1, max_value=MANY)
    products_in = forms.CharField(
        label=_("With one of these products"),
        required=False,
        max_length=4000,
        help_text=_("References of products with commas between them."),
    )
    products_out = forms.CharField(label=_("With none of these products"), required=False, max_length=4000)
    categories_in = forms.MultipleChoiceField(
        label=_("With a product of these categories"), required=False, widget=forms.CheckboxSelectMultiple
    )
    categories_out = forms.MultipleChoiceField(
        label=_("With no product of these categories"), required=False, widget=forms.CheckboxSelectMultiple
    )
    buyers = forms.ChoiceField(
        label=_("Who bought before"),
        widget=forms.RadioSelect,
        choices=[("any", _("Everybody")), ("new", _("Only who never ordered")), ("returning", _("Only who ordered"))],
    )
    orders_min = forms.IntegerField(label=_("At least so many orders"), required=False, min_value=0, max_value=MANY)
    orders_max = forms.IntegerField(label=_("At most so many orders"), required=False, min_value=0, max_value=MANY)
    newsletter = forms.ChoiceField(
        label=_("Newsletter"),
        widget=forms.RadioSelect,
        choices=_yes_no(_("Everybody"), _("Only who takes it"), _("Only who does not take it")),
    )
    groups = forms.CharField(
        label=_("Customer groups"), required=False, max_length=1000, help_text=_("Names with commas between them.")
    )

    def __init__(self, *args: Any, shop: Shop, audience: Mapping[str, Any], **kwargs: Any) -> None:
        self.shop = shop
        super().__init__(*args, initial=self._initial(shop, audience), **kwargs)
        language = (get_language() or "en")[:2]
        categories = [(str(one.pk), one.name(language)) for one in Category.objects.filter(shop=shop)]
        for name, choices in {
            "languages": [(code, language_name(code)) for code in shop.languages],
            "countries": countries(language),
            "currencies": [(code, code) for code in currencies_of(shop)],
            "categories_in": categories,
            "categories_out": categories,
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        for currency in currencies_of(shop):
            for end, label in (
                ("min", gettext("At least, in %(currency)s")),
                ("max", gettext("At most, in %(currency)s")),
            ):
                self.fields[f"value_{end}_{currency}"] = Amount(
                    currency,
                    label=label % {"currency": currency},
                    required=False,
                    initial=(audience.get(f"value_{end}_minor") or {}).get(currency),
                )
        for field in self.fields.values():
            dress(field.widget)

    @staticmethod
    def _initial(shop: Shop, audience: Mapping[str, Any]) -> dict[str, Any]:
        plain = ("languages", "countries", "currencies", "items_min", "items_max", "orders_min", "orders_max")
        initial = {name: audience.get(name) for name in plain}
        for end in ("in", "out"):
            initial[f"categories_{end}"] = [str(number) for number in audience.get(f"category_ids_{end}") or []]
            initial[f"products_{end}"] = ", ".join(references(shop, audience.get(f"product_ids_{end}") or []))
        return initial | {
            "buyers": audience.get("buyers") or "any",
            "newsletter": audience.get("newsletter") or "any",
            "groups": ", ".join(audience.get("groups") or []),
        }

    def values_by_currency(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The two ends of the cart's value, a pair for each currency."""
        return [(self[f"value_min_{code}"], self[f"value_max_{code}"]) for code in currencies_of(self.shop)]

    def clean_products_in(self) -> list[int]:
        return self._numbers("products_in")

    def clean_products_out(self) -> list[int]:
        return self._numbers("products_out")

    def _numbers(self, name: str) -> list[int]:
        """The ids of the products whose references were typed; those nobody knows are told."""
        typed = listed(self.cleaned_data[name])
        known = dict(Product.objects.filter(shop=self.shop, reference__in=typed).values_list("reference", "pk"))
        unknown = [reference for reference in typed if reference not in known]
        if unknown:
            told = _("No product has the reference “%(reference)s”.")
            raise forms.ValidationError([forms.ValidationError(told % {"reference": one}) for one in unknown[:5]])
        return [known[reference] for reference in typed]

    def clean_groups(self) -> list[str]:
        return listed(self.cleaned_data["groups"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pairs = [("items_min", "items_max"), ("orders_min", "orders_max")]
        pairs += [(f"value_min_{code}", f"value_max_{code}") for code in currencies_of(self.shop)]
        for low, high in pairs:
            least, most = cleaned.get(low), cleaned.get(high)
            if least is not None and most is not None and least > most:
                self.add_error(high, _("This is less than the least."))
        return cleaned

    def audience(self) -> dict[str, Any]:
        """What `audience.Audience.parse` takes; what asks for nothing is left out."""
        values = self.cleaned_data
        found = {name: values[name] for name in ("languages", "countries", "currencies", "groups")}
        found |= {name: values[name] for name in ("items_min", "items_max", "orders_min", "orders_max")}
        for end in ("in", "out"):
            found[f"product_ids_{end}"] = values[f"products_{end}"]
            found[f"category_ids_{end}"] = [int(number) for number in values[f"categories_{end}"]]
        for end in ("min", "max"):
            ends = {code: values[f"value_{end}_{code}"] for code in currencies_of(self.shop)}
            found[f"value_{end}_minor"] = {code: minor for code, minor in ends.items() if minor is not None}
        found |= {name: "" if values[name] == "any" else values[name] for name in ("buyers", "newsletter")}
        return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def references(shop: Shop, numbers: Sequence[int]) -> list[str]:
    """The references of products, by their ids; a product that is gone is left out."""
    known = dict(Product.objects.filter(shop=shop, pk__in=numbers).values_list("pk", "reference"))
    return [known[number] for number in numbers if known.get(number)]


# -- settings -----------------------------------------------------------------------------------------


class CampaignForm(Dressed, forms.Form):
    """Name, priority, hold-out and budgets; and what best and lapsed customers are counted by."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("Only staff see it."))
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=1,
        max_value=999,
        help_text=_("Where two campaigns meet the same person, the smaller number writes and the other waits."),
    )
    holdout = forms.DecimalField(
        label=_("Held out (%)"),
        min_value=0,
        max_value=90,
        max_digits=4,
        decimal_places=2,
        help_text=_(
            "This share of the people gets nothing, so that the report can tell what the campaign really brings. "
            "It cannot be changed once the campaign has started."
        ),
    )
    currency = forms.ChoiceField(label=_("Currency of the amounts"))
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=3650)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        self.campaign = campaign
        currency = campaign.currency or campaign.shop.currency
        initial = {
            "name": campaign.name,
            "priority": campaign.priority,
            "holdout": plain_percent(campaign.holdout_bp),
            "currency": currency,
            "days": campaign.days or None,
        }
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["currency"].choices = [(code, code) for code in currencies_of(campaign.shop)]  # type: ignore[attr-defined]
        self.fields["holdout"].disabled = campaign.started_at is not None
        self._set_amounts(self._currency(currency))
        self._set_days()
        for field in self.fields.values():
            dress(field.widget)

    def _currency(self, saved: str) -> str:
        """Amounts are read in the currency chosen in the same form."""
        chosen = self.data.get("currency", saved) if self.is_bound else saved
        return chosen if chosen in currencies_of(self.campaign.shop) else saved

    def _set_amounts(self, currency: str) -> None:
        for name, label, hint in (
            ("day_budget", _("Vouchers a day, at most"), _("What they may be worth together. Empty: no limit.")),
            ("budget", _("Vouchers in all, at most"), _("What they may be worth together. Empty: no limit.")),
        ):
            value = getattr(self.campaign, f"{name}_minor")
            self.fields[name] = Amount(currency, label=label, required=False, initial=value, help_text=hint)
        if TRAITS[self.campaign.kind].threshold_minor:
            self.fields["threshold"] = Amount(
                currency, label=_("Spent at least"), initial=self.campaign.threshold_minor or None
            )

    def _set_days(self) -> None:
        traits = TRAITS[self.campaign.kind]
        if not traits.days:
            del self.fields["days"]
        elif traits.begins == Begins.SILENCE:
            self.fields["days"].label = _("So many days without an order")
        else:
            self.fields["days"].label = _("Within so many days")

    def values(self) -> dict[str, Any]:
        """What `campaigns.save` takes."""
        values = dict(self.cleaned_data)
        values["day_budget_minor"] = values.pop("day_budget")
        values["budget_minor"] = values.pop("budget")
        holdout = values.pop("holdout")
        if not self.fields["holdout"].disabled:
            values["holdout_bp"] = int(holdout * 100)
        if "threshold" in values:
            values["threshold_minor"] = values.pop("threshold")
        return values


def plain_percent(basis_points: int) -> str:
    """1000 is "10", 1250 is "12.5"."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02}".rstrip("0") if rest else str(whole)
