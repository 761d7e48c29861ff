"""The brush that every demo picture is painted with: colours, light and basic forms, as SVG text.

Light always falls from the upper left, so every picture of a shop belongs to the same room.
"""

import hashlib
import math
import random
from collections.abc import Sequence

from ghostcart.lib.colours import channels, mix

WHITE, CREAM, INK = "#ffffff", "#fbf5ea", "#2a2433"
WOOD, STEEL, BRASS = "#c99b6c", "#b7c0c8", "#cba45a"
LEAF, PAPER, ROPE = "#6c8f6d", "#fbf7ee", "#d9c19a"


def light(color: str, share: float = 0.3) -> str:
    return mix(color, "#fff8ec", share)


def dark(color: str, share: float = 0.25) -> str:
    return mix(color, INK, share)


def brightness(color: str) -> float:
    """0 for black, 1 for white, as the eye sees it."""
    red, green, blue = channels(color)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def tag(name: str, inner: str = "", /, **attributes: object) -> str:
    """One SVG element; `_` in an attribute's name stands for `-`."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"' for key, value in attributes.items())
    return f"<{name}{words}>{inner}</{name}>" if inner else f"<{name}{words}/>"


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def path(d: str, fill: str, **more: object) -> str:
    return tag("path", d=d, fill=fill, **more)


def oval(cx: float, cy: float, rx: float, ry: float, fill: str, **more: object) -> str:
    return tag("ellipse", cx=cx, cy=cy, rx=rx, ry=ry, fill=fill, **more)


def disc(cx: float, cy: float, r: float, fill: str, **more: object) -> str:
    return oval(cx, cy, r, r, fill, **more)


def box(x: float, y: float, w: float, h: float, r: float, fill: str, **more: object) -> str:
    return tag("rect", x=x, y=y, width=w, height=h, rx=r, fill=fill, **more)


def line(d: str, color: str, width: float, **more: object) -> str:
    ends = {"stroke_linecap": "round", "stroke_linejoin": "round"} | more
    return tag("path", d=d, fill="none", stroke=color, stroke_width=width, **ends)


def turn(angle: float, *inner: str, cx: float = 400, cy: float = 400) -> str:
    return tag("g", "".join(inner), transform=f"rotate({angle} {cx} {cy})")


def move(x: float, y: float, *inner: str, scale: float = 1) -> str:
    return tag("g", "".join(inner), transform=f"translate({x} {y}) scale({scale})")


def fade(opacity: float, *inner: str) -> str:
    return tag("g", "".join(inner), opacity=opacity)


def contour(cx: float, profile: Sequence[tuple[float, float]], tilt: float = 0.13) -> str:
    """The outline of a thing turned on a wheel: (height on the page, half width) from top to bottom.

    A point given twice makes a corner; all others are passed smoothly.
    """
    right = _smooth([(cx + half, y) for y, half in profile])
    left = _smooth([(cx - half, y) for y, half in reversed(profile)])
    (top, upper), (bottom, lower) = profile[0], profile[-1]
    base = f"A{lower} {lower * tilt:.1f} 0 0 1 {cx - lower} {bottom}"
    lid = f"A{upper} {upper * tilt:.1f} 0 0 1 {cx + upper} {top}"
    return f"M{cx + upper} {top}{right}{base}{left}{lid}Z"


def _smooth(points: Sequence[tuple[float, float]]) -> str:
    """Bezier curves through the points (Catmull-Rom), the first point being the pen's place."""
    padded = [points[0], *points, points[-1]]
    curves = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        reach = math.dist(start, end) / 3
        x1, y1 = _step(start, before, end, reach)
        x2, y2 = _step(end, after, start, reach)
        curves.append(f"C{x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f} {end[0]:.1f} {end[1]:.1f}")
    return "".join(curves)


def _step(
    point: tuple[float, float], source: tuple[float, float], goal: tuple[float, float], reach: float
) -> tuple[float, float]:
    """From `point` in the direction `source` -> `goal`, never so far that a short piece would loop."""
    span = math.dist(source, goal)
    share = min(1 / 6, reach / span) if span else 0
    return point[0] + (goal[0] - source[0]) * share, point[1] + (goal[1] - source[1]) * share


