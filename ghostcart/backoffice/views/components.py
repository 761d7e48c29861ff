"""All parts that pages of the back office are made of, on one page: for those who build pages."""

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.context import THEMES
from ghostcart.backoffice.forms import Day, Dressed
from ghostcart.carts.models import Status


class Fields(Dressed, forms.Form):
    """One field of each kind, the first of them wrong."""

    name = forms.CharField(label=_("Name"), help_text=_("What it is called."))
    many = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    count = forms.IntegerField(label=_("Quantity"), required=False)
    day = Day(label=_("Last day"))
    one = forms.ChoiceField(label=_("Status"), required=False, choices=Status.choices)
    theme = forms.ChoiceField(label=_("Appearance"), required=False, widget=forms.RadioSelect, choices=THEMES.items())
    yes = forms.BooleanField(label=_("On sale"), required=False)


@require_safe
@staff()
def components(request: StaffRequest) -> HttpResponse:
    form = Fields({"many": "Donaudampfschifffahrtsgesellschaftskapitän", "count": "3", "theme": "auto", "yes": "on"})
    context = {
        "form": form,
        "names": ["Fern & Clay", "Otter Outdoor"],
        "person": "אדה ביירון",
        "address": "ada.byron@example.com",
        "statuses": [*Status.values, "?"],
        "long": "Bestellbestätigungsschaltfläche " * 3,
    }
    return render(request, "backoffice/components.html", context)


urlpatterns = [path("components/", components, name="components")]
