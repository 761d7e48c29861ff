"""What a shop settles about its mail, and what staff want to be told."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Amount, Dressed, Marked, dress
from ghostcart.backoffice.models import Membership, Summary
from ghostcart.shops import services
from ghostcart.shops.errors import NotConfirmed
from ghostcart.shops.models import ConsentBasis, Shop
from ghostcart.shops.services import Chosen

SETTINGS = (
    "mail_name", "mail_from", "mail_reply_to", "mail_imprint", "mail_cap", "mail_cap_days", "quiet_from", "quiet_until",
    "consent_basis", "counts_openings", "bank_details", "notice_above_minor",
)  # fmt: skip
"""What `MailForm` shows and saves."""
MAY_REMIND = _(
    "The law where our customers live allows us to remind people who bought before and did not agree to it. I have "
    "made sure of that."
)


class Clock(forms.TimeField):
    """A time of day, as minutes after midnight."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return time(value // 60 % 24, value % 60) if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        chosen = super().clean(value)
        return chosen.hour * 60 + chosen.minute if chosen else 0


class ConsentForm(forms.Form):
    """Who may be reminded: to choose more than those who agreed needs a tick beside a sentence."""

    consent_basis = forms.ChoiceField(
        label=_("Who may be reminded"),
        choices=ConsentBasis.choices,
        widget=forms.RadioSelect,
        help_text=_("What the law allows differs by country. Who has objected is never written to."),
    )
    consent_confirmed = forms.BooleanField(
        label=MAY_REMIND,
        required=False,
        help_text=_("Needed only for “also existing customers”. Who confirms it, and when, is written down."),
    )

    def settings(self) -> dict[str, Any]:
        """All the rest that was chosen."""
        apart = {*ConsentForm.base_fields, *Marked.base_fields}
        return {name: value for name, value in self.cleaned_data.items() if name not in apart}

    def chosen(self, actor: str, now: datetime) -> Chosen:
        told = self.cleaned_data
        sentence = str(MAY_REMIND) if told.get("consent_confirmed") else ""
        return Chosen(basis=told["consent_basis"], actor=actor, at=now, sentence=sentence)

    def ask_for_the_tick(self, refused: NotConfirmed) -> None:
        self.add_error("consent_confirmed" if "consent_confirmed" in self.fields else None, str(refused))


class MailForm(Dressed, Marked, ConsentForm):
    mail_name = forms.CharField(
        label=_("Sender’s name"), required=False, max_length=120, help_text=_("Empty: the name of the shop.")
    )
    mail_from = forms.EmailField(
        label=_("Sender’s address"),
        required=False,
        max_length=200,
        help_text=_("Its domain must allow your mail server to send (SPF, DKIM). Empty: that of the installation."),
    )
    mail_reply_to = forms.EmailField(
        label=_("Answers go to"), required=False, max_length=200, help_text=_("Empty: to the sender’s address.")
    )
    mail_imprint = forms.CharField(
        label=_("Imprint"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Who sends it, with a postal address: stands at the foot of each mail."),
    )
    mail_cap = forms.IntegerField(label=_("At most so many mails"), min_value=0, max_value=20)
    mail_cap_days = forms.IntegerField(label=_("in so many days"), min_value=1, max_value=90)
    quiet_from = Clock(label=_("Quiet from"))
    quiet_until = Clock(
        label=_("until"),
        help_text=_("By the clock of the shop. Mail due in between waits; the same time twice: never."),
    )
    counts_openings = forms.BooleanField(
        label=_("Count openings with an invisible picture"),
        required=False,
        help_text=_("In some countries this needs consent of its own. Mail programs open much by themselves."),
    )
    bank_details = forms.CharField(
        label=_("Bank details"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown after an order that is paid by bank transfer."),
    )

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        initial = {name: getattr(shop, name) for name in SETTINGS}
        initial["mark"] = services.settings_mark(shop, SETTINGS)
        super().__init__(*args, initial=initial, **kwargs)
        if shop.consent_basis == ConsentBasis.CUSTOMER:
            del self.fields["consent_confirmed"]
        limit = Amount(shop.currency, label=_("Tell staff at once of abandoned carts from"), required=False)
        limit.help_text = _("In %(currency)s. Empty: never. Who gets the mail is chosen in each profile.") % {
            "currency": shop.currency
        }
        dress(limit.widget)
        self.fields["notice_above_minor"] = limit


class ToldForm(Dressed, forms.Form):
    """For each shop: how often a summary, and whether notices of dear carts."""

    def __init__(self, *args: Any, memberships: Iterable[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.memberships = list(memberships)
        for one in self.memberships:
            self.fields[f"summary_{one.pk}"] = forms.ChoiceField(
                label=_("Summary of %(shop)s by mail") % {"shop": one.shop.name},
                choices=Summary.choices,
                initial=one.summary,
            )
            self.fields[f"notices_{one.pk}"] = forms.BooleanField(
                label=_("A mail when a dear cart is abandoned at %(shop)s") % {"shop": one.shop.name},
                required=False,
                initial=one.wants_notices,
            )
        for field in self.fields.values():
            dress(field.widget)

    def chosen(self) -> dict[int, tuple[str, bool]]:
        """Membership id to (summary, wants notices)."""
        values = self.cleaned_data
        return {one.pk: (values[f"summary_{one.pk}"], values[f"notices_{one.pk}"]) for one in self.memberships}
