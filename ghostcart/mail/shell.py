"""The looks of a mail, from layout.mjml: read, laid out and inlined once per colour, then only filled in.

Laying out each mail anew would cost forty times as much, and bring what shoppers typed before two more parsers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from css_inline import CSSInliner
from mjml import mjml2html

from ghostcart.lib.colours import INK, WHITE, mix, text_on, until_readable

_LAYOUT = Path(__file__).with_name("layout.mjml")
_CARD, _PAPER, _MUTED, _LINE, _NIGHT = "#ffffff", "#f5f3ee", "#6a665c", "#e4e0d7", "#24221f"
_FALLBACK = "#3b6e57"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_PART = re.compile(r"<!--begin (\w+)-->(.*?)<!--end \1-->", re.DOTALL)
_HERE = re.compile(r"<!--here (\w+)-->")
_GAP = re.compile(r"\[\[(\w+)\]\]")

# The style sheet of the layout is inlined; what cannot be (media queries) stays. Nothing is ever fetched.
_INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


class Part:
    """A piece of HTML with gaps."""

    __slots__ = ("_pieces",)

    def __init__(self, html: str) -> None:
        self._pieces = _GAP.split(html)  # html, name, html, ... html

    def fill(self, **values: str) -> str:
        """The HTML with the gaps filled: values must be HTML already."""
        return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(self._pieces))


@dataclass(frozen=True, slots=True)
class Shell:
    page: Part
    parts: Mapping[str, Part]


@lru_cache(maxsize=256)
def shell(accent: str) -> Shell:
    """The page and its parts in a shop's colour (#rrggbb; anything else gives the house's own)."""
    layout = _LAYOUT.read_text(encoding="utf-8")
    for name, colour in _colours(accent if _COLOUR.fullmatch(accent) else _FALLBACK).items():
        layout = layout.replace(f"@{name}@", colour)
    html = _INLINER.inline(mjml2html(layout, fonts={}))
    parts = {name: Part(part) for name, part in _PART.findall(html)}
    html = _HERE.sub(r"[[\1]]", _PART.sub("", html))
    return Shell(Part(html.replace('lang="und"', 'lang="[[language]]"')), parts)


def _colours(accent: str) -> dict[str, str]:
    soft, night_soft = mix(_CARD, accent, 0.08), mix(_NIGHT, accent, 0.18)
    day = until_readable(accent, soft, INK)
    night = until_readable(mix(accent, WHITE, 0.25), night_soft, WHITE)
    return {
        "accent": day,
        "on_accent": text_on(day),
        "night": night,
        "on_night": text_on(night),
        "soft": soft,
        "night_soft": night_soft,
        "ink": "#2b2924",
        "muted": _MUTED,
        "line": _LINE,
        "paper": _PAPER,
        "card": _CARD,
    }
