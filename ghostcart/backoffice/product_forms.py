"""The forms of products: the search of the list, a product, and each of its variants."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.forms import Amount, Dressed, Marked, dress
from ghostcart.catalog.models import Category, Product
from ghostcart.catalog.services import ProductDraft, VariantDraft, product_mark
from ghostcart.lib import money, pictures
from ghostcart.shops.models import Shop

MOST_VARIANTS = 100
MOST_STOCK = 1_000_000_000
PICTURE_BYTES = 2_000_000
PPM_DIGITS, MOST_TAX_PPM = 4, 1_000_000


class TaxRate(forms.CharField):
    """A tax rate as people type it ("21", "5,5 %"); its value is millionths."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=10, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{value / 10**PPM_DIGITS:.{PPM_DIGITS}f}".rstrip("0").rstrip(".") if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        text = super().clean(value).replace(" ", "").replace("%", "").replace(",", ".")
        try:
            ppm, rest = divmod(money.parse_decimal_to_micros(text or "0"), 100)
        except ValueError:
            raise forms.ValidationError(_("This is not a percentage.")) from None
        if rest or not 0 <= ppm <= MOST_TAX_PPM:
            raise forms.ValidationError(_("The tax rate must be between 0 and 100 %, with four decimals at most."))
        return ppm


class PriceForm(Dressed, forms.Form):
    """A variant: its number, its name among its sisters, its stock, and two prices in each currency of the shop."""

    sku = forms.CharField(label=_("Article number (SKU)"), max_length=64)
    option = forms.CharField(label=_("Variant"), max_length=120, required=False)
    stock = forms.IntegerField(label=_("In stock"), min_value=0, max_value=MOST_STOCK, initial=0)
    is_active = forms.BooleanField(label=_("On sale"), required=False, initial=True)
    number = forms.IntegerField(widget=forms.HiddenInput, required=False)
    was = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=MOST_STOCK)
    """The stock that was shown: what shoppers bought since is not undone."""

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currencies = shop.currencies or [shop.currency]
        self.language = shop.language
        for code in self.currencies:
            names = {"currency": code}
            self.fields[f"price_{code}"] = Amount(code, label=gettext("Price (%(currency)s)") % names)
            self.fields[f"regular_{code}"] = Amount(
                code, label=gettext("Before the reduction (%(currency)s)") % names, required=False
            )
            for name in (f"price_{code}", f"regular_{code}"):
                dress(self.fields[name].widget)
        self.prices = [(self[f"price_{code}"], self[f"regular_{code}"]) for code in self.currencies]

    def has_changed(self) -> bool:
        """The row for a new one was left empty if it has neither a number nor a price."""
        if self.initial:
            return bool(super().has_changed())
        names = ["sku", *(f"price_{code}" for code in self.currencies)]
        return any(str(self.data.get(self.add_prefix(name), "")).strip() for name in names)

    def clean_sku(self) -> str:
        return self.cleaned_data["sku"].strip().replace("\x00", "")

    def draft(self, options: dict[int, dict[str, str]]) -> VariantDraft:
        """`options` are the names that its variant has in other languages, by number."""
        told = self.cleaned_data
        kept = options.get(told["number"] or 0, {}) | {self.language: told["option"]}
        return VariantDraft(
            id=told["number"],
            sku=told["sku"],
            options={language: name for language, name in kept.items() if name},
            stock_change=told["stock"] - (told["was"] or 0),
            is_active=told["is_active"],
            prices={code: self._micros(code) for code in self.currencies},
        )

    def _micros(self, code: str) -> tuple[int, int | None]:
        each = money.minor_micros(code)
        price, regular = self.cleaned_data[f"price_{code}"], self.cleaned_data[f"regular_{code}"]
        return price * each, regular * each if regular is not None and regular > price else None


