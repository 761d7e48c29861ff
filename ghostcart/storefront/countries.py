"""Where the shops deliver to."""

from functools import lru_cache

from babel import Locale

CODES = [
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
]  # fmt: skip


@lru_cache(maxsize=16)
def countries(language: str) -> list[tuple[str, str]]:
    """Codes and names of the countries, by name."""
    names = Locale.parse(language).territories
    return sorted(((code, names[code]) for code in CODES), key=lambda pair: pair[1].casefold().replace("ö", "o"))


def country_name(code: str, language: str) -> str:
    """A country's name; what is no country's code is given back as it is."""
    return str(Locale.parse(language).territories.get(code, code))
