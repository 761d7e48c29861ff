"""Names and addresses made comparable: the same one, however it was typed."""

import re
import unicodedata

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ghostcart.customers.errors import BadAddress

_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_SPACES = re.compile(r"\s+")


def email_key(address: str) -> str:
    """The address made comparable: trimmed, lower case, the domain as it stands in DNS.

    Dots and plus-tags stay: they name different mailboxes at most providers. Raises BadAddress.
    """
    address = address.strip()
    name, at, domain = address.rpartition("@")
    if not (at and name.isascii()) or len(address) > 254:
        raise BadAddress
    try:
        key = f"{name.lower()}@{idna.encode(domain, uts46=True).decode()}"
        validate_email(key)
    except (idna.IDNAError, UnicodeError, ValidationError):
        raise BadAddress from None
    return key


def fold(text: str) -> str:
    """The text as it is searched: lower case, without accents, one space between words."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return _SPACES.sub(" ", bare.translate(_UNDECOMPOSED)).strip()


def tidy(text: str, most: int) -> str:
    """One line of what somebody typed: no control characters, no surrounding space, at most `most` characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return _SPACES.sub(" ", printable).strip()[:most].rstrip()
