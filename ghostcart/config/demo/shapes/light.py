"""Lamps and candles. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    WHITE,
    Brush,
    box,
    contour,
    dark,
    disc,
    light,
    line,
    mix,
    oval,
    path,
)


def _flame(b: Brush, x: float, y: float) -> str:
    """A small flame whose wick ends at (x, y)."""
    drop = f"M{x} {y}c-24 -14 -12 -44 0 -66c12 22 24 52 0 66Z"
    return (
        disc(x, y - 26, 120, b.haze("#ffd884", 0.7))
        + line(f"M{x} {y + 16}V{y - 4}", INK, 4)
        + path(drop, b.down("#ffd36b", "#f59a4a"))
        + oval(x, y - 14, 6, 13, "#fff3c9")
    )


def lamp(b: Brush) -> str:
    shade = contour(400, [(190, 110), (190, 110), (400, 196), (400, 196)], 0.11)
    return (
        b.ground(400, 640, 120)
        + disc(400, 330, 330, b.haze("#ffe2a0", 0.55))
        + box(391, 380, 18, 60, 4, b.side(BRASS))
        + b.turned(400, [(436, 34), (448, 46), (510, 108), (580, 112), (628, 74), (640, 70)], b.main)
        + path(shade, b.down(b.second, light(mix(b.second, "#ffdf9a", 0.55), 0.4)))
        + path(shade, b.side(b.second), opacity=0.3)
        + oval(400, 400, 194, 19, mix("#fff3cf", b.second, 0.12))
        + oval(400, 190, 108, 12, dark(b.second, 0.18))
        + b.gloss("M316 530Q312 565 326 592", 13)
    )


def pendant(b: Brush) -> str:
    dome = contour(400, [(270, 30), (290, 60), (360, 160), (460, 218), (480, 220)], 0.13)
    return (
        path("M196 494L70 800H730L604 494Z", b.down("#fff0c4", mix("#fff0c4", WHITE, 0.6)), opacity=0.35)
        + line("M400 0V240", INK, 6)
        + box(372, 222, 56, 56, 12, b.side(b.second))
        + path(dome, b.side(b.main))
        + oval(400, 482, 220, 32, light(b.main, 0.4))
        + oval(400, 484, 208, 27, b.down(mix(b.main, "#ffe7ae", 0.55), "#fff6dc"))
        + disc(400, 494, 34, b.haze(WHITE, 1))
        + disc(400, 484, 22, "#fffaf0")
        + b.gloss("M236 420Q268 350 326 312", 14)
    )


def floorlamp(b: Brush) -> str:
    shade = contour(400, [(120, 128), (120, 128), (296, 160), (296, 160)], 0.1)
    legs = (
        line("M400 330L292 640", dark(b.main, 0.12), 17)
        + line("M400 330L512 640", dark(b.main, 0.28), 17)
        + line("M400 330L416 610", b.main, 17)
    )
    return (
        oval(420, 640, 240, 34, b.haze(INK, 0.3))
        + disc(400, 220, 300, b.haze("#ffe2a0", 0.5))
        + legs
        + line("M395 330L288 638", light(b.main, 0.4), 4)
        + box(376, 310, 48, 40, 10, b.side(BRASS))
        + path(shade, b.down(b.second, light(mix(b.second, "#ffdf9a", 0.5), 0.4)))
        + path(shade, b.side(b.second), opacity=0.3)
        + oval(400, 297, 157, 15, "#fff3cf")
        + oval(400, 120, 126, 12, dark(b.second, 0.16))
    )


def candle(b: Brush) -> str:
    def pillar(x: float, top: float, half: float, color: str) -> str:
        body = b.turned(x, [(top, half), (top, half), (640, half), (640, half)], color)
        return body + oval(x, top, half, half * 0.15, b.flat(light(color, 0.45))) + _flame(b, x, top - 10)

    return (
        b.ground(410, 640, 210)
        + pillar(330, 330, 74, b.main)
        + pillar(548, 470, 66, b.second)
        + pillar(436, 420, 70, light(b.main, 0.22))
    )


def lantern(b: Brush) -> str:
    bars = "".join(line(f"M{x} 340V610", dark(b.main, 0.15), 9) for x in (272, 400, 528))
    return (
        b.ground(400, 640, 150)
        + line("M330 262C320 130 480 130 470 262", b.main, 12)
        + path("M250 340L320 256H480L550 340Z", b.side(b.main))
        + box(268, 338, 264, 276, 6, mix("#ffe7b0", WHITE, 0.35), opacity=0.65)
        + b.turned(400, [(470, 52), (470, 52), (606, 52), (606, 52)], b.second)
        + oval(400, 470, 52, 8, light(b.second, 0.5))
        + _flame(b, 400, 460)
        + bars
        + box(244, 330, 312, 20, 8, b.side(light(b.main, 0.1)))
        + box(244, 606, 312, 34, 8, b.side(b.main))
        + b.gloss("M300 370L352 370L300 450", 4, 0.5)
    )


def candlestick(b: Brush) -> str:
    def stick(x: float, top: float) -> str:
        foot = [
            (top, 32),
            (top + 10, 30),
            (top + 26, 12),
            (top + 60, 20),
            (top + 80, 9),
            (596, 12),
            (622, 62),
            (640, 74),
        ]
        taper = [(top - 200, 13), (top - 200, 13), (top, 20), (top, 20)]
        return b.turned(x, taper, b.main) + b.turned(x, foot, b.second) + _flame(b, x, top - 206)

    return b.ground(400, 640, 190) + stick(300, 420) + stick(500, 470) + b.gloss("M292 520V580", 5, 0.6)


SHAPES = {
    "lamp": (lamp, "stand"),
    "pendant": (pendant, "hang"),
    "floorlamp": (floorlamp, "stand"),
    "candle": (candle, "stand"),
    "lantern": (lantern, "stand"),
    "candlestick": (candlestick, "stand"),
}
