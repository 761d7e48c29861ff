"""A shop's colour, made into the few colours of a page that can be read in light and in dark."""

import re

from ghostcart.lib.colours import INK, VERY_READABLE, WHITE, mix, text_on, until_readable

PAPER, NIGHT = "#fbf9f5", "#1a1917"
BLACK, NEARLY_BLACK = "#000000", "#0f0e0d"
"""The grounds in the dark of those who ask for more contrast."""
FALLBACK = "#3b6e57"

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def stylesheet(accent: str) -> str:
    """The stylesheet with the shop's colours, for both schemes; an accent that is no colour gives the house's own."""
    if not _COLOUR.fullmatch(accent):
        accent = FALLBACK
    # The softest ground that text in the accent colour stands on decides.
    day = until_readable(accent, mix(PAPER, accent, 0.12), INK)
    night = until_readable(mix(accent, WHITE, 0.25), mix(NIGHT, accent, 0.22), WHITE)
    strong_day = until_readable(accent, WHITE, BLACK, VERY_READABLE)
    strong_night = until_readable(accent, NEARLY_BLACK, WHITE, VERY_READABLE)
    return (
        f":root{{{_colours(accent, day, PAPER, 0.12)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_colours(accent, night, NIGHT, 0.22)}}}}}"
        f"@media (prefers-contrast:more){{:root{{{_colours(accent, strong_day, WHITE, 0)}}}}}"
        "@media (prefers-contrast:more) and (prefers-color-scheme:dark)"
        f"{{:root{{{_colours(accent, strong_night, NEARLY_BLACK, 0)}}}}}"
    )


def _colours(accent: str, strong: str, ground: str, tint: float) -> str:
    values = {
        "accent": strong,
        "on-accent": text_on(strong),
        "accent-soft": mix(ground, accent, tint),
        "accent-line": mix(ground, accent, tint * 2.4),
    }
    return "".join(f"--{name}:{value};" for name, value in values.items())
