"""Bags and cases. Standing things end at y = 640."""

from ghostcart.config.demo.brush import INK, STEEL, Brush, box, contour, dark, disc, light, line, oval, path


def buckle(b: Brush, x: float, y: float) -> str:
    return box(x - 16, y - 11, 32, 22, 6, b.flat("#3b3a42")) + box(x - 7, y - 4, 14, 8, 3, "#77757f")


def backpack(b: Brush) -> str:
    straps = line("M330 320V420M470 320V420", dark(b.second, 0.3), 20, stroke_linecap="butt")
    return (
        b.ground(400, 640, 170)
        + line("M366 200C366 140 434 140 434 200", dark(b.main, 0.45), 15)
        + box(216, 440, 60, 170, 26, b.side(dark(b.main, 0.12)))
        + box(524, 440, 60, 170, 26, b.side(dark(b.main, 0.25)))
        + path(
            "M258 320Q256 230 330 220H470Q544 230 542 320L556 600Q556 640 516 640H284Q244 640 244 600Z",
            b.side(b.main),
        )
        + box(288, 452, 224, 160, 30, b.flat(light(b.main, 0.08)))
        + line("M306 490H494", dark(b.main, 0.35), 5)
        + box(486, 486, 10, 34, 5, b.second)
        + straps
        + path(
            "M252 322Q248 196 340 188H460Q552 196 548 322Q548 348 520 348H280Q252 348 252 322Z",
            b.flat(b.second),
        )
        + buckle(b, 330, 384)
        + buckle(b, 470, 384)
        + b.gloss("M278 300Q280 232 330 220", 8, 0.3)
    )


def duffel(b: Brush) -> str:
    body = "M210 410H590Q650 410 650 525T590 640H210Q150 640 150 525T210 410Z"
    bands = box(284, 400, 36, 250, 0, b.second) + box(480, 400, 36, 250, 0, b.second)
    return (
        b.ground(400, 640, 240)
        + line("M302 420C310 280 490 280 498 420", dark(b.second, 0.3), 20)
        + path(body, b.flat(b.main))
        + b.clip(
            body,
            bands,
            oval(420, 660, 330, 110, b.haze(INK, 0.35)),
            box(140, 410, 60, 240, 0, dark(b.main, 0.25), opacity=0.5),
            box(600, 410, 60, 240, 0, dark(b.main, 0.3), opacity=0.6),
        )
        + line("M302 430C306 330 494 330 498 430", b.second, 20)
        + box(372, 342, 56, 30, 12, b.flat(dark(b.second, 0.35)))
        + line("M216 440H270M334 440H466M530 440H584", dark(b.main, 0.4), 6)
        + buckle(b, 302, 520)
        + buckle(b, 498, 520)
        + b.gloss("M206 470Q190 500 190 540", 8, 0.3)
    )


def pouch(b: Brush) -> str:
    return (
        line("M240 400C60 330 120 180 400 170S740 330 560 400", dark(b.second, 0.2), 30)
        + buckle(b, 400, 171)
        + path(
            "M196 392Q200 366 240 366H560Q600 366 604 392Q620 600 500 620H300Q180 600 196 392Z",
            b.flat(b.main),
        )
        + path("M226 470Q400 452 574 470Q570 590 490 600H310Q230 590 226 470Z", b.flat(light(b.main, 0.1)))
        + line("M216 408H584", dark(b.main, 0.4), 7)
        + line("M248 486Q400 468 552 486", dark(b.main, 0.35), 6)
        + box(540, 402, 14, 46, 7, b.second)
        + box(268, 482, 12, 40, 6, b.second)
        + path("M378 540l22 -34l22 34Z", b.second)
    )


def drybag(b: Brush) -> str:
    body = contour(400, [(310, 116), (330, 136), (420, 152), (600, 152), (632, 148), (640, 140)])
    return (
        b.ground(400, 640, 155)
        + path("M300 250H500L520 330H280Z", b.side(dark(b.main, 0.08)))
        + path(body, b.side(b.main))
        + b.clip(
            body,
            box(240, 540, 330, 140, 0, b.side(b.second)),
            line("M250 380Q330 420 300 470M552 360Q500 400 530 450", dark(b.main, 0.3), 5, opacity=0.4),
        )
        + line("M290 250C290 140 510 140 510 250", b.second, 20)
        + box(270, 222, 260, 62, 28, b.side(light(b.main, 0.06)))
        + line("M290 244H510M290 262H510", dark(b.main, 0.3), 3, opacity=0.6)
        + buckle(b, 400, 164)
        + path("M366 470L400 410L434 470Q434 500 400 500T366 470Z", light(b.main, 0.7), opacity=0.85)
        + b.gloss("M280 380V510", 15, 0.35)
    )


def trolley(b: Brush) -> str:
    ribs = "".join(box(x, 286, 16, 316, 8, b.side(dark(b.main, 0.1))) for x in range(286, 530, 50))
    wheels = "".join(disc(x, 628, 20, INK) + disc(x, 628, 9, STEEL) for x in (282, 518))
    return (
        b.ground(400, 644, 160)
        + line("M336 260V130M464 260V130", STEEL, 14)
        + box(318, 112, 164, 30, 14, b.flat(INK))
        + wheels
        + box(232, 240, 336, 380, 44, b.side(b.main))
        + ribs
        + line("M232 430H568", dark(b.main, 0.4), 5)
        + box(226, 410, 22, 40, 6, b.flat(b.second))
        + box(552, 410, 22, 40, 6, b.flat(b.second))
        + line("M350 244C350 216 450 216 450 244", dark(b.second, 0.2), 16)
        + box(440, 500, 84, 44, 8, b.flat(b.second))
        + b.gloss("M254 310V520", 11, 0.4)
    )


SHAPES = {
    "backpack": (backpack, "stand"),
    "duffel": (duffel, "stand"),
    "pouch": (pouch, "flat"),
    "drybag": (drybag, "stand"),
    "trolley": (trolley, "stand"),
}
