"""Texts kept in several languages as {language: text}, and texts as they are searched."""

import re
import unicodedata
from collections.abc import Mapping

LANGUAGE_NAMES = {
    "en": "English",
    "it": "Italiano",
    "es": "Español",
    "de": "Deutsch",
    "fr": "Français",
    "nl": "Nederlands",
}
"""Each language in its own words: who cannot read the page still finds theirs."""
LANGUAGES = tuple(LANGUAGE_NAMES)
SPACES = re.compile(r"\s+")
_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def pick(texts: Mapping[str, str] | None, language: str) -> str:
    """The text in `language`, else English, else any that is there, else an empty string."""
    if not texts:
        return ""
    return texts.get(language) or texts.get("en") or next((text for text in texts.values() if text), "")


def fold(text: str) -> str:
    """The text as it is searched: lower case, without accents, one space between words."""
    if text.isascii():
        return SPACES.sub(" ", text.lower()).strip()
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return SPACES.sub(" ", bare.translate(_UNDECOMPOSED)).strip()
