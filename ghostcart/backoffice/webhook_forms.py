"""The forms of webhooks, and their words."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import ANY, FIRST_DAY, LAST_DAY, Dressed, FilterForm
from ghostcart.carts.kinds import EventKind
from ghostcart.connectors.webhooks.models import TEST, Attempt, State, WebhookEndpoint
from ghostcart.lib import outbound

KINDS: dict[str, str | Promise] = {
    EventKind.LINE_ADDED: _("Product added"),
    EventKind.QUANTITY_CHANGED: _("Quantity changed"),
    EventKind.LINE_REMOVED: _("Product removed"),
    EventKind.CUSTOMER_IDENTIFIED: _("Customer identified"),
    EventKind.VOUCHER_APPLIED: _("Voucher applied"),
    EventKind.VOUCHER_REMOVED: _("Voucher removed"),
    EventKind.SHIPPING_CHOSEN: _("Delivery chosen"),
    EventKind.CHECKOUT_STARTED: _("Checkout started"),
    EventKind.ORDERED: _("Cart ordered"),
    EventKind.MERGED: _("Cart merged"),
    EventKind.RESTORED: _("Cart restored"),
    EventKind.DELETED: _("Cart deleted"),
}
_ERRORS: dict[str, str | Promise] = {
    "interrupted": _("The worker stopped in the middle, so this delivery was sent again."),
    "secret_unreadable": _(
        "The secret cannot be read: the secret key of this installation has changed. Make a new one."
    ),
    "target_failed": _("The call broke off: %(problem)s"),
    **{error.code: error.sentence for error in outbound.TargetError.__subclasses__()},
}


def kind_name(kind: str) -> str:
    return str(_("Test") if kind == TEST else KINDS.get(kind, kind))


def why_not(attempt: Attempt) -> str:
    """Why there was no answer; empty if there was one."""
    detail = attempt.detail or "–"
    return str(_ERRORS.get(attempt.error, attempt.error)) % defaultdict(lambda: detail) if attempt.error else ""


class EndpointForm(Dressed, forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=outbound.LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hook", "autocomplete": "off"}),
        help_text=_("It is called by POST and must begin with https://."),
    )
    description = forms.CharField(
        label=_("Description"), max_length=200, required=False, help_text=_("For yourself: who listens there.")
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it is told"),
        choices=list(KINDS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing chosen: everything, also kinds of events that are still to come."),
    )

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, data: Any = None) -> "EndpointForm":
        names = ("url", "description", "kinds")
        return cls(data, initial={name: getattr(endpoint, name) for name in names})

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        try:
            outbound.parse(url)
        except outbound.TargetError as error:
            raise forms.ValidationError(str(error)) from error
        return str(url)


class DeliveryFilters(FilterForm):
    q = None  # type: ignore[assignment]
    state = forms.ChoiceField(label=_("State"), required=False, choices=[ANY, *State.choices])
    kind = forms.ChoiceField(label=_("Event"), required=False, choices=[ANY, *KINDS.items(), (TEST, _("Test"))])


class ReplayForm(Dressed, forms.Form):
    since = forms.DateTimeField(
        label=_("Failed since"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )

    def clean_since(self) -> datetime:
        since: datetime = self.cleaned_data["since"]
        if not FIRST_DAY.year <= since.year < LAST_DAY.year:  # else it has no counterpart in another time zone
            raise forms.ValidationError(_("This is not a time."))
        return since
