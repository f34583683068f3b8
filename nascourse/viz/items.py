"""What a picture is made of: a few kinds of items.

Coordinates are pixels from the top left corner, y downwards; lengths, line widths and font sizes are pixels too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from matplotlib.markers import MarkerStyle

from .palette import INK, MARK

Point = tuple[float, float]

CAP_HEIGHT = 0.729
"""Height of DejaVu Sans' capitals in units of the font size."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; a cell of a heat map or a bar as well."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "none"
    stroke: str = "none"
    line: float = 1.5
    dash: tuple[float, ...] = ()
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Circle:
    """A disc around (x, y)."""

    x: float
    y: float
    radius: float
    fill: str = "none"
    stroke: str = "none"
    line: float = 1.5
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed area: a marker, a band."""

    points: tuple[Point, ...]
    fill: str = INK
    stroke: str = "none"
    line: float = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """An open line through ``points``; ``curved`` reads them as cubic Bézier curves (start, then control, control,
    end for each piece). An ``arrow`` head ends exactly at the last point."""

    points: tuple[Point, ...]
    stroke: str = INK
    line: float = 1.5
    dash: tuple[float, ...] = ()
    curved: bool = False
    arrow: bool = False
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text. (x, y) is the middle of its capitals' height at the anchor; ``turn`` is in degrees,
    clockwise."""

    x: float
    y: float
    text: str
    size: float = 12.0
    fill: str = INK
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False
    italic: bool = False
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """Items that are one thing to the reader: ``key`` finds it in the live picture (attribute ``data-key``),
    ``title`` is said when the pointer rests on it."""

    items: tuple[Item, ...]
    key: str = ""
    title: str = ""


Item = Box | Circle | Polygon | Line | Text | Group


def flat(items: Iterable[Item]) -> Iterator[Item]:
    """The items with groups opened."""
    for item in items:
        if isinstance(item, Group):
            yield from flat(item.items)
        else:
            yield item


def arrow_head(line: Line) -> tuple[Line, Polygon]:
    """An arrow as the shortened line and its head, whose tip is the line's last point."""
    length = 6.0 + 1.5 * line.line
    (x, y), (tip_x, tip_y) = line.points[-2], line.points[-1]
    far = math.hypot(tip_x - x, tip_y - y) or 1.0
    ux, uy = (tip_x - x) / far, (tip_y - y) / far
    base_x, base_y, half = tip_x - ux * length, tip_y - uy * length, 0.42 * length
    head = ((tip_x, tip_y), (base_x - uy * half, base_y + ux * half), (base_x + uy * half, base_y - ux * half))
    end = (tip_x - ux * length * 0.9, tip_y - uy * length * 0.9)
    return replace(line, points=(*line.points[:-1], end), arrow=False), Polygon(head, line.stroke)


def marker(shape: str, x: float, y: float, size: float, fill: str) -> Polygon | Circle:
    """The marker Matplotlib draws for the letter ``shape``, about ``size`` pixels across, as an item of a scene."""
    if shape == "o":
        return Circle(x, y, size / 2, fill=fill)
    return Polygon(tuple((x + size * px, y - size * py) for px, py in _marker_shape(shape)), fill)


@lru_cache
def _marker_shape(shape: str) -> tuple[Point, ...]:
    style = MarkerStyle(shape)
    path = style.get_path().transformed(style.get_transform())
    corners: list[tuple[float, float]] = np.asarray(path.to_polygons()[0])[:-1].tolist()
    return tuple((x, y) for x, y in corners)


def star(x: float, y: float, size: float, fill: str = MARK) -> tuple[Item, Item]:
    """A star with a dark rim: what is new, or what was looked for."""
    return marker("*", x, y, size, INK), marker("*", x, y, size - 8, fill)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = 12.0, bold: bool = False) -> float:
    """How wide a text is, in pixels."""
    font = _font(bold)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 * size / 100


@lru_cache
def _font(bold: bool) -> FT2Font:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name))
    font.set_size(100, 72)
    return font
