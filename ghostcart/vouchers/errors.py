"""Why a voucher was refused, in sentences for shoppers; and what is wrong with a new one, for staff."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError
from ghostcart.vouchers.terms import Refusal

SENTENCES: dict[Refusal, str | Promise] = {
    Refusal.INACTIVE: _("This voucher cannot be used."),
    Refusal.NOT_YET_VALID: _("This voucher is not valid yet."),
    Refusal.EXPIRED: _("This voucher has expired."),
    Refusal.USED_UP: _("This voucher has already been used as often as it may be."),
    Refusal.USED_BY_CUSTOMER: _("You have already used this voucher as often as you may."),
    Refusal.OTHER_CUSTOMER: _("This voucher belongs to another customer."),
    Refusal.SIGN_IN_NEEDED: _("Please sign in or enter your e-mail address to use this voucher."),
    Refusal.OTHER_CURRENCY: _("This voucher is for another currency."),
    Refusal.BELOW_MINIMUM: _("Your products do not yet reach the minimum amount of this voucher."),
    Refusal.NO_MATCHING_PRODUCT: _("There is no product in your cart that this voucher is for."),
    Refusal.NOT_COMBINABLE: _("This voucher cannot be combined with another one."),
    Refusal.ALREADY_APPLIED: _("This voucher is already in your cart."),
    Refusal.GIFT_UNAVAILABLE: _("The gift of this voucher is not available at the moment."),
}


class VoucherRefused(GhostcartError):
    """A voucher cannot be used; `code` is the value of `refusal`, and the sentence is the shopper's."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.code = refusal.value
        self.sentence = SENTENCES[refusal]
        super().__init__()


class UnknownVoucher(GhostcartError):
    """No voucher has this code; or one has it that is somebody else's, and they shall not learn that from us."""

    code = "voucher_unknown"
    sentence = _("This code is unknown, has expired or belongs to somebody else.")


class TooManyCodes(GhostcartError):
    """Somebody tries code after code; this one was not even looked at."""

    code, status = "voucher_too_many_tries", 429
    sentence = _("Too many codes were tried. Please wait a quarter of an hour.")


class CodeTaken(GhostcartError):
    """The shop has another voucher with this code."""

    code = "voucher_code_taken"
    status = 409
    sentence = _("There is already a voucher with the code %(voucher)s.")


class InvalidVoucher(GhostcartError):
    """The values of a new voucher don't fit together; the sentence says which."""

    code = "voucher_invalid"

    def __init__(self, sentence: str | Promise, **params: object) -> None:
        self.sentence = sentence
        super().__init__(**params)
