"""The network that cells are stacked into: every cell in its place, and how large the image is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise

from ...networks.build import Place
from ...viz.items import Box, Group, Item, Line, Point, Text
from ...viz.palette import CARD, INK, MUTED, OPERATIONS
from ...viz.scene import Scene

WIDTH = 680.0
_MARGIN = 18.0
_END = 46.0
_HEIGHT = 34.0
_TOP = 44.0
_PITCH = 64.0
_LOWER = 5.0
"""How much lower than the others a box is drawn that halves the image: told by shape as well as by its letter."""
_TINT = OPERATIONS["sep_conv_3x3"].tint


def stack_scene(stack: Sequence[Place], highlight: str = "", title: str = "") -> Scene:
    """The stack (`networks.places`) from left to right, each cell with arrows from what it reads: one of two inputs
    reads the two before it. Those called ``highlight`` (empty: none) are filled and outlined. Place k is the group
    ``place-k``."""
    ends = sum(map(_is_end, stack))
    pitch = min(_PITCH, (WIDTH - 2 * _MARGIN - ends * _END - 16) / max(len(stack) - ends, 1))
    box, gap = 0.64 * pitch, pitch - 0.64 * pitch
    widths = [_END if _is_end(place) else box for place in stack]
    left = (WIDTH - sum(widths) - gap * (len(stack) - 1)) / 2
    middles = [left + sum(widths[:k]) + gap * k + width / 2 for k, width in enumerate(widths)]
    lower = [0.0] + [_LOWER if a.height > b.height and not _is_end(b) else 0.0 for a, b in pairwise(stack)]
    top = _TOP + (26 if title else 0)
    items: list[Item] = [Text(WIDTH / 2, _MARGIN + 6, title, 15, bold=True)] if title else []
    for k in range(len(stack) - 1):
        start, end = middles[k] + widths[k] / 2, middles[k + 1] - widths[k + 1] / 2
        items.append(
            Line(((start + 1, top + _HEIGHT / 2), (end - 1, top + _HEIGHT / 2)), MUTED, 1.3, arrow=end - start > 11)
        )
    for k, place in enumerate(stack):
        for far in range(2, min(k, place.cell.inputs if place.cell else 0) + 1):
            start, end = middles[k - far] + box / 5, middles[k] - box / 5
            items.append(_arc((start, top + lower[k - far]), (end, top + lower[k])))
    for k, place in enumerate(stack):
        items.append(_drawn(k, place, middles[k], top, widths[k], lower[k], place.part == highlight))
    items += _sizes(stack, middles, top + _HEIGHT)
    said = _describe(stack, highlight)
    items.append(Text(WIDTH / 2, top + _HEIGHT + 56, said, 12, MUTED))
    return Scene(WIDTH, top + _HEIGHT + 74, tuple(items), said)


def _arc(start: Point, end: Point) -> Line:
    (x, y), (tip_x, tip_y) = start, end
    return Line(((x, y - 1), (x, y - 26), (tip_x, tip_y - 26), (tip_x, tip_y - 1)), MUTED, 1.1, curved=True, arrow=True)


def _drawn(k: int, place: Place, x: float, top: float, width: float, lower: float, marked: bool) -> Group:
    name, letter = _name(place), _letter(place)
    size = min(12.0, width / (0.72 * len(letter) + 0.3))
    shape = Box(
        x - width / 2,
        top + lower,
        width,
        _HEIGHT - 2 * lower,
        fill=_TINT if marked else CARD,
        stroke=INK if marked else MUTED,
        line=2.6 if marked else 1.2,
        radius=4,
    )
    title = f"{name}: {place.channels} channels, {place.height}×{place.width}"
    return Group((shape, Text(x, top + _HEIGHT / 2, letter, size, INK, bold=marked)), f"place-{k}", title)


def _name(place: Place) -> str:
    return place.cell.title if place.cell else place.part


def _is_end(place: Place) -> bool:
    return place.part in ("stem", "head")


def _letter(place: Place) -> str:
    """What stands in the box."""
    return place.part[0].upper() if place.cell else place.part if _is_end(place) else place.part[:3]


def _sizes(stack: Sequence[Place], middles: Sequence[float], bottom: float) -> list[Item]:
    """Channels and image size below each run of places that agree in them; the head's are not a map."""
    texts: list[Item] = []
    body = [(k, (place.channels, place.height, place.width)) for k, place in enumerate(stack) if place.part != "head"]
    for (channels, height, width), run in groupby(body, key=lambda pair: pair[1]):
        at = [middles[k] for k, _ in run]
        x = (at[0] + at[-1]) / 2
        texts += [Text(x, bottom + 14, f"{channels} ch", 10.5, MUTED), Text(x, bottom + 29, f"{height}×{width}", 10.5)]
    return texts


def _describe(stack: Sequence[Place], highlight: str) -> str:
    cells = [place for place in stack if place.cell]
    if highlight:
        here = [place for place in cells if place.part == highlight]
        name = f"{_name(here[0])} ({_letter(here[0])})" if here else f"{highlight} cell"
        return f"The {name} sits at {len(here)} of {len(cells)} places in the network."
    counted = Counter((_name(place), _letter(place)) for place in cells)
    words = [f"{n} {name}{'s' if n != 1 else ''} ({letter})" for (name, letter), n in counted.items()]
    return f"The network stacks {' and '.join(words)}."
