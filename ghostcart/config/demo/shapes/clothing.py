"""Clothes for wet and cold days. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    PAPER,
    Brush,
    box,
    dark,
    disc,
    fade,
    light,
    line,
    move,
    oval,
    path,
    turn,
)


def jacket(b: Brush) -> str:
    sleeve = "M290 232Q226 250 204 330L150 590Q190 616 240 606L290 400Z"
    mirror = path(sleeve, b.flat(dark(b.main, 0.1)), transform="translate(800 0) scale(-1 1)")
    return (
        path(sleeve, b.flat(b.main))
        + mirror
        + path("M286 232Q400 196 514 232L530 660Q400 684 270 660Z", b.side(b.main))
        + path("M290 240Q400 360 510 240L514 330Q400 400 286 330Z", dark(b.main, 0.2), opacity=0.35)
        + path(
            "M304 236C296 130 340 96 400 96S504 130 496 236Q450 290 400 292Q350 290 304 236Z",
            b.flat(light(b.main, 0.06)),
        )
        + path(
            "M336 226C332 160 360 136 400 136S468 160 464 226Q430 262 400 264Q370 262 336 226Z",
            b.down(dark(b.second, 0.5), dark(b.second, 0.15)),
        )
        + line("M400 266V668", b.second, 9)
        + box(394, 290, 12, 36, 6, BRASS)
        + line("M310 480L342 560M490 480L458 560", dark(b.main, 0.4), 7)
        + line("M372 262V320M428 262V316", PAPER, 5)
        + line("M156 566Q196 592 246 580M644 566Q604 592 554 580", b.second, 12, stroke_linecap="butt")
    )


def cap(b: Brush) -> str:
    crown = "M212 590C200 370 300 300 410 300C520 300 598 400 590 604Q400 640 212 590Z"
    return (
        oval(400, 622, 330, 40, b.haze(INK, 0.42))
        + path(crown, b.side(b.main))
        + line("M404 302C350 380 340 460 344 580M410 302C480 370 504 460 502 606", dark(b.main, 0.22), 4)
        + b.clip(
            crown,
            line("M212 574Q400 614 594 584", dark(b.main, 0.16), 44, stroke_linecap="butt", opacity=0.5),
        )
        + path("M470 612Q330 556 214 556Q120 582 82 630Q80 650 112 646Q290 622 470 612Z", b.flat(b.second))
        + line("M112 646Q290 622 470 612", dark(b.second, 0.3), 6)
        + oval(408, 302, 22, 11, b.ball(b.second))
        + box(384, 410, 86, 66, 12, b.flat(light(b.second, 0.5)))
        + path("M398 462l22 -36l14 20l8 -10l16 26Z", b.main)
        + b.gloss("M254 470Q266 390 320 348", 11, 0.3)
    )


def beanie(b: Brush) -> str:
    dome = "M224 520C216 330 300 236 400 236S584 330 576 520Z"
    knit = "".join(
        line(f"M{400 + x * 9} 520Q{400 + x * 8} 330 {400 + x * 2} 240", dark(b.main, 0.22), 4, opacity=0.55)
        for x in range(-18, 19, 3)
    )
    cuff = "M210 500Q400 470 590 500Q604 560 590 630Q400 656 210 630Q196 560 210 500Z"
    ribs = "".join(line(f"M{x} 470V660", dark(b.main, 0.22), 6, opacity=0.5) for x in range(216, 600, 23))
    return (
        b.ground(400, 634, 190)
        + disc(400, 216, 62, b.ball(b.second))
        + "".join(turn(a, line("M400 160V182", light(b.second, 0.45), 7), cy=216) for a in range(-140, 150, 28))
        + path(dome, b.side(b.main))
        + b.clip(dome, knit, line("M210 420Q400 390 590 420", b.second, 26))
        + path(cuff, b.side(light(b.main, 0.08)))
        + b.clip(cuff, ribs)
        + box(464, 540, 74, 48, 6, b.flat(light(b.second, 0.45)))
    )


def socks(b: Brush) -> str:
    outline = "M300 130H430V420Q430 460 470 490L540 550Q590 600 550 640Q510 680 450 640L330 550Q290 520 292 460Z"

    def sock(tone: str) -> str:
        toe = disc(540, 630, 76, b.second) + disc(306, 520, 62, b.second)
        bands = "".join(box(280, y, 170, 20, 0, b.second) for y in (214, 250))
        ribs = "".join(line(f"M{x} 130V196", dark(tone, 0.2), 4, opacity=0.5) for x in range(308, 430, 14))
        return path(outline, b.flat(tone)) + b.clip(
            outline, toe, bands, ribs, path("M400 130H440V430L560 560L500 600L396 470Z", INK, opacity=0.08)
        )

    return move(90, -30, sock(dark(b.main, 0.12))) + move(
        -60, 30, fade(0.15, move(14, 16, path(outline, INK))), sock(b.main)
    )


def _boot(b: Brush, tone: str) -> str:
    outline = "M300 250Q370 268 440 250L446 420Q470 480 570 500Q640 520 640 590H292Q286 420 300 250Z"
    toe = path("M520 470Q660 500 660 600H560Q560 520 520 470Z", dark(tone, 0.22))
    heel = path("M280 480Q350 500 360 600H280Z", dark(tone, 0.18))
    sole = "M284 584H648Q656 640 630 640H520l-12 -12h-60l-12 12H300Q280 640 284 584Z"
    laces = "".join(
        line(f"M{408 + k * 7} {330 + 34 * k}L{456 + k * 12} {318 + 37 * k}", light(b.second, 0.5), 8) for k in range(5)
    )
    return (
        path(outline, b.flat(tone))
        + b.clip(outline, toe, heel)
        + box(292, 244, 154, 34, 16, b.flat(b.second))
        + laces
        + path(sole, b.down(light(b.second, 0.1), dark(b.second, 0.3)))
    )


def boots(b: Brush) -> str:
    rear = move(136, 64, _boot(b, dark(b.main, 0.2)), scale=0.9)
    return b.ground(410, 640, 260) + rear + move(-130, 0, _boot(b, b.main))


SHAPES = {
    "jacket": (jacket, "hang"),
    "cap": (cap, "stand"),
    "beanie": (beanie, "stand"),
    "socks": (socks, "flat"),
    "boots": (boots, "stand"),
}