class ProductForm(Dressed, Marked):
    """A product in the languages of its shop, with its variants as a set of forms of their own (`prices`)."""

    category = forms.CharField(
        label=_("Category"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"list": "categories"}),
        help_text=_("One that there is, or a new one."),
    )
    reference = forms.CharField(label=_("Reference"), max_length=64, required=False)
    tax_rate_ppm = TaxRate(label=_("Tax rate in %"), required=False)
    is_active = forms.BooleanField(label=_("On sale"), required=False, initial=True)
    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/avif,image/gif"}),
        help_text=_("JPEG, PNG, WebP, AVIF or GIF, at most 2 MB. It stands for all variants."),
    )

    def __init__(self, *args: Any, shop: Shop, product: Product | None = None, **kwargs: Any) -> None:
        self.shop, self.product = shop, product
        super().__init__(*args, initial=_shown(shop, product), **kwargs)
        own_first = sorted(shop.languages, key=lambda language: language != shop.language)
        for language in own_first:
            told = {"language": LANGUAGE_NAMES.get(language, language)}
            self.fields[f"name_{language}"] = forms.CharField(
                label=gettext("Name in %(language)s") % told, max_length=200, required=language == shop.language
            )
            self.fields[f"description_{language}"] = forms.CharField(
                label=gettext("Description in %(language)s") % told,
                max_length=5000,
                required=False,
                widget=forms.Textarea(attrs={"rows": 3}),
            )
            for name in (f"name_{language}", f"description_{language}"):
                dress(self.fields[name].widget)
        self.own_texts, *self.other_texts = [(self[f"name_{one}"], self[f"description_{one}"]) for one in own_first]
        self.has_text_error = any(field.errors for pair in self.other_texts for field in pair)
        self.categories = [one.name(shop.language) for one in Category.objects.filter(shop=shop)]
        self.shown_picture = product.variants.values_list("picture", flat=True).first() if product else ""
        self.prices = self._price_forms(args[0] if args else None)

    def _price_forms(self, data: Any) -> Any:
        known = self.product.variants.all() if self.product else ()
        rows = [_shown_variant(one, self.shop.language) for one in known]
        if data is not None:  # a variant that somebody added since is in none of the rows that were shown
            shown = {data.get(f"variant-{place}-number") for place in range(len(rows))}
            rows = [row for row in rows if str(row["number"]) in shown]
        of = forms.formset_factory(
            PriceForm, extra=1, min_num=1, validate_min=True, max_num=MOST_VARIANTS, validate_max=True
        )
        return of(data, initial=rows, prefix="variant", form_kwargs={"shop": self.shop})

    def clean_picture(self) -> str | None:
        """The path of the picture that was given."""
        given: UploadedFile | None = self.cleaned_data["picture"]
        if given is None:
            return None
        path = pictures.give(given.read(PICTURE_BYTES + 1)) if (given.size or 0) <= PICTURE_BYTES else None
        if path is None:
            raise forms.ValidationError(_("This is no picture that pages can show, or it is too large."))
        return path

    def ask_for_the_picture_again(self) -> None:
        """No page can put a file back into a form that was refused."""
        if self.cleaned_data.get("picture"):
            self.add_error("picture", _("Please choose the picture once more."))

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.prices.is_valid()])

    def draft(self) -> ProductDraft:
        told, languages = self.cleaned_data, self.shop.languages
        options = {one.pk: one.options for one in self.product.variants.all()} if self.product else {}
        return ProductDraft(
            names={language: told[f"name_{language}"] for language in languages if told[f"name_{language}"]},
            descriptions={
                language: told[f"description_{language}"] for language in languages if told[f"description_{language}"]
            },
            language=self.shop.language,
            reference=told["reference"],
            category=told["category"].strip(),
            tax_rate_ppm=told["tax_rate_ppm"],
            is_active=told["is_active"],
            picture=told["picture"],
            variants=[form.draft(options) for form in self.prices if form.cleaned_data.get("sku")],
        )


def _shown(shop: Shop, product: Product | None) -> dict[str, Any]:
    if product is None:
        last = Product.objects.filter(shop=shop, source="").order_by("-id").first()
        return {"tax_rate_ppm": last.tax_rate_ppm if last else 0}
    texts = {f"name_{language}": name for language, name in product.names.items()}
    texts |= {f"description_{language}": text for language, text in product.descriptions.items()}
    return texts | {
        "category": product.category.name(shop.language) if product.category else "",
        "reference": product.reference,
        "tax_rate_ppm": product.tax_rate_ppm,
        "is_active": product.is_active,
        "mark": product_mark(product, shop.language),
    }


def _shown_variant(variant: Any, language: str) -> dict[str, Any]:
    shown = {
        "number": variant.pk,
        "sku": variant.sku,
        "option": variant.options.get(language, ""),
        "stock": variant.stock,
        "was": variant.stock,
        "is_active": variant.is_active,
    }
    for price in variant.prices.all():
        each = money.minor_micros(price.currency)
        shown[f"price_{price.currency}"] = price.price_micros // each
        if price.regular_micros is not None:
            shown[f"regular_{price.currency}"] = price.regular_micros // each
    return shown
