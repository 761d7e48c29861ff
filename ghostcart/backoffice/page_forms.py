"""The texts of a shop's own pages (imprint, terms, ...), in one language at a time."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Dressed, Marked
from ghostcart.lib.marks import mark
from ghostcart.shops import queries
from ghostcart.shops.models import PageKind, Shop

LONGEST = 50_000


class PagesForm(Dressed, Marked):
    def __init__(self, *args: Any, shop: Shop, language: str, **kwargs: Any) -> None:
        shown = queries.page_texts(shop, language)
        super().__init__(*args, initial={**shown, "mark": mark(shown)}, **kwargs)
        for kind in PageKind:
            self.fields[kind.value] = forms.CharField(
                label=kind.label,
                required=False,
                max_length=LONGEST,
                widget=forms.Textarea(attrs={"rows": 8, "class": "form-control", "lang": language}),
            )
        self.fields[PageKind.IMPRINT.value].help_text = _("Who you are and how you are reached.")

    def texts(self) -> dict[str, str]:
        """What `shops.services.write_pages` takes."""
        return {kind.value: self.cleaned_data[kind.value] for kind in PageKind}
