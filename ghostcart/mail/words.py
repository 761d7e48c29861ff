"""What a mail says around the merchant's text, in the reader's language: `words/<language>.toml`.

Not gettext: a worker writes mails in six languages by turns, and the reader of a mail is no user of our pages.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ghostcart.lib.texts import LANGUAGES

_FOLDER = Path(__file__).parent / "words"


def known(language: str) -> str:
    """The language itself if there are words for it, else the one it is a kind of, else English."""
    base = language.replace("_", "-").partition("-")[0].lower()
    return base if base in LANGUAGES else "en"


@cache
def words(language: str) -> Mapping[str, str]:
    return dict(_file(known(language))["words"])


@cache
def samples(language: str) -> Mapping[str, str]:
    """Names for made-up carts and people."""
    return dict(_file(known(language))["samples"])


@cache
def _file(language: str) -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
