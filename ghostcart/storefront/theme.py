"""A shop's colour, made into the few colours of a page that can be read in light and in dark."""

import re

PAPER, NIGHT = "#fbf9f5", "#1a1917"
WHITE, INK = "#ffffff", "#16150f"
READABLE = 4.6
"""A little above the contrast that WCAG AA asks of text (4.5)."""
FALLBACK = "#3b6e57"

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def stylesheet(accent: str) -> str:
    """The stylesheet with the shop's colours, for both schemes; an accent that is no colour gives the house's own."""
    if not _COLOUR.fullmatch(accent):
        accent = FALLBACK
    # The softest ground that text in the accent colour stands on decides.
    day = _until_readable(accent, mix(PAPER, accent, 0.12), INK)
    night = _until_readable(mix(accent, WHITE, 0.25), mix(NIGHT, accent, 0.22), WHITE)
    return (
        f":root{{{_colours(accent, day, PAPER, 0.12)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_colours(accent, night, NIGHT, 0.22)}}}}}"
    )


def _colours(accent: str, strong: str, ground: str, tint: float) -> str:
    values = {
        "accent": strong,
        "on-accent": WHITE if contrast(strong, WHITE) >= READABLE else INK,
        "accent-soft": mix(ground, accent, tint),
        "accent-line": mix(ground, accent, tint * 2.4),
    }
    return "".join(f"--{name}:{value};" for name, value in values.items())


def _until_readable(colour: str, ground: str, towards: str) -> str:
    """The colour nearest to `colour` on the way to `towards` that can be read on the ground, and text on it."""
    for step in range(41):
        tried = mix(colour, towards, step / 40)
        if contrast(tried, ground) >= READABLE and max(contrast(tried, WHITE), contrast(tried, INK)) >= READABLE:
            return tried
    return towards


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(first: str, second: str, share: float) -> str:
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _channels(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
