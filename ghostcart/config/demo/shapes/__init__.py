"""Every shape by its name: its painter, and whether the thing stands, hangs on the wall or lies flat."""

from ghostcart.config.demo.shapes import (
    bags,
    camp,
    clothing,
    cooking,
    garden,
    kitchen,
    light,
    living,
    stationery,
    textiles,
    tools,
)

_ROOMS = (bags, camp, clothing, cooking, garden, kitchen, light, living, stationery, textiles, tools)
SHAPES = {name: entry for room in _ROOMS for name, entry in room.SHAPES.items()}
