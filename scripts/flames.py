"""Draw where a program's time goes: a flame graph as a plain SVG, from stacks as py-spy records them.

    py-spy record --gil -F -f raw -o stacks.txt --pid PID      (py-spy is installed apart, by pip)
    python -m scripts.flames stacks.txt docs/pictures/adding.svg "Adding to a cart"

A box is as wide as the time in which its function, or one that it called, held the interpreter; callers are above.
Only what the program itself does is drawn: the server's start is cut off.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, ROW, LETTER, LEAST = 1200, 17, 6.6, 2.0
ROOTS = ("_run_once", "_bootstrap_inner")
"""What lies above these in a stack is the same for all."""
COLOURS = {"ghostcart": "#7c5cff", "psycopg": "#2f9e8f", "litestar": "#e0883a", "django": "#4f8f3a", "": "#a9adb8"}


@dataclass
class Box:
    time: int = 0
    inside: dict[str, "Box"] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return 1 + max((box.depth for box in self.inside.values()), default=0)


def read(file: Path) -> Box:
    """The stacks as a tree of boxes, each with its samples."""
    whole = Box()
    for line in file.read_text().splitlines():
        stack, _blank, count = line.rpartition(" ")
        frames = [frame.rsplit(":", 1)[0].rstrip(")") + ")" for frame in stack.split(";")]
        starts = [place for place, frame in enumerate(frames) if frame.split(" ")[0].endswith(ROOTS)]
        box = whole
        box.time += int(count)
        for frame in frames[starts[-1] + 1 :] if starts else frames[-1:]:
            box = box.inside.setdefault(frame, Box())
            box.time += int(count)
    return whole


def draw(whole: Box, title: str) -> str:
    height = (whole.depth + 1) * ROW + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="4" y="15" font-size="13">{escape(title)}</text>',
    ]
    boxes(parts, whole, 0.0, 1, WIDTH / max(1, whole.time))
    return "\n".join([*parts, "</svg>"]) + "\n"


def boxes(parts: list[str], of: Box, left: float, row: int, scale: float) -> None:
    for name, box in sorted(of.inside.items(), key=lambda one: -one[1].time):
        width = box.time * scale
        if width >= LEAST:
            colour = next(colour for word, colour in COLOURS.items() if word in name)
            shown = name.split(" (")[0][: int((width - 6) / LETTER)]
            share = 100 * width / WIDTH
            parts.append(
                f'<g><title>{escape(name)}: {share:.1f} %</title><rect x="{left:.1f}" y="{row * ROW + 4}"'
                f' width="{width - 0.5:.1f}" height="{ROW - 1}" fill="{colour}" fill-opacity=".55"/>'
                f'<text x="{left + 3:.1f}" y="{row * ROW + 16}">{escape(shown) if width > 30 else ""}</text></g>'
            )
            boxes(parts, box, left, row + 1, scale)
        left += width


if __name__ == "__main__":
    source, picture, title = sys.argv[1:]
    Path(picture).write_text(draw(read(Path(source)), title))
