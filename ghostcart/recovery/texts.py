"""The texts that campaigns begin with, and those of our own mails: texts/<language>.toml, written in each language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ghostcart.lib.texts import LANGUAGES
from ghostcart.mail.words import known

_FOLDER = Path(__file__).with_name("texts")

Template = dict[str, str]
"""{subject, body}"""


def default(kind: str, position: int) -> dict[str, Template]:
    """The text of a campaign's step in each language, counted from 1; further steps get the last one there is."""
    last = max(place for place in range(1, position + 1) if place == 1 or f"{kind}_{place}" in _texts("en"))
    return {language: dict(_texts(language)[f"{kind}_{last}"]) for language in LANGUAGES}


def system(name: str, language: str) -> Template:
    """One of our own mails: summary, notice, password_reset. A language we don't write gets English."""
    return dict(_texts(known(language))[name])


@cache
def _texts(language: str) -> Mapping[str, Template]:
    read = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {name: {part: text.strip() for part, text in one.items()} for name, one in read.items()}
