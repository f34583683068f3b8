"""One description of a picture, drawn as SVG where it is live and as PNG where it is kept."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from .items import CAP_HEIGHT, Box, Circle, Group, Item, Line, Point, Polygon, Text, arrow_head, flat
from .palette import CARD, RULE
from .raster import items_png

_FONTS = "DejaVu Sans, Verdana, sans-serif"
"""Verdana is the nearest relative on machines without DejaVu Sans; its letters are equally wide."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture, ``width`` × ``height`` pixels. ``alt`` says in a sentence what is seen. The picture brings its
    own light card."""

    width: float
    height: float
    items: tuple[Item, ...]
    alt: str

    def svg(self) -> str:
        """The picture as an SVG element; it shrinks on a narrow page."""
        width, height = _number(self.width), _number(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{escape(self.alt)}" '
            f'font-family="{_FONTS}" style="max-width:100%;height:auto">'
            f"{''.join(map(_element, (self._card(), *self.items)))}</svg>"
        )

    def png(self, scale: float = 1.5) -> bytes:
        """The picture as PNG, ``scale`` dots for each pixel; the same bytes every time."""
        return items_png((self._card(), *self.items), self.width, self.height, scale)

    def texts(self) -> tuple[str, ...]:
        """Every text in the picture, in the order of drawing."""
        return tuple(item.text for item in flat(self.items) if isinstance(item, Text))

    def _card(self) -> Box:
        return Box(0.5, 0.5, self.width - 1, self.height - 1, fill=CARD, stroke=RULE, line=1, radius=6)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return picture_bundle(self.png(), self.alt, self.width, self.height)


def picture_bundle(png: bytes, alt: str, width: float, height: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook keeps of a picture: the PNG, shown ``width`` pixels wide, and the sentence that describes it."""
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    return data, {"image/png": {"alt": alt, "width": round(width), "height": round(height)}}


def _element(item: Item) -> str:
    """The item as an SVG element."""
    match item:
        case Box(x, y, width, height, radius=radius):
            return _shape("rect", item, x=x, y=y, width=width, height=height, **({"rx": radius} if radius else {}))
        case Circle(x, y, radius):
            return _shape("circle", item, cx=x, cy=y, r=radius)
        case Polygon(points):
            return _shape("polygon", item, points=_path(points))
        case Line(arrow=True):
            shaft, head = arrow_head(item)
            return _element(shaft) + _element(head)
        case Line(points, curved=curved, opacity=opacity):
            path = f"M{_path(points[:1])}{'C' if curved else 'L'}{_path(points[1:])}"
            return _shape("path", item, d=path, **({"opacity": opacity} if opacity < 1 else {}))
        case Text(x, y, text, size, fill, anchor, bold, italic, turn):
            style = ' font-weight="bold"' * bold + ' font-style="italic"' * italic
            if turn:
                style += f' transform="rotate({_number(turn)} {_number(x)} {_number(y)})"'
            return (
                f'<text x="{_number(x)}" y="{_number(y + size * CAP_HEIGHT / 2)}" font-size="{_number(size)}" '
                f'fill="{fill}" text-anchor="{anchor}"{style}>{escape(text)}</text>'
            )
        case Group(items, key, title):
            key = f' data-key="{escape(key)}"' if key else ""
            title = f"<title>{escape(title)}</title>" if title else ""
            return f"<g{key}>{title}{''.join(map(_element, items))}</g>"


def _shape(tag: str, item: Box | Circle | Polygon | Line, **where: float | str) -> str:
    words = {name: value if isinstance(value, str) else _number(value) for name, value in where.items()}
    words["fill"] = "none" if isinstance(item, Line) else item.fill
    if item.stroke != "none":
        words |= {"stroke": item.stroke, "stroke-width": _number(item.line)}
        if not isinstance(item, Polygon) and item.dash:
            words["stroke-dasharray"] = " ".join(map(_number, item.dash))
    attributes = " ".join(f'{name}="{value}"' for name, value in words.items())
    return f"<{tag} {attributes}/>"


def _path(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
