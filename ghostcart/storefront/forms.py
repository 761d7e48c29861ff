"""The forms of the account pages. Rules are the customers room's; here only what the browser is told."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.customers.services import LONGEST_PASSWORD


class PlainForm(forms.Form):
    """A form whose fields wear our own look, and whose errors are tied to them for screen readers."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "label_suffix": "", "auto_id": "%s"})


def _email() -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"})
    return forms.EmailField(label=_("E-mail address"), max_length=254, widget=widget)


def _password(label: Any, autocomplete: str, help_text: Any = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, max_length=LONGEST_PASSWORD, strip=False, widget=widget, help_text=help_text)


def _name(label: Any, autocomplete: str) -> forms.CharField:
    return forms.CharField(label=label, max_length=120, widget=forms.TextInput(attrs={"autocomplete": autocomplete}))


class SignInForm(PlainForm):
    email = _email()
    password = _password(_("Password"), "current-password")


class RegisterForm(PlainForm):
    first_name = _name(_("First name"), "given-name")
    last_name = _name(_("Last name"), "family-name")
    email = _email()
    password = _password(_("Password"), "new-password", _("At least 10 characters."))
    consent = forms.BooleanField(required=False)


class DetailsForm(PlainForm):
    first_name = _name(_("First name"), "given-name")
    last_name = _name(_("Last name"), "family-name")
    phone = forms.CharField(
        label=_("Phone (optional)"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    consent = forms.BooleanField(required=False)


class PasswordForm(PlainForm):
    old = _password(_("Current password"), "current-password")
    new = _password(_("New password"), "new-password", _("At least 10 characters."))


class EraseForm(PlainForm):
    password = _password(_("Password"), "current-password")


class ForgottenForm(PlainForm):
    email = _email()


class NewPasswordForm(PlainForm):
    new = _password(_("New password"), "new-password", _("At least 10 characters."))
