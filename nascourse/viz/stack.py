"""The network that cells are stacked into: every cell in its place, and how large the image is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..errors import bad_input
from ..networks.cells import reduction_places
from ..spaces.base import Architecture
from ..spaces.cell import Genotype
from ..spaces.micro import MicroCell
from .palette import CARD, INK, MUTED, OPERATIONS
from .scene import Box, Group, Item, Line, Point, Scene, Text

WIDTH = 680.0
_MARGIN = 18.0
_END = 46.0
_HEIGHT = 34.0
_TOP = 44.0
_PITCH = 64.0
_TINT = OPERATIONS["sep_conv_3x3"].tint
_LETTERS = {"stem": "stem", "head": "head", "cell": "C", "normal": "N", "reduce": "R", "residual": "res"}
CELL_NAMES = {"cell": "micro cell", "normal": "normal cell", "reduce": "reduction cell"}


@dataclass(frozen=True, slots=True)
class Place:
    """One layer of the stack. part: ``stem``, ``head``, ``residual`` or the name of the cell that sits here (``cell``
    of a micro cell, ``normal`` or ``reduce`` of a genotype); the channels, height and width of what leaves it."""

    part: str
    channels: int
    height: int
    width: int


def places(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> tuple[Place, ...]:
    """The layers of ``build(arch, **net)`` on an image of (channels, height, width), from stem to head.

    Raises `CourseError` for an architecture that is not a stack of cells.
    """
    match arch:
        case Genotype():
            return _genotype_places(arch, image, **net)
        case MicroCell():
            return _micro_places(image, **net)
    raise bad_input(type(arch).__name__, "a MicroCell or a Genotype", "draw another architecture as a graph")


def _genotype_places(
    genotype: Genotype,
    image: Sequence[int],
    channels: int = 36,
    cells: int = 20,
    classes: int = 10,
    stem: str = "cifar",
    **_: Any,
) -> tuple[Place, ...]:
    sizes = list(image[1:])
    for _halving in range(0 if stem == "cifar" else 3):
        sizes = [_half(size) for size in sizes]
    stack = [Place("stem", 3 * channels if stem == "cifar" else channels, *sizes)]
    for place in range(cells):
        part, cell = "normal", genotype.normal
        if place in reduction_places(cells):
            part, cell, channels, sizes = "reduce", genotype.reduce, 2 * channels, [_half(size) for size in sizes]
        stack.append(Place(part, len(cell.concat) * channels, *sizes))
    return (*stack, Place("head", classes, 1, 1))


def _micro_places(
    image: Sequence[int],
    channels: int = 16,
    cells: Sequence[int] = (5, 5, 5),
    classes: int = 10,
    stem_stride: int = 1,
    **_: Any,
) -> tuple[Place, ...]:
    sizes = [-(-size // stem_stride) for size in image[1:]]
    stack = [Place("stem", channels, *sizes)]
    for stage, number in enumerate(cells):
        if stage:
            channels, sizes = 2 * channels, [_half(size) for size in sizes]
            stack.append(Place("residual", channels, *sizes))
        stack += [Place("cell", channels, *sizes)] * number
    return (*stack, Place("head", classes, 1, 1))


def _half(size: int) -> int:
    return -(-size // 2)


def stack_scene(stack: Sequence[Place], highlight: str = "", title: str = "") -> Scene:
    """The stack from left to right, each cell with arrows from what it reads: a genotype's cell reads the two before
    it. Those called ``highlight`` (empty: none) are filled and outlined. Place k is the group ``place-k``."""
    cells = len(stack) - 2
    pitch = min(_PITCH, (WIDTH - 2 * (_MARGIN + _END) - 16) / max(cells, 1))
    box = 0.64 * pitch
    gap = pitch - box
    total = 2 * _END + cells * pitch + gap
    top = _TOP + (26 if title else 0)
    middles = [(WIDTH - total) / 2 + _END / 2]
    middles += [(WIDTH - total) / 2 + _END + gap + box / 2 + k * pitch for k in range(cells)]
    middles.append((WIDTH + total) / 2 - _END / 2)
    widths = [_END, *[box] * cells, _END]
    items: list[Item] = [Text(WIDTH / 2, _MARGIN + 6, title, 15, bold=True)] if title else []
    for k in range(len(stack) - 1):
        start, end = middles[k] + widths[k] / 2, middles[k + 1] - widths[k + 1] / 2
        items.append(
            Line(((start + 1, top + _HEIGHT / 2), (end - 1, top + _HEIGHT / 2)), MUTED, 1.3, arrow=end - start > 11)
        )
    if any(place.part in ("normal", "reduce") for place in stack):
        items += [
            _arc((middles[k] + box / 5, top + _lower(stack[k])), (middles[k + 2] - box / 5, top + _lower(stack[k + 2])))
            for k in range(cells - 1)
        ]
    items += [_drawn(k, place, middles[k], top, widths[k], place.part == highlight) for k, place in enumerate(stack)]
    items += _sizes(stack, middles, top + _HEIGHT)
    said = _describe(stack, highlight)
    items.append(Text(WIDTH / 2, top + _HEIGHT + 56, said, 12, MUTED))
    return Scene(WIDTH, top + _HEIGHT + 74, tuple(items), said)


def _lower(place: Place) -> float:
    """How much lower than the others a box is drawn that halves the image: told by shape as well as by its letter."""
    return 5.0 if place.part in ("reduce", "residual") else 0.0


def _arc(start: Point, end: Point) -> Line:
    (x, y), (tip_x, tip_y) = start, end
    return Line(((x, y - 1), (x, y - 26), (tip_x, tip_y - 26), (tip_x, tip_y - 1)), MUTED, 1.1, curved=True, arrow=True)


def _drawn(k: int, place: Place, x: float, top: float, width: float, marked: bool) -> Group:
    lower = _lower(place)
    letter = _LETTERS[place.part]
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
    name = CELL_NAMES.get(place.part, place.part)
    title = f"{name}: {place.channels} channels, {place.height}×{place.width}"
    return Group((shape, Text(x, top + _HEIGHT / 2, letter, size, INK, bold=marked)), f"place-{k}", title)


def _sizes(stack: Sequence[Place], middles: Sequence[float], bottom: float) -> list[Item]:
    """Channels and image size below each run of places that agree in them; the head's are not a map."""
    texts: list[Item] = []
    body = [(k, (place.channels, place.height, place.width)) for k, place in enumerate(stack[:-1])]
    for (channels, height, width), run in groupby(body, key=lambda pair: pair[1]):
        at = [middles[k] for k, _ in run]
        x = (at[0] + at[-1]) / 2
        texts += [Text(x, bottom + 14, f"{channels} ch", 10.5, MUTED), Text(x, bottom + 29, f"{height}×{width}", 10.5)]
    return texts


def _describe(stack: Sequence[Place], highlight: str) -> str:
    cells = [place.part for place in stack if place.part in CELL_NAMES]
    if highlight:
        name = f"{CELL_NAMES[highlight]} ({_LETTERS[highlight]})"
        return f"The {name} sits at {cells.count(highlight)} of {len(cells)} places in the network."
    counted = [
        f"{cells.count(part)} {name}{'s' if cells.count(part) != 1 else ''} ({_LETTERS[part]})"
        for part, name in CELL_NAMES.items()
        if part in cells
    ]
    return f"The network stacks {' and '.join(counted)}."
