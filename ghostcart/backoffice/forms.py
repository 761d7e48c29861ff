"""The forms of the back office, in the look of its pages. Forms of lists are sent by GET and read leniently."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from babel import Locale
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.models import Role, User
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.money import MICROS, format_minor, minor_digits, parse_decimal_to_micros
from ghostcart.orders.models import Order, OrderStatus, PaymentMethod
from ghostcart.orders.services import BY_HAND
from ghostcart.shops.models import ShippingMethod, Shop

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 30)
LARGEST_PRICE = 10**12
ANY = ("", _("All"))
LANGUAGES = list(LANGUAGE_NAMES.items())


class Dressed:
    """Gives every widget of a form the classes of the kit."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field.widget)


def dress(widget: forms.Widget) -> None:
    if isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect):
        look = "form-check-input"
    elif isinstance(widget, forms.Select):
        look = "form-select"
    else:
        look = "form-control"
    widget.attrs.setdefault("class", look)


class Marked(forms.Form):
    """Carries the mark of what it was filled with, so that two who edit one text do not write over each other."""

    mark = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    is_overtaken = False

    def overtake(self, refused: SavedMeanwhile, mark: str) -> None:
        """Somebody else has saved since: it is told, what was typed stays, and to save again writes over theirs."""
        self.data = self.data.copy()  # type: ignore[attr-defined]
        self.data["mark"] = mark  # type: ignore[index]
        self.is_overtaken = True
        self.add_error(None, str(refused))


class Day(forms.DateField):
    """A day, as a browser's own date field sends it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        validators = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
        super().__init__(required=False, widget=widget, input_formats=["%Y-%m-%d"], validators=validators, **kwargs)


class Amount(forms.CharField):
    """An amount of a currency as people type it ("12.50", "12,50"); its value is minor units, None if left empty."""

    def __init__(self, currency: str, **kwargs: Any) -> None:
        self.currency = currency
        super().__init__(max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        digits = minor_digits(self.currency)
        text = str(value).rjust(digits + 1, "0")
        return f"{text[:-digits]}.{text[-digits:]}" if digits else text

    def clean(self, value: Any) -> int | None:
        text = super().clean(value).replace(" ", "").replace(",", ".")
        if not text:
            return None
        try:
            micros = parse_decimal_to_micros(text)
        except ValueError:
            raise forms.ValidationError(_("This is not an amount.")) from None
        minor, rest = divmod(micros, MICROS // 10 ** minor_digits(self.currency))
        if rest or not 0 <= minor <= LARGEST_PRICE:
            raise forms.ValidationError(_("This is not an amount in this currency."))
        return minor


# -- lists --------------------------------------------------------------------------------------------


class FilterForm(Dressed, forms.Form):
    """Filters of a list. What cannot be read is left out and told; the rest counts."""

    q = forms.CharField(
        label=_("Search"), required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ChoiceField):
                field.widget.attrs["data-submits"] = ""

    def asked(self) -> dict[str, Any]:
        """The values that could be read."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


class CustomerFilters(FilterForm):
    kind = forms.ChoiceField(
        label=_("Account"), required=False, choices=[ANY, ("account", _("With an account")), ("guest", _("Guests"))]
    )
    language = forms.ChoiceField(label=_("Language"), required=False, choices=[ANY, *LANGUAGES])
    consent = forms.ChoiceField(
        label=_("Consent"), required=False, choices=[ANY, ("yes", _("Given")), ("no", _("Not given"))]
    )
    registered_from = Day(label=_("Registered from"))
    registered_to = Day(label=_("Registered until"))


