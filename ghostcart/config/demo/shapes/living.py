"""Furniture and objects for the living room. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    INK,
    LEAF,
    PAPER,
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
    turn,
)


def vase(b: Brush) -> str:
    stems = (
        b.sprig(392, 330, 210, -24)
        + b.sprig(410, 330, 220, 22, mix(LEAF, b.main, 0.2))
        + b.sprig(400, 330, 250, -2, light(LEAF, 0.12))
    )
    return (
        b.ground(400, 640, 120)
        + stems
        + b.turned(400, [(318, 56), (340, 46), (390, 66), (480, 142), (560, 138), (622, 88), (640, 80)], b.main)
        + b.rim(400, 318, 56, b.main, lip=7)
        + line("M262 500Q400 534 538 500", b.second, 9, opacity=0.75)
        + line("M264 522Q400 556 536 522", b.second, 4, opacity=0.6)
        + b.gloss("M300 450Q280 490 290 530", 14)
    )


def chair(b: Brush) -> str:
    legs = "".join(line(f"M{x} 590L{x + lean} 640", dark(b.second, 0.15), 18) for x, lean in ((238, -14), (562, 14)))
    arms = box(176, 380, 84, 216, 40, b.side(b.main)) + box(540, 380, 84, 216, 40, b.side(dark(b.main, 0.1)))
    return (
        b.ground(400, 636, 220)
        + legs
        + box(228, 210, 344, 350, 84, b.flat(b.main))
        + line("M400 232V450", dark(b.main, 0.24), 3, opacity=0.7)
        + box(244, 500, 312, 96, 26, dark(b.main, 0.3))
        + box(240, 446, 320, 84, 34, b.flat(light(b.main, 0.12)))
        + arms
        + box(322, 330, 150, 140, 24, b.flat(light(b.second, 0.35)), transform="rotate(-7 400 400)")
        + b.gloss("M258 300Q264 242 320 232", 9, 0.3)
    )


def stool(b: Brush) -> str:
    legs = (
        line("M300 400L232 640", b.main, 26)
        + line("M500 400L568 640", dark(b.main, 0.22), 26)
        + line("M400 410V622", dark(b.main, 0.1), 26)
    )
    rungs = line("M268 540L400 556L534 540", dark(b.main, 0.28), 13)
    seat = contour(400, [(366, 186), (366, 186), (392, 184), (400, 176)], 0.16)
    return (
        oval(430, 642, 260, 34, b.haze(INK, 0.32))
        + rungs
        + legs
        + path(seat, b.side(b.main))
        + oval(400, 362, 186, 32, b.flat(light(b.second, 0.1)))
        + line("M230 358Q400 336 570 358M236 372Q400 350 564 372", dark(b.second, 0.2), 3, opacity=0.4)
        + line("M292 430L236 630", light(b.main, 0.4), 5)
    )


def basket(b: Brush) -> str:
    body = contour(400, [(380, 198), (380, 198), (480, 208), (590, 188), (640, 150)])
    weave = {"stroke_dasharray": "20 14", "stroke_linecap": "butt", "opacity": 0.6}
    rows = "".join(
        line(
            f"M180 {y}Q400 {y + 40} 620 {y}",
            light(b.main, 0.3),
            12,
            stroke_dashoffset=17 * (y // 22 % 2),
            **weave,
        )
        for y in range(370, 640, 22)
    )
    band = line("M180 476Q400 516 620 476", b.second, 46, stroke_linecap="butt", opacity=0.85)
    return (
        b.ground(400, 640, 180)
        + line("M250 392C240 240 330 240 330 384", dark(b.main, 0.28), 16)
        + line("M470 384C470 240 560 240 550 392", dark(b.main, 0.28), 16)
        + path(body, b.side(dark(b.main, 0.1)))
        + b.clip(body, band, rows, path("M470 360H640V660H420Z", INK, opacity=0.1))
        + b.rim(400, 380, 198, b.main, lip=14)
        + box(272, 392, 36, 44, 8, b.second)
        + box(492, 392, 36, 44, 8, b.second)
    )


def clock(b: Brush) -> str:
    ticks = "".join(
        turn(angle, box(396, 194, 8, 34 if angle % 90 == 0 else 18, 4, dark(b.second, 0.1)))
        for angle in range(0, 360, 30)
    )
    return (
        disc(400, 400, 256, b.flat(b.second))
        + disc(400, 400, 234, dark(b.second, 0.3))
        + disc(402, 403, 231, b.flat(b.main))
        + ticks
        + turn(-52, box(391, 268, 18, 152, 9, dark(b.second, 0.35)))
        + turn(62, box(394, 214, 12, 206, 6, dark(b.second, 0.35)))
        + turn(200, box(398, 230, 4, 210, 2, "#d0694f"))
        + disc(400, 400, 14, b.ball("#d0694f"))
        + b.gloss("M226 330Q256 248 330 214", 12, 0.3)
    )


def mirror(b: Brush) -> str:
    arch = "M230 670V350A170 170 0 0 1 570 350V670Z"
    sheen = path("M200 560L520 150H600L200 680Z", WHITE, opacity=0.35) + path(
        "M300 680L600 300V350L350 680Z", WHITE, opacity=0.3
    )
    return (
        path("M212 688V350A188 188 0 0 1 588 350V688Z", b.flat(b.main))
        + path(arch, dark(b.main, 0.35))
        + b.clip(
            arch,
            path(
                "M236 676V353A167 167 0 0 1 570 353V676Z",
                b.down(mix(b.second, "#e6eff2", 0.75), mix(b.second, WHITE, 0.5)),
            ),
            sheen,
        )
    )


def frame(b: Brush) -> str:
    hills = (
        path("M286 470Q350 370 420 430T514 400V570H286Z", light(b.main, 0.25))
        + path("M286 520Q370 430 440 490T514 470V570H286Z", b.main)
        + path("M286 560Q350 500 514 540V580H286Z", dark(b.main, 0.3))
    )
    return (
        box(190, 130, 420, 550, 6, b.flat(b.second))
        + box(210, 150, 380, 510, 2, dark(b.second, 0.35))
        + box(212, 153, 378, 507, 2, b.flat(PAPER))
        + box(286, 236, 228, 334, 0, b.down(light(b.main, 0.85), light("#eec39a", 0.35)))
        + disc(448, 342, 36, "#e58f63")
        + hills
        + path("M212 153H430L230 660H212Z", WHITE, opacity=0.22)
    )


SHAPES = {
    "vase": (vase, "stand"),
    "chair": (chair, "stand"),
    "stool": (stool, "stand"),
    "basket": (basket, "stand"),
    "clock": (clock, "hang"),
    "mirror": (mirror, "hang"),
    "frame": (frame, "hang"),
}
