"""Bottles, stoves and pots for the road. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    PAPER,
    STEEL,
    Brush,
    box,
    contour,
    dark,
    disc,
    light,
    line,
    oval,
    path,
)


def bottle(b: Brush) -> str:
    body = contour(400, [(300, 54), (320, 58), (370, 96), (410, 102), (620, 102), (636, 98), (640, 90)])
    return (
        b.ground(400, 640, 105)
        + line("M352 218C352 120 448 120 448 218", dark(b.second, 0.15), 18)
        + path(body, b.side(b.main))
        + b.clip(body, box(290, 590, 220, 90, 0, b.side(b.second)))
        + box(350, 284, 100, 24, 8, b.side(STEEL))
        + box(340, 206, 120, 82, 18, b.side(b.second))
        + line("M362 226V270M384 226V270M406 226V270M428 226V270", dark(b.second, 0.3), 4, opacity=0.6)
        + path("M366 500l36 -58l24 34l12 -16l28 40Z", light(b.main, 0.7), opacity=0.9)
        + b.gloss("M326 420V560", 14, 0.5)
    )


def flask(b: Brush) -> str:
    body = [(330, 104), (340, 110), (610, 110), (640, 104)]
    return (
        b.ground(400, 640, 130)
        + line("M506 380C620 380 620 580 506 580", dark(b.second, 0.1), 26)
        + b.turned(400, body, b.main)
        + b.turned(400, [(318, 98), (318, 98), (336, 104), (336, 104)], STEEL)
        + b.turned(400, [(190, 84), (190, 84), (316, 98), (316, 98)], STEEL)
        + oval(400, 190, 84, 12, light(STEEL, 0.5))
        + line("M304 290Q400 310 496 290", dark(STEEL, 0.3), 4, opacity=0.5)
        + line("M291 420Q400 440 509 420", b.second, 12, stroke_linecap="butt")
        + line("M291 590Q400 610 509 590", b.second, 12, stroke_linecap="butt")
        + b.gloss("M326 450V570", 15, 0.45)
        + b.gloss("M336 216V286", 12, 0.6)
    )


def stove(b: Brush) -> str:
    flames = "".join(
        path(f"M{x} 372c-16 -16 -6 -42 0 -60c6 18 16 44 0 60Z", b.down("#bfe3ff", "#4f8fe0"), opacity=0.9)
        for x in range(330, 480, 28)
    )
    arms = line("M400 420L270 360V330M400 420L530 360V330", STEEL, 13)
    return (
        b.ground(400, 640, 150)
        + b.turned(400, [(484, 60), (500, 112), (526, 146), (600, 150), (632, 146), (640, 138)], b.main)
        + line("M252 566Q400 594 548 566", b.second, 34, stroke_linecap="butt")
        + box(372, 436, 56, 54, 6, b.side(BRASS))
        + line("M428 462H540", STEEL, 10)
        + box(530, 446, 44, 32, 8, b.flat(b.second))
        + arms
        + line("M400 420V330", dark(STEEL, 0.3), 13)
        + disc(400, 340, 150, b.haze("#8fc4ff", 0.5))
        + flames
        + b.turned(400, [(374, 90), (374, 90), (392, 74), (400, 50)], dark(STEEL, 0.2))
        + b.gloss("M288 540V606", 12)
    )


def campmug(b: Brush) -> str:
    body = contour(380, [(400, 142), (400, 142), (632, 136), (640, 128)])
    specks = "".join(
        disc(
            b.chance.randint(244, 516),
            b.chance.randint(410, 650),
            b.chance.choice((2, 3, 4)),
            light(b.main, 0.75),
            opacity=0.75,
        )
        for _ in range(60)
    )
    return (
        b.ground(380, 640, 135)
        + line("M508 452C620 430 620 590 504 584", dark(b.main, 0.25), 22)
        + line("M510 450C606 436 606 572 512 578", light(b.main, 0.35), 5)
        + path(body, b.side(b.main))
        + b.clip(body, specks, path("M290 580l70 -116l46 64l24 -30l56 82Z", light(b.second, 0.15), opacity=0.95))
        + oval(380, 400, 146, 22, b.side(b.second))
        + oval(380, 401, 134, 17, b.down(dark(b.main, 0.35), light(PAPER, 0.1)))
        + b.gloss("M268 450V590", 12, 0.35)
    )


def cookset(b: Brush) -> str:
    return (
        b.ground(400, 640, 180)
        + line("M236 470C230 250 570 250 564 470", dark(STEEL, 0.25), 9)
        + b.turned(400, [(456, 170), (456, 170), (610, 168), (634, 158), (640, 146)], b.main)
        + oval(400, 460, 178, 26, dark(b.main, 0.35))
        + b.turned(400, [(414, 100), (430, 156), (450, 176), (458, 178)], STEEL)
        + line("M366 408C370 372 430 372 434 408", b.second, 15)
        + box(218, 470, 30, 40, 8, b.flat(dark(STEEL, 0.25)))
        + box(552, 470, 30, 40, 8, b.flat(dark(STEEL, 0.35)))
        + box(330, 288, 140, 24, 12, b.side(b.second))
        + b.gloss("M268 510V590", 15, 0.45)
        + line("M236 560Q400 588 564 560", dark(b.main, 0.25), 3, opacity=0.5)
    )


SHAPES = {
    "bottle": (bottle, "stand"),
    "flask": (flask, "stand"),
    "stove": (stove, "stand"),
    "campmug": (campmug, "stand"),
    "cookset": (cookset, "stand"),
}
