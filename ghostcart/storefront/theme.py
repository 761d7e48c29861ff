"""A shop's colour, made into the few colours of a page that can be read in light and in dark."""

import re

from ghostcart.lib.colours import INK, WHITE, mix, text_on, until_readable

PAPER, NIGHT = "#fbf9f5", "#1a1917"
FALLBACK = "#3b6e57"

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def stylesheet(accent: str) -> str:
    """The stylesheet with the shop's colours, for both schemes; an accent that is no colour gives the house's own."""
    if not _COLOUR.fullmatch(accent):
        accent = FALLBACK
    # The softest ground that text in the accent colour stands on decides.
    day = until_readable(accent, mix(PAPER, accent, 0.12), INK)
    night = until_readable(mix(accent, WHITE, 0.25), mix(NIGHT, accent, 0.22), WHITE)
    return (
        f":root{{{_colours(accent, day, PAPER, 0.12)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_colours(accent, night, NIGHT, 0.22)}}}}}"
    )


def _colours(accent: str, strong: str, ground: str, tint: float) -> str:
    values = {
        "accent": strong,
        "on-accent": text_on(strong),
        "accent-soft": mix(ground, accent, tint),
        "accent-line": mix(ground, accent, tint * 2.4),
    }
    return "".join(f"--{name}:{value};" for name, value in values.items())
