"""Why something about a customer is refused."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ghostcart.lib.errors import GhostcartError


class BadAddress(GhostcartError):
    code = "bad_email"
    sentence = _("This is not a complete e-mail address.")


class AddressErased(GhostcartError):
    """What is told happened before the person asked to be forgotten."""

    code, status = "address_erased", 409
    sentence = _("The person with this address asked to be forgotten. What happened before that is not kept.")


class WeakPassword(GhostcartError):
    """`reasons` are whole sentences in the active language."""

    code = "weak_password"
    sentence = _("This password is too easy to guess.")

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        super().__init__()
        self.reasons = tuple(reasons)


class SignInRefused(GhostcartError):
    """The same for a wrong password and for an address without an account: nobody learns who shops here."""

    code, status = "sign_in_refused", 403
    sentence = _("The e-mail address or the password is wrong.")


class SignInLocked(GhostcartError):
    code, status = "sign_in_locked", 429

    def __str__(self) -> str:
        return ngettext(
            "Too many attempts to sign in. Wait %(minutes)s minute and try again.",
            "Too many attempts to sign in. Wait %(minutes)s minutes and try again.",
            self.params["minutes"],
        ) % self.params  # fmt: skip
