"""Pots, bowls and boards. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    INK,
    STEEL,
    WHITE,
    WOOD,
    Brush,
    box,
    contour,
    dark,
    disc,
    fade,
    light,
    line,
    mix,
    move,
    oval,
    path,
)


def mug(b: Brush) -> str:
    body = contour(375, [(370, 138), (370, 138), (540, 134), (615, 116), (640, 98)])
    handle = "M498 425C620 395 625 575 496 560"
    glaze = path("M237 340H513V560Q440 596 375 580T237 572Z", b.side(b.main))
    return (
        b.ground(375, 640, 130)
        + line(handle, dark(b.main, 0.2), 32)
        + line(handle, light(b.main, 0.12), 14, opacity=0.7)
        + path(body, b.side(b.second))
        + b.clip(body, glaze)
        + b.rim(375, 370, 138, b.main)
        + b.gloss("M272 420V530", 14)
    )


def teapot(b: Brush) -> str:
    spout = "M250 570C190 560 180 470 128 430L172 414C230 440 240 480 280 490Z"
    return (
        b.ground(400, 640, 170)
        + line("M275 450C240 220 560 220 525 450", dark(b.second, 0.12), 20)
        + line("M278 440C248 228 540 222 521 430", light(b.second, 0.3), 6)
        + path(spout, b.side(b.main))
        + b.turned(400, [(420, 80), (450, 140), (530, 180), (600, 155), (640, 108)], b.main)
        + oval(400, 424, 84, 15, dark(b.main, 0.3))
        + b.turned(400, [(398, 30), (406, 62), (420, 82)], light(b.main, 0.08))
        + disc(400, 380, 19, b.ball(b.second))
        + b.gloss("M268 500Q250 545 276 590", 14)
    )


def bowl(b: Brush) -> str:
    lower = [(530, 196), (545, 196), (600, 148), (628, 84), (640, 82)]
    upper = [(430, 206), (446, 206), (508, 158), (546, 92), (552, 90)]
    return (
        b.ground(400, 640, 165)
        + b.turned(400, lower, b.second)
        + b.rim(400, 530, 196, b.second)
        + b.turned(400, upper, b.main)
        + b.rim(400, 430, 206, b.main, light(b.main, 0.2))
        + b.gloss("M226 474Q248 510 284 530", 12)
    )


def plate(b: Brush) -> str:
    def ring(x: float, y: float, r: float, color: str) -> str:
        edge = disc(x, y, r, b.flat(color)) + disc(x, y, r * 0.97, b.flat(light(color, 0.2)))
        well = disc(x, y, r * 0.66, b.flat(dark(color, 0.08))) + disc(
            x + 3, y + 4, r * 0.63, b.flat(light(color, 0.14))
        )
        return edge + well

    specks = "".join(
        disc(
            b.chance.randint(270, 490),
            b.chance.randint(270, 500),
            b.chance.choice((2, 3)),
            dark(b.main, 0.4),
            opacity=0.35,
        )
        for _ in range(34)
    )
    small = move(470, 476, ring(0, 0, 150, b.second))
    return ring(380, 384, 250, b.main) + specks + fade(0.2, disc(478, 490, 152, INK)) + small


def board(b: Brush) -> str:
    body = (
        "M290 640Q270 640 270 618V330Q270 290 330 282Q366 276 366 240V160A34 34 0 0 1 434 160"
        "V240Q434 276 470 282Q530 290 530 330V618Q530 640 510 640Z"
    )
    grain = "".join(
        line(f"M{x} 250C{x + 14} 380 {x - 16} 500 {x + 6} 650", dark(b.main, 0.22), 3, opacity=0.4)
        for x in range(286, 530, 27)
    )
    small = box(440, 430, 180, 210, 26, b.flat(b.second))
    lines = "".join(
        line(f"M{x} 446Q{x + 8} 530 {x} 626", dark(b.second, 0.2), 3, opacity=0.4) for x in range(468, 610, 24)
    )
    return (
        b.ground(430, 640, 170)
        + path(body, b.flat(b.main))
        + b.clip(body, grain)
        + disc(400, 168, 14, dark(b.main, 0.45))
        + fade(0.16, box(426, 438, 106, 202, 26, INK))
        + small
        + lines
        + disc(590, 460, 9, dark(b.second, 0.45))
    )


def jar(b: Brush) -> str:
    glass = contour(400, [(300, 104), (318, 108), (350, 142), (390, 150), (600, 150), (632, 142), (640, 130)])
    filling = path("M240 420Q320 396 400 418T560 410V670H240Z", b.side(b.second))
    beans = "".join(
        oval(b.chance.randint(268, 532), b.chance.randint(432, 640), 13, 9, light(b.second, 0.3), opacity=0.5)
        for _ in range(46)
    )
    return (
        b.ground(400, 640, 150)
        + path(glass, mix(b.main, WHITE, 0.75), opacity=0.75)
        + b.clip(glass, filling, beans)
        + path(glass, b.side(mix(b.main, WHITE, 0.5)), opacity=0.28)
        + b.turned(400, [(244, 102), (244, 102), (306, 96), (306, 96)], WOOD)
        + oval(400, 244, 102, 15, b.flat(light(WOOD, 0.3)))
        + line("M294 322Q400 346 506 322", STEEL, 7)
        + b.gloss("M282 400V580", 16, 0.6)
        + b.gloss("M518 400V560", 6, 0.4)
    )


def casserole(b: Brush) -> str:
    handles = line("M205 500C130 490 130 560 210 556", dark(b.main, 0.2), 26) + line(
        "M595 500C670 490 670 560 590 556", dark(b.main, 0.32), 26
    )
    return (
        b.ground(400, 640, 190)
        + handles
        + b.turned(400, [(458, 200), (458, 200), (570, 198), (622, 184), (640, 160)], b.main)
        + oval(400, 462, 206, 30, dark(b.main, 0.3))
        + b.turned(400, [(384, 40), (396, 120), (430, 190), (454, 206)], light(b.main, 0.06))
        + b.turned(400, [(352, 30), (366, 34), (382, 20), (390, 24)], b.second)
        + oval(400, 353, 28, 7, light(b.second, 0.4))
        + b.gloss("M232 500V580", 14)
        + b.gloss("M268 420Q310 400 350 396", 10)
    )


def mill(b: Brush) -> str:
    body = [(360, 56), (372, 58), (440, 42), (520, 52), (600, 76), (640, 78)]
    head = [(230, 16), (246, 44), (280, 58), (318, 50), (342, 44)]
    small = [(500, 44), (512, 46), (560, 36), (620, 56), (640, 58)]
    cap = [(420, 14), (434, 38), (456, 44), (486, 38)]
    return (
        b.ground(420, 640, 150)
        + b.turned(540, small, b.second)
        + box(502, 484, 76, 14, 6, b.side(STEEL))
        + b.turned(540, cap, b.second)
        + disc(540, 416, 10, b.ball(STEEL))
        + b.turned(370, body, b.main)
        + box(322, 340, 96, 18, 7, b.side(STEEL))
        + b.turned(370, head, b.main)
        + disc(370, 224, 13, b.ball(STEEL))
        + b.gloss("M336 400Q330 500 318 600", 9)
    )


def carafe(b: Brush) -> str:
    glass = contour(400, [(236, 62), (262, 52), (370, 54), (470, 128), (580, 150), (632, 136), (640, 120)])
    water = oval(400, 470, 128, 18, light(b.main, 0.5)) + box(230, 470, 340, 190, 0, b.side(b.main), opacity=0.62)
    return (
        b.ground(400, 640, 145)
        + path(glass, mix(b.main, WHITE, 0.8), opacity=0.7)
        + b.clip(glass, water)
        + path(glass, b.side(mix(b.main, WHITE, 0.5)), opacity=0.25)
        + b.turned(400, [(300, 53), (300, 53), (356, 53), (356, 53)], b.second)
        + line("M349 328Q400 344 451 328", dark(b.second, 0.25), 4)
        + oval(400, 236, 62, 9, mix(b.main, WHITE, 0.85), stroke=mix(b.main, WHITE, 0.4), stroke_width=4)
        + b.gloss("M294 500Q276 560 290 610", 15, 0.65)
    )


SHAPES = {
    "mug": (mug, "stand"),
    "teapot": (teapot, "stand"),
    "bowl": (bowl, "stand"),
    "plate": (plate, "flat"),
    "board": (board, "stand"),
    "jar": (jar, "stand"),
    "casserole": (casserole, "stand"),
    "mill": (mill, "stand"),
    "carafe": (carafe, "stand"),
}
