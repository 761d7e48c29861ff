"""Texts kept in several languages as {language: text}."""

from collections.abc import Mapping

LANGUAGES = ("en", "it", "es", "de", "fr", "nl")


def pick(texts: Mapping[str, str] | None, language: str) -> str:
    """The text in `language`, else English, else any that is there, else an empty string."""
    if not texts:
        return ""
    return texts.get(language) or texts.get("en") or next((text for text in texts.values() if text), "")
