"""The texts of a shop's own pages (imprint, terms, ...), in one language at a time."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Dressed
from ghostcart.shops.models import PageKind, Shop

LONGEST = 50_000


class PagesForm(Dressed, forms.Form):
    def __init__(self, *args: Any, shop: Shop, language: str, **kwargs: Any) -> None:
        self.shop, self.language = shop, language
        super().__init__(*args, **kwargs)
        for kind in PageKind:
            self.fields[kind.value] = forms.CharField(
                label=kind.label,
                required=False,
                max_length=LONGEST,
                initial=shop.pages.get(kind.value, {}).get(language, ""),
                widget=forms.Textarea(attrs={"rows": 8, "class": "form-control", "lang": language}),
            )
        self.fields[PageKind.IMPRINT.value].help_text = _("Who you are and how you are reached.")

    def pages(self) -> dict[str, dict[str, str]]:
        """The texts of all languages, with those of this one."""
        told = {}
        for kind in PageKind:
            texts = self.shop.pages.get(kind.value, {}) | {self.language: self.cleaned_data[kind.value].strip()}
            told[kind.value] = {language: text for language, text in texts.items() if text}
        return {kind: texts for kind, texts in told.items() if texts}
