"""Tents, beds and seats for a night outside. Standing things end at y = 640."""

from ghostcart.config.demo.brush import (
    BRASS,
    INK,
    PAPER,
    ROPE,
    STEEL,
    Brush,
    box,
    dark,
    light,
    line,
    oval,
    path,
    turn,
)
from ghostcart.config.demo.shapes.bags import buckle


def tent(b: Brush) -> str:
    return (
        oval(420, 642, 350, 40, b.haze(INK, 0.4))
        + line("M400 232L96 636M400 232L704 636", light(b.second, 0.5), 3)
        + line("M96 620V650M704 620V650", STEEL, 7)
        + path("M400 222Q300 470 150 640H400Z", b.flat(light(b.main, 0.1)))
        + path("M400 222Q500 470 650 640H400Z", b.flat(dark(b.main, 0.12)))
        + path(
            "M400 262Q352 480 276 640H524Q448 480 400 262Z",
            b.down(dark(b.second, 0.45), dark(b.second, 0.15)),
        )
        + path("M400 262Q352 480 276 640H330Q372 560 404 440Z", b.flat(b.second))
        + path("M400 262Q448 480 524 640H470Q428 560 396 440Z", b.flat(dark(b.second, 0.12)))
        + line("M340 556Q352 566 344 584M460 556Q448 566 456 584", PAPER, 6)
        + line("M400 214Q300 470 150 640M400 214Q500 470 650 640", dark(b.main, 0.35), 7)
        + path("M400 200L452 206L400 226Z", b.second)
    )


_BAG = (
    "M400 96C520 96 560 200 548 300C540 430 520 560 490 668Q470 704 400 706"
    "Q330 704 310 668C280 560 260 430 252 300C240 200 280 96 400 96Z"
)


def sleepingbag(b: Brush) -> str:
    quilt = "".join(
        line(f"M240 {y}Q400 {y + 34} 560 {y}", dark(b.main, 0.25), 4, opacity=0.6) for y in range(300, 700, 56)
    )
    puffs = "".join(
        line(f"M262 {y}Q330 {y + 26} 400 {y + 28}", light(b.main, 0.5), 10, opacity=0.35) for y in range(322, 690, 56)
    )
    hood = "M400 128C480 128 508 190 500 262Q400 306 300 262C292 190 320 128 400 128Z"
    face = "M400 150C460 150 482 196 476 246Q400 276 324 246C318 196 340 150 400 150Z"
    return turn(
        14,
        path(_BAG, b.side(b.main)),
        b.clip(_BAG, quilt, puffs),
        path(hood, b.flat(dark(b.second, 0.1))),
        path(face, b.down(dark(b.second, 0.5), dark(b.second, 0.2))),
        box(336, 196, 128, 62, 26, b.flat(light(b.second, 0.6))),
        line("M506 272Q506 440 462 620", b.second, 8),
        box(450, 610, 16, 34, 7, BRASS),
    )


_TURNS = ((16, 1), (30, -1), (44, 1), (58, -1), (72, 1), (86, -1))


def mat(b: Brush) -> str:
    spiral = "M250 520" + "".join(f"a{r} {r} 0 0 1 {sign * 2 * r} 0" for r, sign in _TURNS)
    body = "M262 404H580A112 118 0 0 1 580 640H262Z"
    ribs = "".join(line(f"M380 {y}H680", dark(b.main, 0.25), 4, opacity=0.5) for y in range(430, 640, 30))
    straps = "".join(line(f"M{x} 400Q{x + 76} 520 {x} 644", b.second, 26, stroke_linecap="butt") for x in (440, 540))
    return (
        b.ground(420, 640, 240)
        + path(body, b.down(light(b.main, 0.25), dark(b.main, 0.25)))
        + b.clip(body, ribs, straps)
        + oval(262, 522, 116, 118, b.flat(light(b.main, 0.25)))
        + line(spiral, dark(b.main, 0.3), 6)
        + buckle(b, 478, 520)
        + buckle(b, 578, 520)
    )


def campchair(b: Brush) -> str:
    back = line("M270 250L520 640M530 250L280 640", dark(STEEL, 0.35), 15)
    front = line("M228 470L540 640M572 470L260 640", STEEL, 15)
    return (
        b.ground(410, 640, 200)
        + back
        + line("M262 190V480M538 190V480", dark(STEEL, 0.2), 16)
        + path("M252 200H548L540 420H260Z", b.flat(b.main))
        + path("M252 200H548L546 244H254Z", b.second)
        + front
        + path("M216 446H584Q560 532 400 534T216 446Z", b.flat(light(b.main, 0.1)))
        + line("M216 446Q400 470 584 446", dark(b.main, 0.3), 5)
        + line("M186 390H286M514 390H614", b.second, 24)
        + line("M206 396L232 470M594 396L568 470", dark(STEEL, 0.2), 13)
        + path("M556 400h52l-8 66h-36Z", dark(b.main, 0.3))
    )


def _post(b: Brush, x: float) -> str:
    return box(x, -10, 56, 820, 20, b.side("#94755c")) + box(x - 4, 154, 64, 32, 8, b.side(b.second))


def hammock(b: Brush) -> str:
    back = "M150 330Q400 430 650 330Q560 560 400 560T150 330Z"
    front = "M150 330Q400 560 650 330Q620 620 400 630T150 330Z"
    stripes = "".join(
        line(f"M120 {330 + 20 * k}Q400 {600 + 46 * k} 680 {330 + 20 * k}", b.second, 20, opacity=0.9) for k in (1, 3)
    )
    ropes = "".join(
        line(f"M48 170L{152 + 5 * n} {330 + 14 * n}M752 170L{648 - 5 * n} {330 + 14 * n}", ROPE, 5) for n in range(4)
    )
    pillow = box(486, 372, 120, 62, 26, b.flat(light(b.second, 0.5)), transform="rotate(-28 546 400)")
    return (
        _post(b, 8)
        + _post(b, 736)
        + ropes
        + path(back, b.down(dark(b.main, 0.42), dark(b.main, 0.15)))
        + pillow
        + path(front, b.flat(b.main))
        + b.clip(front, stripes)
        + line("M150 330Q400 560 650 330", light(b.main, 0.4), 6)
    )


SHAPES = {
    "tent": (tent, "stand"),
    "sleepingbag": (sleepingbag, "flat"),
    "mat": (mat, "stand"),
    "campchair": (campchair, "stand"),
    "hammock": (hammock, "hang"),
}
