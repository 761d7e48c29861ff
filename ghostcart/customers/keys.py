"""Names and addresses made comparable: the same one, however it was typed."""

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ghostcart.customers.errors import BadAddress
from ghostcart.lib.texts import SPACES, fold


def email_key(address: str) -> str:
    """The address made comparable: trimmed, lower case, the domain as it stands in DNS.

    Dots and plus-tags stay: they name different mailboxes at most providers. Raises BadAddress.
    """
    address = address.strip()
    name, at, domain = address.rpartition("@")
    if not (at and name.isascii()) or len(address) > 254:
        raise BadAddress
    try:
        key = f"{name.lower()}@{_in_dns(domain)}"
        validate_email(key)
    except (idna.IDNAError, UnicodeError, ValidationError):
        raise BadAddress from None
    return key


@lru_cache(maxsize=10_000)
def _in_dns(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode()


_TELEPHONE = re.compile(r"[+()\d\s./-]{6,40}")


def searched(first_name: object, last_name: object, email: object, phone: object = "") -> str:
    """By what a customer is found: name and address folded, and the digits of the telephone number."""
    return fold(f"{first_name} {last_name} {email} {_digits(str(phone))}")[:900]


def words(text: str) -> list[str]:
    """What is looked for in `searched`: each word folded; of a telephone number its digits, from abroad or at home."""
    if _TELEPHONE.fullmatch(text.strip()) and len(_digits(text)) >= 6:
        return [_digits(text)]
    return fold(text).replace("\x00", "").split()


def _digits(phone: str) -> str:
    return "".join(letter for letter in phone if letter in "0123456789").lstrip("0")


def tidy(text: str, most: int) -> str:
    """One line of what somebody typed: no control characters, no surrounding space, at most `most` characters."""
    printable = text
    if not text.isprintable():
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return SPACES.sub(" ", printable).strip()[:most].rstrip()


# -- the same human ----------------------------------------------------------------------------------
# More is taken for the same here than in `email_key`: this decides who is one person, never who may sign in.

_DOTLESS = {"gmail.com", "googlemail.com"}
_DIGITS = re.compile(r"\d+", re.ASCII)
_NO_WORD = re.compile(r"[^0-9a-z]+")
_SHORTEST_PHONE, _LONGEST_PHONE = 8, 15  # digits with the country's
_CALLING_CODES = {
    "AT": "43", "BE": "32", "BG": "359", "CH": "41", "CY": "357", "CZ": "420", "DE": "49", "DK": "45", "EE": "372",
    "ES": "34", "FI": "358", "FR": "33", "GB": "44", "GR": "30", "HR": "385", "HU": "36", "IE": "353", "IS": "354",
    "IT": "39", "LI": "423", "LT": "370", "LU": "352", "LV": "371", "MT": "356", "NL": "31", "NO": "47", "PL": "48",
    "PT": "351", "RO": "40", "SE": "46", "SI": "386", "SK": "421", "US": "1", "CA": "1", "AU": "61",
}  # fmt: skip
_KEEPS_ZERO = {"39"}  # Italian numbers keep their leading zero abroad
_ZERO_AT_HOME = re.compile(r"((?:\+|00)(?!39)\d{1,3}[^\d(]*)\(0\)")  # +49 (0)30: dialled without the country's code


def canonical_email(address: str) -> str:
    """The mailbox that an address very likely leads to: without plus-tag, for Gmail without dots. Raises BadAddress."""
    name, _at, domain = email_key(address).rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _DOTLESS:
        name, domain = name.replace(".", "") or name, "gmail.com"
    return f"{name}@{domain}"


def phone_key(phone: str, country: str) -> str:
    """A number as it is dialled from abroad, digits only; "" for what cannot be one person's.

    `country` (two letters) is where a number without a country's code is taken to be from.
    """
    digits = "".join(_DIGITS.findall(_ZERO_AT_HOME.sub(r"\1", phone)))
    if phone.strip().startswith("+"):
        pass
    elif digits.startswith("00"):
        digits = digits[2:]
    else:
        code = _CALLING_CODES.get(country.upper(), "")
        digits = code + (digits if code in _KEEPS_ZERO else digits.removeprefix("0"))
    is_dialled = _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE and len(set(digits[-6:])) > 1
    return digits if is_dialled else ""


def postal_key(address: Mapping[str, str]) -> str:
    """A postal address made comparable, without the name on the door; "" if it is not complete."""
    street, postcode, city = (_bare(address.get(name, "")) for name in ("street", "postcode", "city"))
    if not (street and postcode):
        return ""
    return "|".join((_bare(address.get("country", "")), postcode, city, street))


def _bare(text: str) -> str:
    return _NO_WORD.sub("", fold(text).replace("strasse", "str"))


def keyed_hash(kind: str, value: str) -> str:
    """What stands for a key in the database: only this installation can make it, and nobody can read it back."""
    return hmac.new(settings.SECRET_KEY.encode(), f"person:{kind}:{value}".encode(), sha256).hexdigest()


def address_hash(address: str) -> str:
    """What stands for a mail address in messages and lists of addresses not to write to. Raises BadAddress."""
    return keyed_hash("mail", email_key(address))
