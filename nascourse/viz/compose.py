"""Scenes put together: moved, and set beside or above each other on one card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .items import Box, Circle, Group, Item, Line, Polygon, Text
from .scene import Scene


def moved(item: Item, dx: float, dy: float) -> Item:
    """The item, shifted by (dx, dy)."""
    match item:
        case Box() | Circle() | Text():
            return replace(item, x=item.x + dx, y=item.y + dy)
        case Polygon() | Line():
            return replace(item, points=tuple((x + dx, y + dy) for x, y in item.points))
        case Group():
            return replace(item, items=moved_all(item.items, dx, dy))


def moved_all(items: Iterable[Item], dx: float, dy: float) -> tuple[Item, ...]:
    """Every item, shifted by (dx, dy)."""
    return tuple(moved(item, dx, dy) for item in items)


def beside(*scenes: Scene, alt: str, gap: float = 0.0) -> Scene:
    """The scenes from left to right, centred on one line."""
    height = max(scene.height for scene in scenes)
    items: tuple[Item, ...] = ()
    x = 0.0
    for scene in scenes:
        items += moved_all(scene.items, x, (height - scene.height) / 2)
        x += scene.width + gap
    return Scene(x - gap, height, items, alt)


def above(*scenes: Scene, alt: str, gap: float = 0.0) -> Scene:
    """The scenes from top to bottom, centred on one column."""
    width = max(scene.width for scene in scenes)
    items: tuple[Item, ...] = ()
    y = 0.0
    for scene in scenes:
        items += moved_all(scene.items, (width - scene.width) / 2, y)
        y += scene.height + gap
    return Scene(width, y - gap, items, alt)
