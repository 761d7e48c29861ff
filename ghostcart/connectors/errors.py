"""Why another shop cannot be read or attached, and why a program with a key is refused.

The codes of the first are kept in `Connection.trouble` and shown as sentences.
"""

import re

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError

_NAMED = re.compile(r"%\((\w+)\)s")


class ShopTrouble(GhostcartError):
    """The other shop cannot be read now. `passes`: it may well be over when asked again."""

    code = "shop_trouble"
    sentence = _("The shop cannot be read.")
    passes = False

    @property
    def note(self) -> str:
        """The code with what it is about: what `Connection.trouble` keeps."""
        return ":".join([self.code, *map(str, self.params.values())])[:300]


class BadShopAddress(ShopTrouble):
    code = "bad_shop_address"
    sentence = _("This is not the address of a database: mysql://user:password@host/database is expected.")


class CannotConnect(ShopTrouble):
    code, passes = "cannot_connect", True
    sentence = _("Nothing answers at %(place)s. Is the host right, and does its firewall let us in?")


class ConnectionLost(ShopTrouble):
    code, passes = "connection_lost", True
    sentence = _("The shop's database went away while it was read.")


class TooSlow(ShopTrouble):
    code, passes = "too_slow", True
    sentence = _("The shop's database took too long to answer.")


class AccessDenied(ShopTrouble):
    code = "access_denied"
    sentence = _("The shop's database refuses this user or password.")


class EncryptionNeeded(ShopTrouble):
    code = "encryption_needed"
    sentence = _("The shop's database asks for an encrypted connection: add ?ssl=1 to its address.")


class NoSuchDatabase(ShopTrouble):
    code = "no_such_database"
    sentence = _("There is no database of this name, or this user may not see it.")


class NotAPrestaShop(ShopTrouble):
    code = "not_a_prestashop"
    sentence = _("There are no tables of PrestaShop with this prefix: %(table)s is missing.")


class MissingRight(ShopTrouble):
    code = "missing_right"
    sentence = _("This user may not read the table %(table)s. SELECT is enough.")


class NoSuchShop(ShopTrouble):
    code = "no_such_shop"
    sentence = _("The PrestaShop there has no shop %(number)s.")


class SecretLost(ShopTrouble):
    code = "secret_lost"
    sentence = _("The password was sealed with another SECRET_KEY: enter it again.")


class DatabaseTrouble(ShopTrouble):
    """Anything else that the shop's database says no to."""

    code, passes = "database_trouble", True
    sentence = _("The shop's database reports error %(number)s.")


class VoucherTrouble(ShopTrouble):
    """Only one voucher cannot be made or taken away; the shop itself is well."""

    code = "voucher_trouble"
    sentence = _("The shop does not take this voucher.")


class NoCurrencyThere(VoucherTrouble):
    code = "no_currency_there"
    sentence = _("The shop has no currency %(currency)s.")


class NoWay(ShopTrouble):
    code = "no_way"
    sentence = _("Nobody has chosen how vouchers get into this shop.")


class VoucherBusy(VoucherTrouble):
    code, passes = "voucher_busy", True
    sentence = _("Another worker is busy with it, or there was no time left.")


class MissingWriteRight(ShopTrouble):
    code = "missing_write_right"
    sentence = _("This user may not write into the table %(table)s.")


class VouchersOff(ShopTrouble):
    code = "vouchers_off"
    sentence = _("Vouchers are switched off in the shop. Make one there by hand: that switches them on.")


class CannotCall(ShopTrouble):
    code = "cannot_call"
    sentence = _("The shop's web service cannot be called: its address must begin with https:// and be a public one.")


class KeyRefused(ShopTrouble):
    code = "key_refused"
    sentence = _("The shop's web service refuses this key. Is it switched on, and does the server hand it on?")


class NoWebservice(ShopTrouble):
    code = "no_webservice"
    sentence = _("There is no web service at this address, or it is switched off in the shop.")


class Redirected(ShopTrouble):
    code = "redirected"
    sentence = _("The shop answers with a redirect. Enter the address that it leads to.")


class MissingKeyRight(ShopTrouble):
    code = "missing_key_right"
    sentence = _("This key may not do that with the resource %(resource)s.")


class WebserviceTrouble(ShopTrouble):
    """It answers that something is wrong with itself."""

    code, passes = "webservice_trouble", True
    sentence = _("The shop's web service answers with error %(number)s.")


class StrangeAnswer(ShopTrouble):
    """A page for people, half an answer, something else."""

    code, passes = "strange_answer", True
    sentence = _("The shop's web service answers with something that cannot be read.")


class TooMuch(ShopTrouble):
    code = "too_much"
    sentence = _("The shop's web service answers with more than can be taken in at once.")


class NoDatabase(ShopTrouble):
    code = "no_database"
    sentence = _("This shop is read by its web service: its database is not known.")


class AlreadyAttached(GhostcartError):
    code, status = "already_attached", 409
    sentence = _("This shop is attached already.")


def _kinds(kind: type[ShopTrouble]) -> dict[str, type[ShopTrouble]]:
    found = {kind.code: kind}
    for one in kind.__subclasses__():
        found |= _kinds(one)
    return found


TROUBLES = _kinds(ShopTrouble)
"""By code: the sentence for what `Connection.trouble` keeps."""


def trouble_of(note: str) -> ShopTrouble:
    """A kept note as the trouble it was."""
    code, *values = note.split(":", 1)
    kind = TROUBLES.get(code, ShopTrouble)
    names = _NAMED.findall(str(kind.sentence))
    return kind(**dict(zip(names, values or ["?"], strict=False)))


def explain(note: str) -> str:
    """The sentence for a kept note, in the active language; the note itself if nobody knows it."""
    return str(trouble_of(note)) if note.split(":", 1)[0] in TROUBLES else note


# -- API keys ----------------------------------------------------------------------------------------


class MissingKey(GhostcartError):
    code, status = "missing_key", 401
    sentence = _("Send an API key: “Authorization: Bearer gck_…”.")


class WrongKey(GhostcartError):
    code, status = "wrong_key", 401
    sentence = _("This API key is unknown, has ended or was revoked.")


class WrongScope(GhostcartError):
    code, status = "wrong_scope", 403
    sentence = _("This API key may not do this: it lacks the scope “%(scope)s”.")


class BadKey(GhostcartError):
    """What staff asked of a key cannot be kept; `field` says which of its values."""

    code = "bad_key"
    sentence = _("“%(field)s” cannot be kept like this.")
