"""Small outdoor tools. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    PAPER,
    ROPE,
    STEEL,
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


def axe(b: Brush) -> str:
    handle = "M384 150H422Q428 400 416 560Q412 640 440 700Q410 730 380 706Q370 560 378 400Z"
    head = "M366 176H470Q476 210 470 244H430Q400 250 366 244Q300 260 240 316Q214 220 250 110Q300 166 366 176Z"
    return turn(
        32,
        path(handle, b.side(WOOD)),
        b.clip(
            handle,
            box(360, 520, 100, 220, 0, b.main),
            line("M396 260Q404 380 396 500", dark(WOOD, 0.2), 3, opacity=0.6),
        ),
        path(head, b.flat(dark(STEEL, 0.2))),
        path("M250 110Q214 220 240 316Q256 298 274 284Q252 210 276 136Z", light(STEEL, 0.6)),
        box(360, 168, 72, 84, 8, b.flat(b.second)),
        line("M404 690Q380 760 440 752", ROPE, 6),
    )


def knife(b: Brush) -> str:
    blade = path("M392 420L376 170Q384 96 438 70Q446 240 436 420Z", b.side(STEEL))
    edge = path("M436 420Q446 240 438 70Q424 240 420 420Z", light(STEEL, 0.6))
    handle = "M366 400Q400 380 446 400Q456 520 440 640Q430 716 392 716Q356 700 362 620Q376 520 366 400Z"
    return turn(
        40,
        blade,
        edge,
        line("M396 250h16", dark(STEEL, 0.4), 6),
        path(handle, b.side(b.main)),
        path("M366 400Q400 380 446 400L448 440H368Z", b.side(b.second)),
        disc(406, 420, 11, b.ball(BRASS)),
        disc(408, 530, 9, b.ball(BRASS)),
        disc(398, 640, 9, b.ball(BRASS)),
        line("M398 700Q360 770 420 780", b.second, 8),
        b.gloss("M386 470Q392 540 380 610", 7, 0.35),
    )


def torch(b: Brush) -> str:
    beam = path("M322 150L180 -220H620L478 150Z", b.down("#fff8dc", "#ffe9a6"), opacity=0.55)
    grip = "".join(line(f"M362 {y}H438", dark(b.main, 0.32), 5, opacity=0.7) for y in range(400, 600, 20))
    return turn(
        48,
        beam,
        path("M318 150H482V220Q440 270 440 300H360Q360 270 318 220Z", b.side(b.main)),
        box(310, 138, 180, 34, 12, b.side(b.second)),
        oval(400, 142, 80, 9, "#fff6d0"),
        box(356, 296, 88, 370, 12, b.side(b.main)),
        grip,
        box(350, 640, 100, 54, 14, b.side(b.second)),
        box(382, 320, 36, 54, 16, b.flat(b.second)),
        line("M400 694C360 740 440 770 470 730", ROPE, 7),
        cy=440,
    )


def compass(b: Brush) -> str:
    ticks = "".join(
        turn(a, box(397, 216, 6, 30 if a % 90 == 0 else 15, 3, dark(b.main, 0.4))) for a in range(0, 360, 15)
    )
    needle = (
        path("M400 236L424 400H376Z", "#d4573f")
        + path("M400 564L424 400H376Z", b.flat("#e9e4da"))
        + path("M400 236L400 564L424 400Z", INK, opacity=0.14)
    )
    return (
        disc(400, 146, 34, "none", stroke=b.second, stroke_width=14)
        + box(376, 166, 48, 40, 8, b.flat(b.second))
        + disc(400, 400, 230, b.flat(b.main))
        + disc(400, 400, 206, dark(b.main, 0.35))
        + disc(402, 403, 202, b.flat(PAPER))
        + disc(400, 400, 130, "none", stroke=light(b.main, 0.5), stroke_width=3)
        + ticks
        + turn(28, needle)
        + disc(400, 400, 17, b.ball(BRASS))
        + path("M250 300Q300 226 400 216Q330 260 280 350Z", WHITE, opacity=0.5)
    )


SHAPES = {
    "axe": (axe, "flat"),
    "knife": (knife, "flat"),
    "torch": (torch, "flat"),
    "compass": (compass, "flat"),
}
