"""Paper, pens and desk things. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    PAPER,
    STEEL,
    WOOD,
    Brush,
    box,
    dark,
    disc,
    light,
    line,
    mix,
    oval,
    path,
    turn,
)


def notebook(b: Brush) -> str:
    return turn(
        -8,
        box(232, 150, 352, 500, 14, dark(b.main, 0.4)),
        box(228, 146, 350, 496, 10, b.flat(PAPER)),
        "".join(line(f"M{x} 150V640", dark(PAPER, 0.15), 1.5) for x in (566, 570, 574)),
        path("M330 630h34v84l-17 -18l-17 18Z", b.second),
        box(220, 140, 346, 496, 16, b.flat(b.main)),
        box(220, 140, 46, 496, 16, dark(b.main, 0.2), opacity=0.5),
        box(508, 140, 15, 496, 0, b.second),
        box(330, 250, 120, 76, 8, light(b.main, 0.75), opacity=0.9),
        b.leaf(390, 314, 50, 0, b.main),
    )


def pen(b: Brush) -> str:
    nib = path("M372 640L428 640L404 742H396Z", b.side(BRASS)) + line("M400 660V726", INK, 2.5)
    lower = b.turned(400, [(400, 33), (420, 34), (560, 31), (648, 22)], b.main)
    upper = path("M362 100Q362 66 400 66T438 100V404H362Z", b.side(b.main))
    clip = box(412, 120, 14, 190, 7, b.side(BRASS)) + disc(419, 308, 10, b.ball(BRASS))
    bands = box(360, 384, 80, 22, 4, b.side(b.second)) + box(360, 116, 80, 12, 3, b.side(BRASS))
    return turn(42, nib, lower, upper, bands, clip, b.gloss("M380 150V360", 8, 0.5), cy=404)


def pencils(b: Brush) -> str:
    def pencil(x: float, top: float, angle: float, color: str) -> str:
        wood = path(f"M{x - 15} {top + 50}L{x} {top}L{x + 15} {top + 50}Z", light(WOOD, 0.4))
        tip = path(f"M{x - 5} {top + 17}L{x} {top}L{x + 5} {top + 17}Z", dark(color, 0.3))
        return turn(angle, box(x - 15, top + 48, 30, 340, 2, b.side(color)) + wood + tip, cx=x, cy=640)

    tones = (b.main, "#d98a6a", b.second, "#7f9bb0", "#e0b95e")
    stand = "".join(
        pencil(312 + 44 * place, (210, 170, 232, 150, 220)[place], -8 + 4 * place, tone)
        for place, tone in enumerate(tones)
    )
    return (
        b.ground(400, 640, 140)
        + oval(400, 402, 130, 19, dark(b.main, 0.5))
        + stand
        + path("M270 402A130 20 0 0 0 530 402V618A130 20 0 0 1 270 618Z", b.side(b.main))
        + line("M270 402A130 20 0 0 0 530 402", light(b.main, 0.4), 8)
        + line("M271 560A130 20 0 0 0 529 560", b.second, 14, stroke_linecap="butt")
        + b.gloss("M302 456V550", 12)
    )


def envelope(b: Brush) -> str:
    return turn(
        -6,
        box(236, 140, 340, 380, 6, b.flat(PAPER)),
        box(256, 160, 300, 340, 2, "none", stroke=b.second, stroke_width=4),
        b.sprig(406, 330, 130, 0, b.second),
        box(180, 330, 450, 300, 10, b.flat(b.main)),
        path("M182 336L405 520L628 336V334H182Z", dark(b.main, 0.14)),
        path("M186 626L352 476L405 520L458 476L624 626Z", b.flat(light(b.main, 0.12))),
        disc(405, 512, 36, b.ball(b.second)),
        disc(405, 512, 24, "none", stroke=light(b.second, 0.35), stroke_width=4),
    )


def calendar(b: Brush) -> str:
    grid = "".join(
        box(
            252 + 50 * column,
            440 + 38 * row,
            26,
            20,
            6,
            b.second if (column, row) == (3, 2) else mix(b.main, PAPER, 0.62),
        )
        for row in range(4)
        for column in range(6)
    )
    rings = "".join(line(f"M{x} 232V262", STEEL, 8) for x in range(260, 560, 28))
    hills = path("M226 410Q310 320 390 380T574 350V410Z", b.main) + disc(500, 318, 26, light(b.second, 0.2))
    return (
        b.ground(410, 640, 200)
        + path("M560 250L630 640H560Z", dark(b.main, 0.35))
        + box(210, 246, 380, 394, 10, b.flat(PAPER))
        + box(226, 270, 348, 140, 4, light(b.main, 0.6))
        + hills
        + grid
        + rings
    )


def scissors(b: Brush) -> str:
    def half(angle: float, side: int, color: str) -> str:
        blade = path(
            f"M{400 - 19 * side} 430l{34 * side} 10l{-11 * side} -330q{-26 * side} 130 {-23 * side} 320Z",
            b.side(STEEL),
        )
        arm = line(f"M400 430Q{400 + 20 * side} 480 {400 + 34 * side} 510", color, 26)
        loop = oval(400 + 62 * side, 590, 58, 84, "none", stroke=color, stroke_width=26)
        return turn(angle, blade, arm, loop, cy=430)

    screw = disc(400, 430, 15, b.ball(BRASS)) + line("M392 436L408 424", dark(BRASS), 3)
    return turn(28, half(13, -1, dark(b.main, 0.16)), half(-13, 1, b.main), screw)


SHAPES = {
    "notebook": (notebook, "flat"),
    "pen": (pen, "flat"),
    "pencils": (pencils, "stand"),
    "envelope": (envelope, "flat"),
    "calendar": (calendar, "stand"),
    "scissors": (scissors, "flat"),
}
