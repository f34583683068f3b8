"""One description of a picture, drawn as SVG where it is live and as PNG where it is kept.

A `Scene` is a frozen value: a size in pixels, a few kinds of items, and a sentence that describes it. Coordinates
are pixels from the top left corner, y downwards; lengths, line widths and font sizes are pixels too.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .palette import CARD, INK, RULE

Point = tuple[float, float]

FONTS = "DejaVu Sans, Verdana, sans-serif"
"""Verdana is the nearest relative on machines without DejaVu Sans; its letters are equally wide."""
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


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture. ``alt`` says in a sentence what is seen. The picture brings its own light card."""

    width: float
    height: float
    items: tuple[Item, ...]
    alt: str

    def svg(self) -> str:
        """The picture as an SVG element; it shrinks on a narrow page."""
        body = "".join(_SVG[type(item)](item) for item in (self.card(), *self.items))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'width="{_n(self.width)}" height="{_n(self.height)}" role="img" aria-label="{escape(self.alt)}" '
            f'font-family="{FONTS}" style="max-width:100%;height:auto">{body}</svg>'
        )

    def png(self, scale: float = 1.5) -> bytes:
        """The picture as PNG, ``scale`` dots for each pixel; the same bytes every time."""
        from .raster import scene_png

        return scene_png(self, scale)

    def card(self) -> Box:
        """The background every scene is drawn on."""
        return Box(0.5, 0.5, self.width - 1, self.height - 1, fill=CARD, stroke=RULE, line=1, radius=6)

    def texts(self) -> tuple[str, ...]:
        """Every text in the picture, in the order of drawing."""
        return tuple(item.text for item in flat(self.items) if isinstance(item, Text))

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return picture_bundle(self.png(), self.alt, self.width, self.height)


def picture_bundle(png: bytes, alt: str, width: float, height: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook keeps of a picture: the PNG, shown ``width`` pixels wide, and the sentence that describes it."""
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    return data, {"image/png": {"alt": alt, "width": round(width), "height": round(height)}}


def flat(items: tuple[Item, ...]) -> Iterator[Item]:
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
    points = (*line.points[:-1], end)
    return Line(points, line.stroke, line.line, line.dash, line.curved, False, line.opacity), Polygon(head, line.stroke)


def marker(shape: str, x: float, y: float, size: float, fill: str) -> Polygon | Circle:
    """The marker Matplotlib draws for the letter ``shape``, about ``size`` pixels across, as an item of a scene."""
    if shape == "o":
        return Circle(x, y, size / 2, fill=fill)
    return Polygon(tuple((x + size * px, y - size * py) for px, py in _marker_shape(shape)), fill)


@lru_cache
def _marker_shape(shape: str) -> tuple[Point, ...]:
    from matplotlib.markers import MarkerStyle

    style = MarkerStyle(shape)
    path = style.get_path().transformed(style.get_transform())
    return tuple((float(px), float(py)) for px, py in np.asarray(path.to_polygons()[0])[:-1])


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = 12.0, bold: bool = False) -> float:
    """How wide a text is, in pixels."""
    font = _font(bold)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 * size / 100


@lru_cache
def _font(bold: bool) -> Any:
    import matplotlib
    from matplotlib.ft2font import FT2Font

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name))
    font.set_size(100, 72)
    return font


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _paint(fill: str, stroke: str, line: float, dash: tuple[float, ...]) -> str:
    out = f' fill="{fill}"'
    if stroke != "none":
        out += f' stroke="{stroke}" stroke-width="{_n(line)}"'
        if dash:
            out += f' stroke-dasharray="{" ".join(map(_n, dash))}"'
    return out


def _box(b: Box) -> str:
    radius = f' rx="{_n(b.radius)}"' if b.radius else ""
    return (
        f'<rect x="{_n(b.x)}" y="{_n(b.y)}" width="{_n(b.width)}" height="{_n(b.height)}"{radius}'
        f"{_paint(b.fill, b.stroke, b.line, b.dash)}/>"
    )


def _circle(c: Circle) -> str:
    return f'<circle cx="{_n(c.x)}" cy="{_n(c.y)}" r="{_n(c.radius)}"{_paint(c.fill, c.stroke, c.line, c.dash)}/>'


def _polygon(p: Polygon) -> str:
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in p.points)
    return f'<polygon points="{points}"{_paint(p.fill, p.stroke, p.line, ())}/>'


def _line(line: Line) -> str:
    if line.arrow:
        shaft, head = arrow_head(line)
        return _line(shaft) + _polygon(head)
    first, *rest = (f"{_n(x)},{_n(y)}" for x, y in line.points)
    opacity = f' opacity="{_n(line.opacity)}"' if line.opacity < 1 else ""
    return (
        f'<path d="M{first}{"C" if line.curved else "L"}{" ".join(rest)}"'
        f"{_paint('none', line.stroke, line.line, line.dash)}{opacity}/>"
    )


def _text(t: Text) -> str:
    weight = ' font-weight="bold"' if t.bold else ""
    slant = ' font-style="italic"' if t.italic else ""
    turn = f' transform="rotate({_n(t.turn)} {_n(t.x)} {_n(t.y)})"' if t.turn else ""
    return (
        f'<text x="{_n(t.x)}" y="{_n(t.y + t.size * CAP_HEIGHT / 2)}" font-size="{_n(t.size)}" fill="{t.fill}" '
        f'text-anchor="{t.anchor}"{weight}{slant}{turn}>{escape(t.text)}</text>'
    )


def _group(g: Group) -> str:
    key = f' data-key="{escape(g.key)}"' if g.key else ""
    title = f"<title>{escape(g.title)}</title>" if g.title else ""
    return f"<g{key}>{title}{''.join(_SVG[type(item)](item) for item in g.items)}</g>"


_SVG: dict[type, Callable[[Any], str]] = {
    Box: _box,
    Circle: _circle,
    Polygon: _polygon,
    Line: _line,
    Text: _text,
    Group: _group,
}
