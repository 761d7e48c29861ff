"""Colours as #rrggbb: mixed, compared, and moved until text in them can be read."""

WHITE, INK = "#ffffff", "#16150f"
READABLE, VERY_READABLE = 4.6, 7.1
"""A little above the contrast that WCAG asks of text: AA (4.5), AAA (7)."""


def until_readable(colour: str, ground: str, towards: str, least: float = READABLE) -> str:
    """The colour nearest to `colour` on the way to `towards` that can be read on the ground, and text on it."""
    for step in range(41):
        tried = mix(colour, towards, step / 40)
        if contrast(tried, ground) >= least and max(contrast(tried, WHITE), contrast(tried, INK)) >= least:
            return tried
    return towards


def text_on(colour: str) -> str:
    """White or ink: what can be read on the colour."""
    return WHITE if contrast(colour, WHITE) >= READABLE else INK


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(first: str, second: str, share: float) -> str:
    """The colour that lies `share` of the way from `first` to `second`."""
    pairs = zip(channels(first), channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def channels(colour: str) -> list[int]:
    """Red, green and blue, each from 0 to 255."""
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
