"""Plants and garden tools. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    INK,
    LEAF,
    ROPE,
    STEEL,
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
    path,
    turn,
)


def plant(b: Brush) -> str:
    fan = ((-66, 190), (62, 200), (-40, 250), (38, 262), (-14, 300), (14, 270), (-88, 130), (86, 134))
    leaves = "".join(
        b.leaf(400 + angle / 4, 452, size, angle, mix(LEAF, "#3f6d58", (size % 70) / 70)) for angle, size in fan
    )
    return (
        b.ground(400, 640, 130)
        + leaves
        + b.turned(400, [(440, 132), (440, 132), (480, 128), (600, 102), (632, 92), (640, 86)], b.main)
        + b.rim(400, 440, 132, b.main, "#6a4f3d", lip=12)
        + fade(0.9, b.leaf(384, 458, 120, -34), b.leaf(410, 458, 128, 30, light(LEAF, 0.12)))
        + line("M275 520Q400 546 525 520", b.second, 12, stroke_linecap="butt", opacity=0.8)
        + b.gloss("M300 500L316 590", 12)
    )


def wateringcan(b: Brush) -> str:
    spout = "M300 560L118 372L150 348L330 470Z"
    return (
        b.ground(430, 640, 170)
        + line("M560 470C690 430 680 620 552 600", dark(b.main, 0.25), 22)
        + line("M340 420C350 270 540 270 540 420", dark(b.main, 0.12), 20)
        + line("M346 410C360 286 520 280 534 404", light(b.main, 0.4), 5)
        + path(spout, b.side(b.main))
        + path("M92 380L160 318L176 336L112 402Z", b.flat(b.second))
        + b.turned(440, [(420, 118), (420, 118), (560, 132), (632, 134), (640, 130)], b.main)
        + b.rim(440, 420, 118, b.main, lip=10)
        + line("M308 600Q440 634 572 600", b.second, 10, stroke_linecap="butt")
        + b.gloss("M342 468L334 576", 14)
    )


def trowel(b: Brush) -> str:
    blade = "M330 420Q400 392 470 420V560Q456 690 400 738Q344 690 330 560Z"
    handle = [(92, 22), (104, 34), (180, 30), (250, 38), (290, 26)]
    return turn(
        38,
        line("M400 60C376 34 376 18 400 14C424 18 424 34 400 60", ROPE, 6),
        line("M400 280V430", dark(STEEL, 0.15), 22),
        path(blade, b.side(b.main)),
        path("M400 430Q420 560 400 716Q380 560 400 430Z", dark(b.main, 0.2), opacity=0.5),
        b.turned(400, handle, b.second),
        box(376, 270, 48, 34, 6, b.side(STEEL)),
        b.gloss("M352 470V570", 9, 0.4),
        cy=380,
    )


def birdhouse(b: Brush) -> str:
    slats = "".join(line(f"M262 {y}H538", dark(b.main, 0.2), 3, opacity=0.6) for y in range(380, 620, 48))
    return (
        line("M400 60L400 190", ROPE, 8)
        + path("M260 340L400 200L540 340V620H260Z", b.flat(b.main))
        + slats
        + path("M260 340L400 200L540 340V376L400 240L260 376Z", INK, opacity=0.16)
        + line("M226 366L400 192L574 366", b.second, 34)
        + line("M228 356L400 184", light(b.second, 0.35), 6)
        + disc(400, 410, 56, dark(b.main, 0.3))
        + disc(403, 413, 50, dark(b.main, 0.75))
        + box(390, 496, 20, 44, 8, b.side(WOOD))
        + disc(400, 500, 12, b.ball(WOOD))
        + box(244, 606, 312, 26, 8, b.flat(b.second))
    )


def herbs(b: Brush) -> str:
    rosemary = "".join(b.sprig(250 + 26 * n, 500, 190 - 22 * abs(n - 1), -16 + 14 * n, "#7d9b83") for n in range(3))
    basil = "".join(
        b.leaf(400, 506, size, angle, "#6fa05f")
        for angle, size in ((-60, 120), (58, 124), (-30, 160), (32, 156), (0, 186))
    )
    chive = "".join(
        line(f"M{530 + n * 6} 506Q{520 + n * 16} 400 {496 + n * 22} {330 + (n * 37) % 60}", "#5f8f55", 7)
        for n in range(8)
    )
    return (
        b.ground(400, 640, 240)
        + rosemary
        + chive
        + basil
        + box(180, 488, 440, 26, 10, "#5e4636")
        + path("M170 492H630L606 640H194Z", b.side(b.main))
        + box(160, 478, 480, 34, 12, b.side(light(b.main, 0.12)))
        + "".join(box(x, 548, 56, 38, 6, b.flat(b.second)) for x in (232, 372, 512))
    )


def twine(b: Brush) -> str:
    strands = "".join(
        line(f"M{200 + s} 470Q400 {300 + s} {600 - s / 3} 470", dark(b.main, 0.2), 4, opacity=0.5)
        for s in range(-60, 220, 26)
    )
    cross = "".join(
        line(f"M{250 + s} 280Q{330 + s} 460 {290 + s} 660", light(b.main, 0.4), 5, opacity=0.7)
        for s in range(-60, 260, 24)
    )
    ball = "M400 300A170 170 0 1 1 399 300Z"
    return (
        b.ground(400, 636, 150)
        + line("M520 600C600 660 640 600 700 650", b.main, 9)
        + path(ball, b.ball(b.main))
        + b.clip(ball, strands, cross)
        + path(ball, b.ball(b.main), opacity=0.35)
        + b.clip(ball, line("M220 520Q400 590 590 430", b.second, 66, stroke_linecap="butt"))
        + b.clip(
            ball,
            line("M220 520Q400 590 590 430", light(b.second, 0.4), 52, stroke_linecap="butt", opacity=0.5),
        )
    )


def mister(b: Brush) -> str:
    glass = [(330, 44), (350, 46), (400, 100), (450, 122), (600, 122), (640, 110)]
    return (
        b.ground(400, 640, 120)
        + line("M400 330V610", dark(b.main, 0.3), 6)
        + path(contour(400, glass), b.side(b.main), opacity=0.88)
        + b.clip(contour(400, glass), box(270, 490, 270, 170, 0, dark(b.main, 0.3), opacity=0.35))
        + box(356, 286, 88, 48, 8, b.side(b.second))
        + path("M366 288V226Q366 196 396 196H470Q486 196 486 212V232H430V288Z", b.side(b.second))
        + box(312, 204, 62, 22, 8, b.side(dark(b.second, 0.15)))
        + line("M442 262Q500 268 498 320", dark(b.second, 0.12), 13)
        + b.gloss("M306 460V590", 15, 0.5)
        + b.gloss("M328 400Q350 380 366 370", 9, 0.4)
    )


SHAPES = {
    "plant": (plant, "stand"),
    "wateringcan": (wateringcan, "stand"),
    "trowel": (trowel, "flat"),
    "birdhouse": (birdhouse, "hang"),
    "herbs": (herbs, "stand"),
    "twine": (twine, "stand"),
    "mister": (mister, "stand"),
}