class OrderFilters(FilterForm):
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[ANY, *OrderStatus.choices])
    payment = forms.ChoiceField(label=_("Payment"), required=False, choices=[ANY, *PaymentMethod.choices])
    shipping = forms.CharField(label=_("Shipping"), required=False, max_length=60)
    currency = forms.ChoiceField(label=_("Currency"), required=False)
    placed_from = Day(label=_("Placed from"))
    placed_to = Day(label=_("Placed until"))

    def __init__(self, *args: Any, shops: Sequence[Shop], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = sorted({code for shop in shops for code in (shop.currency, *shop.currencies)})
        self.fields["currency"].choices = [ANY, *((code, code) for code in codes)]  # type: ignore[attr-defined]


# -- one customer, one order --------------------------------------------------------------------------


class NoteForm(Dressed, Marked):
    note = forms.CharField(
        label=_("Private note"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Only staff see it."),
    )


class RefundForm(Dressed, forms.Form):
    """What was given back of an order's products, and what had been before, as whoever fills it in saw it."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=LARGEST_PRICE)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, initial={"seen": order.refunded_minor}, **kwargs)
        self.fields["amount"] = Amount(order.currency, label=_("Amount"))


@lru_cache(maxsize=16)
def countries(language: str) -> list[tuple[str, str]]:
    names = Locale.parse(language).territories
    known = [(code, name) for code, name in names.items() if len(code) == 2 and code.isalpha()]
    apart = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}
    return sorted((pair for pair in known if pair[0] not in apart), key=lambda pair: pair[1].casefold())


class PhoneOrderForm(Dressed, forms.Form):
    """An order taken by staff: who, where to, how. Who is asked only of a cart without a customer."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    first_name = forms.CharField(label=_("First name"), max_length=120)
    last_name = forms.CharField(label=_("Last name"), max_length=120)
    phone = forms.CharField(label=_("Telephone"), max_length=40, required=False)
    street = forms.CharField(label=_("Street and number"), max_length=200)
    postcode = forms.CharField(label=_("Postcode"), max_length=20)
    city = forms.CharField(label=_("City"), max_length=120)
    country = forms.ChoiceField(label=_("Country"))
    shipping_method = forms.ChoiceField(label=_("Shipping method"), widget=forms.RadioSelect)
    payment = forms.ChoiceField(
        label=_("Payment"),
        widget=forms.RadioSelect,
        choices=[choice for choice in PaymentMethod.choices if choice[0] in BY_HAND],
        initial=PaymentMethod.BY_PHONE,
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(
        self,
        *args: Any,
        shop: Shop,
        currency: str,
        has_customer: bool,
        methods: Sequence[ShippingMethod],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        language = (get_language() or "en")[:2]
        if has_customer:
            del self.fields["email"]
        self.fields["country"].choices = countries(language)  # type: ignore[attr-defined]
        self.fields["country"].initial = shop.country
        self.fields["shipping_method"].choices = [  # type: ignore[attr-defined]
            (
                method.code,
                f"{method.name(language)} · {format_minor(method.prices_minor.get(currency, 0), currency, language)}",
            )
            for method in methods
        ]
        if methods:
            self.fields["shipping_method"].initial = methods[0].code

    def address(self) -> dict[str, str]:
        names = ("first_name", "last_name", "street", "postcode", "city", "country", "phone")
        return {name: self.cleaned_data[name] for name in names}


# -- staff --------------------------------------------------------------------------------------------


class ProfileForm(Dressed, forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)


class RolesForm(Dressed, forms.Form):
    """A role for each shop that the asking owner owns; empty is none."""

    def __init__(self, *args: Any, shops: Sequence[Shop], user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shops = shops
        here = {one.shop_id: one.role for one in user.memberships.all()} if user else {}
        for shop in shops:
            self.fields[f"role_{shop.pk}"] = forms.ChoiceField(
                label=_("Role in %(shop)s") % {"shop": shop.name},
                choices=[("", _("No access")), *Role.choices],
                required=False,
                initial=here.get(shop.pk, ""),
            )
        for field in self.fields.values():
            dress(field.widget)

    def roles(self) -> dict[int, Role | None]:
        chosen = {shop.pk: self.cleaned_data[f"role_{shop.pk}"] for shop in self.shops}
        return {shop_id: Role(role) if role else None for shop_id, role in chosen.items()}


class NewStaffForm(RolesForm):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(self.roles().values()):
            raise forms.ValidationError(_("Choose a role in at least one shop."))
        return cleaned
