"""The little markup of mails: paragraphs, "# heading", "- list", "**bold**", and blocks on lines of their own.

What a shopper typed must never act as markup. So whatever a variable gives is `guard`ed: its markup letters travel
as private characters, which nobody can type, and become themselves again when the text is read.
"""

import re
from dataclasses import dataclass

Inline = tuple[tuple[str, bool], ...]
"""A line as (text, is bold) runs."""


@dataclass(frozen=True, slots=True)
class Heading:
    text: Inline


@dataclass(frozen=True, slots=True)
class Paragraph:
    lines: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """What the drawing puts in: the products, a button, the voucher."""

    name: str


Piece = Heading | Paragraph | Bullets | Block

_GUARDED = {"*": "\ue001", "#": "\ue002", "-": "\ue003", "\r": " ", "\n": " "}
_GUARD = str.maketrans(_GUARDED)
_UNGUARD = str.maketrans({private: letter for letter, private in _GUARDED.items() if private != " "})
_STOP, _OPEN, _CLOSE = "\ue00f", "\ue010", "\ue011"
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_BLOCK = re.compile(f"{_OPEN}([a-z_]+){_CLOSE}")
_HEADING = re.compile(r"#{1,3} +(.*)")
_BULLET = re.compile(r"[-*•] +(.*)")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")


def without_private(text: str) -> str:
    """The text without the characters that are ours."""
    return _PRIVATE.sub("", text)


def guard(text: str) -> str:
    """What a variable gave, on one line, without power over the markup.

    A full stop at its end is marked: "bei {{ shop.name }}." must not become "bei Fern & Co..".
    """
    text = text.translate(_GUARD)
    return f"{text[:-1]}{_STOP}" if text.endswith(".") else text


def block(name: str) -> str:
    """What stands for a block until the text is read."""
    return f"{_OPEN}{name}{_CLOSE}"


def plain(text: str) -> str:
    """One line of bare text, as for a subject: no blocks, nothing guarded."""
    return " ".join(_unguarded(_BLOCK.sub("", text)).split())


def parse(text: str) -> tuple[Piece, ...]:
    """The pieces of a text. Any text has some reading: what is no markup is a paragraph."""
    pieces: list[Piece] = []
    chunks = _BLOCK.split(text)  # text, name, text, name, ... text
    for place, chunk in enumerate(chunks):
        if place % 2:
            pieces.append(Block(chunk))
        else:
            pieces += _passage(chunk)
    return tuple(pieces)


def _passage(text: str) -> list[Piece]:
    """Headings, lists and paragraphs; a line of another sort ends what is open, and so do empty ones."""
    pieces: list[Piece] = []
    sort, lines = "", list[Inline]()

    def close() -> None:
        if lines:
            pieces.append(Bullets(tuple(lines)) if sort == "bullet" else Paragraph(tuple(lines)))
            lines.clear()

    for raw in text.splitlines():
        line = raw.strip()
        heading, bullet = _HEADING.fullmatch(line), _BULLET.fullmatch(line)
        now = "heading" if heading else "bullet" if bullet else "text" if line else ""
        if not line and sort == "bullet":
            continue  # a list goes on behind an empty line: {% if %} leaves them
        if now != sort or heading:
            close()
            sort = now
        if heading:
            pieces.append(Heading(_inline(heading[1])))
        elif bullet:
            lines.append(_inline(bullet[1]))
        elif line:
            lines.append(_inline(line))
    close()
    return pieces


def _inline(line: str) -> Inline:
    """The runs of a line, with the private characters turned back."""
    runs = enumerate(_BOLD.split(line))
    return tuple((_unguarded(text), bool(place % 2)) for place, text in runs if text)


def _unguarded(text: str) -> str:
    return without_private(text.replace(f"{_STOP}.", ".").replace(_STOP, ".").translate(_UNGUARD))
