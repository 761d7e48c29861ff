"""Why another shop cannot be read or attached. The codes are kept in `Connection.trouble` and shown as sentences."""

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


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


class AlreadyAttached(GhostcartError):
    code, status = "already_attached", 409
    sentence = _("This shop is attached already.")


TROUBLES = {
    kind.code: kind
    for kind in (
        ShopTrouble, BadShopAddress, CannotConnect, ConnectionLost, TooSlow, AccessDenied, EncryptionNeeded,
        NoSuchDatabase, NotAPrestaShop, MissingRight, NoSuchShop, SecretLost, DatabaseTrouble,
    )
}  # fmt: skip
"""By code: the sentence for what `Connection.trouble` keeps."""


_ABOUT = {"cannot_connect": "place", "not_a_prestashop": "table", "missing_right": "table", "no_such_shop": "number",
          "database_trouble": "number"}  # fmt: skip


def trouble_of(note: str) -> ShopTrouble:
    """A kept note as the trouble it was."""
    code, *values = note.split(":", 1)
    name = _ABOUT.get(code)
    return TROUBLES.get(code, ShopTrouble)(**({name: values[0] if values else "?"} if name else {}))


def explain(note: str) -> str:
    """The sentence for a kept note, in the active language; the note itself if nobody knows it."""
    return str(trouble_of(note)) if note.split(":", 1)[0] in TROUBLES else note
