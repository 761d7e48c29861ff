"""Why an order cannot be placed or changed."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class CardDeclined(GhostcartError):
    code, status = "card_declined", 402
    sentence = _("The card was declined. Nothing was charged; your cart is unchanged.")


class UnknownPayment(GhostcartError):
    code = "unknown_payment"
    sentence = _("This way to pay is not offered.")


class AddressIncomplete(GhostcartError):
    code = "address_incomplete"
    sentence = _("Please fill in: %(fields)s.")


class EmailNeeded(GhostcartError):
    code = "email_needed"
    sentence = _("An e-mail address is needed to place an order.")


class OrderElsewhere(GhostcartError):
    code, status = "order_elsewhere", 409
    sentence = _("This order is kept in another shop. Its status follows that shop.")


class RefundRefused(GhostcartError):
    code, status = "refund_refused", 409
    sentence = _("Nothing was noted. Only a paid order is refunded in part, and by no more than its products came to.")


class RefundedMeanwhile(GhostcartError):
    code, status = "refunded_meanwhile", 409
    sentence = _("Somebody has refunded a part of this order meanwhile. Nothing was noted: look at it again.")


class WrongStatus(GhostcartError):
    code, status = "wrong_status", 409
    sentence = _("This order cannot become “%(status)s”.")
