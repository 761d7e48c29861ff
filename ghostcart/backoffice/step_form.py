"""The form of a step: when its mail goes, what voucher it brings, and its texts."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.campaign_forms import UNITS, currencies_of, language_name, plain_percent
from ghostcart.backoffice.forms import Amount, Dressed, Marked, dress
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Step, VoucherKind
from ghostcart.shops.models import Shop

LONGEST_DELAY = 26 * UNITS["weeks"]
LONGEST_SUBJECT, LONGEST_BODY = 200, 20_000


class StepForm(Dressed, Marked):
    """When a mail goes, what voucher it brings, and its subject and text in each language of the shop."""

    delay_number = forms.IntegerField(label=_("Goes out after"), min_value=0, max_value=LONGEST_DELAY)
    delay_unit = forms.ChoiceField(
        label=_("Unit"),
        choices=[("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days")), ("weeks", _("weeks"))],
    )
    since = forms.ChoiceField(label=_("Counted from"), choices=Step.Since.choices, widget=forms.RadioSelect)
    voucher = forms.ChoiceField(label=_("Voucher"), choices=VoucherKind.choices)
    percent = forms.DecimalField(
        label=_("Percentage"),
        required=False,
        min_value=Decimal("0.01"),
        max_value=100,
        max_digits=5,
        decimal_places=2,
    )
    valid_days = forms.IntegerField(
        label=_("Valid for so many days"),
        min_value=1,
        max_value=365,
        help_text=_("It ends with the last of these days, by the clock of the shop."),
    )

    def __init__(self, *args: Any, step: Step, shop: Shop, **kwargs: Any) -> None:
        self.step, self.shop = step, shop
        unit = next((unit for unit, minutes in UNITS.items() if step.delay_minutes % minutes == 0), "minutes")
        initial = {
            "delay_number": step.delay_minutes // UNITS[unit],
            "delay_unit": unit if step.delay_minutes else "minutes",
            "since": step.since,
            "voucher": step.voucher,
            "percent": plain_percent(step.percent_bp) if step.percent_bp else None,
            "valid_days": step.valid_days,
            "mark": campaigns.step_mark(step),
        }
        super().__init__(*args, initial=initial, **kwargs)
        for currency in currencies_of(shop):
            for name, label, kept in (
                ("amount", _("Worth, in %(currency)s"), step.amounts_minor),
                ("minimum", _("From a cart of, in %(currency)s"), step.minimums_minor),
            ):
                self.fields[f"{name}_{currency}"] = Amount(
                    currency, label=label % {"currency": currency}, required=False, initial=kept.get(currency)
                )
        for language in shop.languages:
            self._add_texts(language)
        for field in self.fields.values():
            dress(field.widget)

    def _add_texts(self, language: str) -> None:
        text = self.step.texts.get(language) or {}
        name = language_name(language)
        self.fields[f"subject_{language}"] = forms.CharField(
            label=_("Subject in %(language)s") % {"language": name},
            required=False,
            max_length=LONGEST_SUBJECT,
            initial=text.get("subject", ""),
            widget=forms.TextInput(attrs={"lang": language}),
        )
        self.fields[f"body_{language}"] = forms.CharField(
            label=_("Text in %(language)s") % {"language": name},
            required=False,
            max_length=LONGEST_BODY,
            initial=text.get("body", ""),
            widget=forms.Textarea(attrs={"rows": 16, "lang": language, "class": "form-control mail-text"}),
        )

    def amounts(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"amount_{code}"], self[f"minimum_{code}"]) for code in currencies_of(self.shop)]

    def panels(self) -> list[dict[str, Any]]:
        """What each language shows: its fields, whether it has a text, and from where one can be copied."""
        filled = [one for one in self.shop.languages if self.typed(one)["body"].strip()]
        return [
            {
                "language": language,
                "name": language_name(language),
                "subject": self[f"subject_{language}"],
                "body": self[f"body_{language}"],
                "is_missing": language not in filled,
                "has_errors": bool(self[f"subject_{language}"].errors or self[f"body_{language}"].errors),
                "sources": [(one, language_name(one)) for one in filled if one != language],
            }
            for language in self.shop.languages
        ]

    def typed(self, language: str) -> dict[str, str]:
        """Subject and text as they stand in the form now, whether they are valid or not."""
        return {
            name: str(self[f"{name}_{language}"].value() or "").replace("\r\n", "\n") for name in ("subject", "body")
        }

    def texts(self) -> dict[str, dict[str, str]]:
        """The texts to keep: those typed, and those in languages that the shop does not speak now."""
        typed = {one: self.typed(one) for one in self.shop.languages}
        written = {one: text for one, text in typed.items() if text["subject"].strip() or text["body"].strip()}
        others = {one: text for one, text in self.step.texts.items() if one not in typed}
        return others | written

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._check_delay(cleaned)
        self._check_voucher(cleaned)
        return cleaned

    def _check_delay(self, cleaned: dict[str, Any]) -> None:
        number, unit = cleaned.get("delay_number"), cleaned.get("delay_unit")
        if number is not None and unit and number * UNITS[unit] > LONGEST_DELAY:
            self.add_error("delay_number", _("The longest delay is 26 weeks."))

    def _check_voucher(self, cleaned: dict[str, Any]) -> None:
        kind = cleaned.get("voucher")
        if kind == VoucherKind.PERCENT and not cleaned.get("percent") and "percent" not in self.errors:
            self.add_error("percent", _("A percentage is needed."))
        if kind == VoucherKind.AMOUNT and not any(cleaned.get(f"amount_{one}") for one in currencies_of(self.shop)):
            self.add_error(f"amount_{currencies_of(self.shop)[0]}", _("An amount is needed in at least one currency."))

    def values(self) -> dict[str, Any]:
        """What `campaigns.save_step` takes."""
        values, codes = self.cleaned_data, currencies_of(self.shop)
        amounts = {code: values[f"amount_{code}"] for code in codes if values[f"amount_{code}"]}
        minimums = {code: values[f"minimum_{code}"] for code in codes if values[f"minimum_{code}"]}
        return {
            "delay_minutes": values["delay_number"] * UNITS[values["delay_unit"]],
            "since": values["since"],
            "texts": self.texts(),
            "voucher": values["voucher"],
            "percent_bp": int((values["percent"] or 0) * 100),
            "amounts_minor": amounts,
            "minimums_minor": minimums,
            "valid_days": values["valid_days"],
        }
