"""Pictures of the demo's products: self-contained SVG, drawn from a shape, its colours and a seed."""

from collections.abc import Sequence

from ghostcart.config.demo.brush import CREAM, INK, WHITE, Brush, box, brightness, dark, disc, path, tag
from ghostcart.config.demo.shapes import SHAPES
from ghostcart.lib.colours import mix


def draw(shape: str, colors: Sequence[str], seed: str) -> str:
    """The picture of one variant, 800 by 800; the same input gives the same text."""
    painter, place = SHAPES[shape]
    brush = Brush(shape, colors, seed)
    thing = painter(brush)
    if place != "stand":
        thing = tag("g", thing, filter=_drop_shadow(brush, place))
    scene = _BACKDROPS[place](brush) + thing
    return tag("svg", brush.definitions() + scene, xmlns="http://www.w3.org/2000/svg", viewBox="0 0 800 800")


def _paper(brush: Brush) -> str:
    """The calm colour of the room, taken from the thing but never so near that it would drown."""
    if brightness(brush.main) > 0.8:
        return mix(mix(brush.second, "#c9b9a6", 0.4), CREAM, 0.6)
    return mix(brush.main, CREAM, 0.76 if brightness(brush.main) > 0.35 else 0.8)


def _room(brush: Brush) -> str:
    """A wall with an arch, a round window or a plain light, and the table in front of it."""
    paper = _paper(brush)
    table = mix(dark(paper, 0.09), "#e2bf98", 0.22)
    wall = box(0, 0, 800, 800, 0, brush.down(mix(paper, WHITE, 0.3), paper))
    edge = box(0, 596, 800, 3, 0, dark(table, 0.1), opacity=0.35)
    return wall + _niche(brush, paper) + box(0, 596, 800, 204, 0, brush.down(table, mix(table, WHITE, 0.3))) + edge


def _niche(brush: Brush, paper: str) -> str:
    fill = brush.down(mix(paper, WHITE, 0.62), mix(paper, WHITE, 0.22))
    niches = (
        path("M150 596V350A250 250 0 0 1 650 350V596Z", fill),
        disc(400, 356, 268, fill),
        _beam(brush) + disc(400, 380, 330, brush.haze(WHITE, 0.5)),
    )
    return brush.chance.choice(niches)


def _wall(brush: Brush) -> str:
    paper = _paper(brush)
    wall = box(0, 0, 800, 800, 0, brush.down(mix(paper, WHITE, 0.36), paper))
    return wall + _beam(brush) + disc(400, 400, 400, brush.haze(WHITE, 0.4))


def _cloth(brush: Brush) -> str:
    """A table seen from above, lit from the upper left."""
    paper = _paper(brush)
    return box(0, 0, 800, 800, 0, brush.flat(mix(paper, WHITE, 0.16))) + _beam(brush)


def _beam(brush: Brush) -> str:
    """Sunlight through a window."""
    start = brush.chance.choice((-60, 40, 120))
    panes = f"M{start} 0h210L{start + 710} 800h-210Z" + f"M{start + 250} 0h130L{start + 880} 800h-130Z"
    return path(panes, WHITE, opacity=0.16)


def _drop_shadow(brush: Brush, place: str) -> str:
    far, soft = (20, 16) if place == "hang" else (12, 11)
    inner = tag("feGaussianBlur", in_="SourceAlpha", stdDeviation=soft, result="soft")
    inner += tag("feOffset", in_="soft", dx=far, dy=far + 6, result="moved")
    inner += tag("feFlood", flood_color=INK, flood_opacity=0.27)
    inner += tag("feComposite", in2="moved", operator="in", result="shadow")
    inner += tag("feMerge", tag("feMergeNode", in_="shadow") + tag("feMergeNode", in_="SourceGraphic"))
    area = {"x": 0, "y": 0, "width": 800, "height": 800, "filterUnits": "userSpaceOnUse"}
    return brush.define("filter", inner, **area)


_BACKDROPS = {"stand": _room, "hang": _wall, "flat": _cloth}
