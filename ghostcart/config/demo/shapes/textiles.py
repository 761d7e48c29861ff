"""Cushions, towels and other cloth. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    WHITE,
    WOOD,
    Brush,
    box,
    dark,
    disc,
    light,
    line,
    oval,
    path,
    turn,
)


def cushion(b: Brush) -> str:
    body = "M190 262Q400 296 610 262Q578 450 610 636Q400 606 190 636Q222 450 190 262Z"
    stripes = "".join(
        box(x, 230, w, 440, 0, b.second, opacity=0.85)
        for x, w in ((262, 14), (290, 40), (344, 14), (442, 14), (470, 40), (524, 14))
    )
    return (
        b.ground(400, 630, 200)
        + path(body, b.flat(b.main), stroke=dark(b.main, 0.18), stroke_width=8, stroke_linejoin="round")
        + b.clip(
            body,
            stripes,
            oval(520, 560, 240, 200, b.haze(INK, 0.28)),
            oval(290, 340, 180, 140, b.haze(WHITE, 0.4)),
        )
        + line("M206 276Q236 320 250 380M594 622Q570 580 560 540", dark(b.main, 0.3), 4, opacity=0.4)
    )


def blanket(b: Brush) -> str:
    folds = ""
    for row, tone in enumerate((dark(b.main, 0.12), b.main, light(b.main, 0.14))):
        y = 544 - 92 * row
        folds += box(190 + 8 * row, y, 430 - 16 * row, 96, 44, b.flat(tone))
        folds += line(f"M240 {y + 50}H560", dark(tone, 0.16), 4, opacity=0.5)
    drape = "M300 360H510Q520 470 512 566H308Q300 460 300 360Z"
    fringe = "".join(line(f"M{x} 562V{612 + (x // 17) % 3 * 5}", light(b.second, 0.12), 6) for x in range(314, 512, 17))
    bands = "".join(box(290, y, 240, h, 0, b.main, opacity=0.75) for y, h in ((420, 10), (440, 30), (480, 10)))
    return b.ground(405, 640, 220) + folds + fringe + path(drape, b.flat(b.second)) + b.clip(drape, bands)


def towel(b: Brush) -> str:
    body = "M270 200H530V610Q400 624 270 610Z"
    stripes = "".join(box(260, y, 290, h, 0, b.second) for y, h in ((500, 34), (546, 10), (478, 8)))
    fringe = "".join(line(f"M{x} 608v26", light(b.main, 0.2), 6) for x in range(278, 528, 14))
    weave = "".join(line(f"M270 {y}H530", dark(b.main, 0.12), 2, opacity=0.35) for y in range(220, 610, 13))
    return (
        fringe
        + path(body, b.flat(b.main))
        + b.clip(
            body,
            stripes,
            weave,
            box(270, 200, 30, 430, 0, WHITE, opacity=0.16),
            box(440, 200, 90, 430, 0, INK, opacity=0.07),
        )
        + box(176, 184, 448, 28, 14, b.flat(WOOD))
        + box(264, 178, 272, 62, 16, b.flat(light(b.main, 0.1)))
        + line("M206 184V130M594 184V130", dark(BRASS, 0.1), 10)
        + disc(206, 128, 13, b.ball(BRASS))
        + disc(594, 128, 13, b.ball(BRASS))
    )


def apron(b: Brush) -> str:
    body = "M312 210H488Q494 320 590 356V680Q400 700 210 680V356Q306 320 312 210Z"
    pocket = box(
        296,
        450,
        208,
        128,
        14,
        b.flat(dark(b.main, 0.07)),
        stroke=dark(b.main, 0.22),
        stroke_width=3,
        stroke_dasharray="9 6",
    )
    return (
        line("M326 216C310 60 490 60 474 216", b.second, 16)
        + line("M214 366C150 400 160 470 120 520M586 366C650 400 640 470 680 520", b.second, 14)
        + path(body, b.flat(b.main))
        + b.clip(body, path("M470 200H600V700H520Q500 420 470 200Z", INK, opacity=0.08))
        + box(304, 202, 192, 22, 8, b.flat(b.second))
        + pocket
        + line("M400 456V574", dark(b.main, 0.22), 3, stroke_dasharray="9 6")
        + disc(334, 226, 9, b.ball(BRASS))
        + disc(466, 226, 9, b.ball(BRASS))
    )


def rug(b: Brush) -> str:
    body = "M220 140H580V660H220Z"
    fringe = "".join(line(f"M{x} 140V112M{x} 660V690", light(b.second, 0.55), 6) for x in range(228, 580, 15))
    rows = "".join(
        path(f"M400 {y - 70}L500 {y}L400 {y + 70}L300 {y}Z", b.flat(b.second))
        + path(f"M400 {y - 38}L454 {y}L400 {y + 38}L346 {y}Z", light(b.main, 0.5))
        for y in (245, 400, 555)
    )
    teeth = "".join(
        path(f"M220 {y}l44 26l-44 26ZM580 {y}l-44 26l44 26Z", light(b.second, 0.25)) for y in range(140, 660, 52)
    )
    weave = "".join(line(f"M220 {y}H580", dark(b.main, 0.2), 2, opacity=0.22) for y in range(146, 660, 8))
    return turn(-7, fringe, path(body, b.flat(b.main)), teeth, rows, weave)


def tote(b: Brush) -> str:
    body = "M236 330H564L584 680Q400 694 216 680Z"
    return (
        line("M312 340C306 100 494 100 488 340", dark(b.main, 0.22), 24)
        + path(body, b.flat(b.main))
        + line("M236 348H564", dark(b.main, 0.16), 3, stroke_dasharray="10 7")
        + line("M300 336C296 60 504 60 500 336", light(b.main, 0.08), 24)
        + box(286, 326, 28, 60, 5, light(b.main, 0.08))
        + box(486, 326, 28, 60, 5, light(b.main, 0.08))
        + b.sprig(400, 640, 230, 0, b.second)
        + path("M500 330H564L584 680L540 684Q540 500 500 330Z", INK, opacity=0.08)
    )


def linen(b: Brush) -> str:
    def layer(y: float, x: float, tone: str) -> str:
        fold = box(x, y, 800 - 2 * x, 58, 26, b.flat(tone))
        return fold + line(f"M{x + 26} {y + 30}H{770 - x}", dark(tone, 0.14), 3, opacity=0.6)

    tones = (
        (582, 176, b.main),
        (526, 184, light(b.main, 0.16)),
        (470, 190, b.second),
        (414, 196, light(b.main, 0.3)),
    )
    pillow = path(
        "M232 404Q210 330 250 330Q400 350 550 330Q590 330 568 404Q570 420 540 416Q400 404 260 416Q230 420 232 404Z",
        b.flat(light(b.main, 0.1)),
    )
    ribbon = box(384, 344, 30, 296, 0, b.flat(b.second))
    bow = path("M398 350C330 280 290 330 398 356C500 330 466 280 398 350Z", b.flat(dark(b.second, 0.1))) + disc(
        399, 352, 13, b.second
    )
    return b.ground(400, 640, 225) + "".join(layer(*row) for row in tones) + pillow + ribbon + bow


SHAPES = {
    "cushion": (cushion, "stand"),
    "blanket": (blanket, "stand"),
    "towel": (towel, "hang"),
    "apron": (apron, "hang"),
    "rug": (rug, "flat"),
    "tote": (tote, "hang"),
    "linen": (linen, "stand"),
}
