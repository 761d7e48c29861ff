"""Why a fact that a shop tells is refused: a code, a sentence, and the place of what is wrong."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError

SENTENCES = {
    "bad_fact": _("This is not of the described form: %(told)s"),
    "bad_price": _("“%(told)s” is no price. Write it with a point, as “19.90”, or in the smallest coin, as 1990."),
    "bad_tax_rate": _("“%(told)s” is no tax rate. Write it in percent, as “22” or “5.5”."),
    "price_out_of_range": _("A price must be between 0 and %(most)s."),
    "refund_too_large": _("More was refunded than the products came to."),
    "quantity_out_of_range": _("The quantity must be between %(least)s and %(most)s."),
    "too_many_lines": _("A cart holds at most %(most)s different products."),
    "unknown_currency": _("“%(told)s” is not a currency."),
    "missing_currency": _("Name the currency."),
    "missing_version": _("Tell a version or the time of the last change: the newest wins."),
    "missing_cart": _("This cart was not told of before: tell its currency and lines."),
    "missing_id": _("A line needs an id, a variant or a SKU."),
    "repeated": _("“%(told)s” comes twice."),
    "time_in_future": _("This time is still to come. Check the clock and the time zone."),
    "time_out_of_range": _("A time before 1990 cannot be right."),
    "source_reserved": _("“%(told)s” names facts that come in another way. Choose another source."),
}


class Conflict(GhostcartError):
    code, status = "conflict", 409
    sentence = _("Something else says the opposite at this moment. Please send it again.")


class WrongFact(GhostcartError):
    """A fact that cannot be kept. `field` is the place of what is wrong in it: `lines[0].price`."""

    def __init__(self, code: str, field: str, **params: Any) -> None:
        self.code, self.sentence = code, SENTENCES[code]
        super().__init__(field=field, **params)
        self.args = (code,)

    @property
    def field(self) -> str:
        return str(self.params["field"])
