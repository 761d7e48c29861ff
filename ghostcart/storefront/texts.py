"""The sentences that the page's script says, and those whose wording is kept as proof."""

from django.utils.translation import gettext as _

CONSENT_VERSION = "2025-1"
"""Changes with the sentence below; what a shopper agreed to is kept together with it."""


def consent_text() -> str:
    """What a shopper agrees to by ticking the box, in the active language."""
    return _(
        "Keep my cart for me and remind me by e-mail if I leave something in it. "
        "Every reminder has a link that stops them for good."
    )


STOP_VERSION = "2026-1"
"""Changes with the sentence below, in the same way."""


def stop_text() -> str:
    """What a shopper says by pressing the button that stops mail, in the active language."""
    return _("Send me no more mail: no reminders, no thanks, no offers. Mail about an order of mine still comes.")


def script_texts() -> dict[str, str]:
    """Every sentence the script may say, by its name there; %(name)s is filled in by the script."""
    return {
        "added": _("%(name)s was added to the cart."),
        "removed": _("%(name)s was removed from the cart."),
        "restored": _("%(name)s is back in the cart."),
        "quantity": _("Quantity of %(name)s: %(quantity)s."),
        "retrying": _("The shop cannot be reached. Your change is kept and tried again."),
        "failed": _("The shop could not be reached, so this was not saved. Please try again."),
        "unreadable": _("The cart cannot be shown at the moment. Please reload the page."),
        "reconnected": _("The connection is back. Your cart is saved."),
        "voucherApplied": _("The voucher %(code)s was added."),
        "voucherRemoved": _("The voucher %(code)s was removed."),
        "freeShipping": _("Free shipping"),
        "cartCount": _("Cart, %(count)s items"),
        "onlyLeft": _("Only %(stock)s left"),
        "inStock": _("In stock"),
        "soldOut": _("Sold out"),
        "notEnough": _("Only %(stock)s left: please lower the quantity."),
        "gift": _("Gift"),
        "free": _("Free"),
        "required": _("Please fill in this field."),
        "badEmail": _("Please enter a complete e-mail address."),
        "choose": _("Please choose one."),
        "ordering": _("Your order is being placed …"),
        "decrease": _("One less of %(name)s"),
        "increase": _("One more of %(name)s"),
        "quantityOf": _("Quantity of %(name)s"),
        "remove": _("Remove %(name)s"),
        "removeVoucher": _("Remove the voucher %(code)s"),
        "each": _("%(price)s each"),
    }