class Brush:
    """Two colours, a source of small chances, and the gradients used so far."""

    def __init__(self, shape: str, colors: Sequence[str], seed: str) -> None:
        self.main = colors[0].lower()
        self.second = colors[1].lower() if len(colors) > 1 else dark(self.main, 0.3)
        key = "|".join([shape, self.main, self.second, seed])
        self._prefix = "p" + hashlib.sha256(key.encode()).hexdigest()[:8]
        self.chance = random.Random(key)
        self._names: dict[str, str] = {}
        self._defs: list[str] = []

    def definitions(self) -> str:
        return tag("defs", "".join(self._defs))

    def define(self, element: str, inner: str, /, **attributes: object) -> str:
        """Keep a gradient, clip or filter once; return the reference to it."""
        key = tag(element, inner, **attributes)
        if key not in self._names:
            self._names[key] = f"{self._prefix}-{len(self._names)}"
            self._defs.append(tag(element, inner, id=self._names[key], **attributes))
        return f"url(#{self._names[key]})"

    def side(self, color: str) -> str:
        """A round, upright surface: lit on the left, turning into shade on the right."""
        stops = [(0, light(color, 0.1)), (0.24, light(color, 0.3)), (0.56, color), (1, dark(color, 0.27))]
        return self.define("linearGradient", _stops(stops), x1=0, y1=0, x2=1, y2=0.06)

    def flat(self, color: str) -> str:
        """A flat surface: a little lighter at the upper left."""
        stops = [(0, light(color, 0.2)), (0.55, color), (1, dark(color, 0.14))]
        return self.define("linearGradient", _stops(stops), x1=0, y1=0, x2=0.8, y2=1)

    def down(self, upper: str, lower: str) -> str:
        return self.define("linearGradient", _stops([(0, upper), (1, lower)]), x1=0, y1=0, x2=0, y2=1)

    def ball(self, color: str) -> str:
        stops = [(0, light(color, 0.42)), (0.5, color), (1, dark(color, 0.28))]
        return self.define("radialGradient", _stops(stops), cx=0.36, cy=0.3, r=0.8)

    def haze(self, color: str, opacity: float) -> str:
        """A spot of colour that fades to nothing: glows and soft shadows."""
        inner = "".join(
            tag("stop", offset=at, stop_color=color, stop_opacity=round(opacity * share, 3))
            for at, share in ((0, 1), (0.45, 0.62), (0.75, 0.2), (1, 0))
        )
        return self.define("radialGradient", inner)

    def ground(self, cx: float, y: float, half: float) -> str:
        """The soft shadow of a standing thing, drawn out to the right."""
        near = oval(cx + half * 0.06, y + 4, half * 1.12, half * 0.17 + 8, self.haze(INK, 0.5))
        return oval(cx + half * 0.3, y + 8, half * 1.5, half * 0.26 + 10, self.haze(INK, 0.26)) + near

    def turned(self, cx: float, profile: Sequence[tuple[float, float]], color: str) -> str:
        return path(contour(cx, profile), self.side(color))

    def rim(self, cx: float, y: float, half: float, color: str, inside: str = "", lip: float = 9) -> str:
        """The open top of a vessel, seen a little from above."""
        hollow = self.down(dark(inside or color, 0.42), light(inside or color, 0.05))
        outer = oval(cx, y, half, half * 0.15, self.side(light(color, 0.32)))
        return outer + oval(cx, y + 1, half - lip, (half - lip) * 0.14, hollow)

    def clip(self, d: str, *inner: str) -> str:
        reference = self.define("clipPath", tag("path", d=d))
        return tag("g", "".join(inner), clip_path=reference)

    def gloss(self, d: str, width: float = 12, opacity: float = 0.4) -> str:
        return line(d, WHITE, width, opacity=opacity)

    def leaf(self, x: float, y: float, size: float, angle: float, color: str = LEAF) -> str:
        """One leaf that grows from (x, y); 0 points up, positive angles lean to the right."""
        bend = size * 0.36
        blade = f"M0 0C{-bend:.1f} {-size * 0.3:.1f} {-bend * 0.8:.1f} {-size * 0.75:.1f} 0 {-size}"
        blade += f"C{bend * 0.8:.1f} {-size * 0.75:.1f} {bend:.1f} {-size * 0.3:.1f} 0 0Z"
        vein = line(f"M0 0V{-size * 0.82:.1f}", dark(color, 0.2), max(1.5, size / 34))
        inner = path(blade, self.side(color)) + vein
        return tag("g", inner, transform=f"translate({x:.1f} {y:.1f}) rotate({angle})")

    def sprig(self, x: float, y: float, height: float, angle: float, color: str = LEAF) -> str:
        """A stem with leaves to both sides."""
        stem = line(f"M0 0Q10 {-height / 2} 0 {-height}", dark(color, 0.25), 5)
        leaves = ""
        for step in range(5):
            up = height * (0.3 + step * 0.15)
            size = height * (0.27 - step * 0.025)
            leaves += self.leaf(5, -up, size, -58 + step * 4, color)
            leaves += self.leaf(5, -up - height * 0.05, size, 58 - step * 4, light(color, 0.14))
        leaves += self.leaf(0, -height + 6, height * 0.18, 0, color)
        return tag("g", stem + leaves, transform=f"translate({x} {y}) rotate({angle})")


def _stops(stops: Sequence[tuple[float, str]]) -> str:
    return "".join(tag("stop", offset=at, stop_color=color) for at, color in stops)
