"""Any directed acyclic graph of operations as a scene: micro cells, Genotype cells, chains, relaxed cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import bad_input
from .compose import moved_all
from .items import Box, Circle, Group, Item, Line, Point, Text, marker, star, text_width
from .layout import BEND, Layout, Level, Strand, layered_layout
from .palette import CARD, FAINT, INK, MARK, MUTED, Style, operation_style
from .scene import Scene

MARGIN = 18.0
LABEL_SIZE = 12.0
NODE_SIZE = 13.0
RADIUS = 17.0
PILL = 22.0
_PLAIN = Style(MUTED, (), "", "")
_DEAD_DASH = (2.0, 4.0)


@dataclass(frozen=True, slots=True)
class DagNode:
    """A node; ``shape`` box for inputs and outputs, whose ``label`` is a word. Dead: greyed and dashed. ``op``: the
    node is this operation, drawn as a box in its style; for cells with operations on nodes."""

    name: str
    label: str = ""
    shape: Literal["circle", "box"] = "circle"
    dead: bool = False
    op: str = ""


@dataclass(frozen=True, slots=True)
class DagEdge:
    """An edge with an operation (a primitive's name; empty: a plain arrow, as to a concatenation).

    ``label`` None: the operation's short label; empty: none. Edges without labels that join the same two nodes are
    drawn as one bundle of thin parallel lines. Dead: greyed and dashed. Changed: a halo and a star.
    """

    source: str
    target: str
    op: str = ""
    label: str | None = None
    dead: bool = False
    changed: bool = False
    width: float = 2.2

    @property
    def style(self) -> Style:
        return operation_style(self.op) if self.op else _PLAIN

    @property
    def text(self) -> str:
        return self.style.label if self.label is None else self.label

    @property
    def title(self) -> str:
        """What the live picture says when the pointer rests on the edge."""
        words = f"{self.source} → {self.target}" + (f": {self.op}" if self.op else "")
        return words + (" (dead)" if self.dead else "") + (" (changed)" if self.changed else "")


def dag_scene(
    nodes: Sequence[DagNode], edges: Sequence[DagEdge], alt: str, title: str = "", label_width: float = 0.0
) -> Scene:
    """Draw the graph from left to right, each node right of all it depends on.

    ``label_width``: least width of a label in pixels, to keep a picture still while its operations change.
    Groups are keyed ``node-NAME`` and ``edge-K``, K the position in ``edges``. Raises `CourseError` for an edge
    whose node is missing and for a cycle.
    """
    place = {node.name: k for k, node in enumerate(nodes)}
    for name in (name for edge in edges for name in (edge.source, edge.target)):
        if name not in place:
            raise bad_input(name, f"a node out of {', '.join(place)}", "add the node or mend the edge")
    bundles: dict[object, Bundle] = {}
    for k, edge in enumerate(edges):
        bundles.setdefault(k if edge.text else (edge.source, edge.target), []).append((k, edge))
    pill_width = max([label_width, *(text_width(e.text, LABEL_SIZE) + 34 for e in edges if e.text)])
    strands = tuple(
        Strand(
            place[edge.source],
            place[edge.target],
            max(6.0, 3.6 * (len(bundle) - 1) + 4.0),
            (pill_width, PILL) if edge.text else (0.0, 0.0),
        )
        for bundle in bundles.values()
        for _, edge in bundle[:1]
    )
    sizes = tuple(_size(node) for node in nodes)
    layout = layered_layout(sizes, strands)
    width = max(layout.width, text_width(title, 15, True)) + 2 * MARGIN
    left, top = (width - layout.width) / 2, MARGIN + (26 if title else 0)
    ports = _ports(nodes, sizes, strands, layout)
    items: list[Item] = []
    for bundle, ends, levels, label in zip(bundles.values(), ports, layout.levels, layout.labels, strict=True):
        items += _draw_bundle(bundle, ends, levels, label, pill_width)
    items += [_draw_node(node, *at, *size) for node, at, size in zip(nodes, layout.nodes, sizes, strict=True)]
    heading = (Text(width / 2, MARGIN + 6, title, 15, bold=True),) if title else ()
    return Scene(width, top + layout.height + MARGIN, (*heading, *moved_all(items, left, top)), alt)


Bundle = list[tuple[int, DagEdge]]
"""Edges that are laid out as one strand, each with its position."""


def _size(node: DagNode) -> tuple[float, float]:
    if node.op:
        return text_width(operation_style(node.op).label, LABEL_SIZE) + 34, PILL + 4
    if node.shape == "circle":
        return 2 * RADIUS, 2 * RADIUS
    return text_width(node.label or node.name, NODE_SIZE) + 22, 2 * RADIUS


Port = tuple[Point, Point]
"""A point on a node's border and the direction that leads away from the node."""


def _ports(
    nodes: Sequence[DagNode], sizes: Sequence[tuple[float, float]], strands: Sequence[Strand], layout: Layout
) -> list[tuple[Port, Port]]:
    """For each strand where it leaves its source and where it enters its target, in the order of their heights."""
    leaving: dict[int, Port] = {}
    entering: dict[int, Port] = {}
    for n, (node, (x, y), (width, height)) in enumerate(zip(nodes, layout.nodes, sizes, strict=True)):
        outs = sorted((k for k, s in enumerate(strands) if s.source == n), key=lambda k: layout.levels[k][0][2])
        ins = sorted((k for k, s in enumerate(strands) if s.target == n), key=lambda k: layout.levels[k][-1][2])
        for side, order, ports in ((1, outs, leaving), (-1, ins, entering)):
            for place, k in enumerate(order):
                from_middle = place - (len(order) - 1) / 2
                if node.shape == "box":
                    step = min(9.0, (height - 10) / max(len(order) - 1, 1))
                    ports[k] = (x + side * (width / 2 + 1), y + from_middle * step), (side, 0.0)
                else:
                    angle = from_middle * min(0.5, 2.3 / max(len(order) - 1, 1))
                    away = (side * math.cos(angle), math.sin(angle))
                    ports[k] = (x + (RADIUS + 1) * away[0], y + (RADIUS + 1) * away[1]), away
    return [(leaving[k], entering[k]) for k in range(len(strands))]


def _route(start: Port, end: Port, levels: Sequence[Level], shift: float) -> tuple[Point, ...]:
    """Cubic Bézier points from port to port, level inside each rank."""
    reach = BEND * 0.55
    (x, y), (ux, uy) = start
    points: list[Point] = [(x, y), (x + ux * reach, y + uy * reach)]
    for left, right, level in levels:
        height = level + shift
        points += [(left - reach, height), (left, height), (left, height), (right, height), (right, height)]
        points.append((right + reach, height))
    (x, y), (ux, uy) = end
    return (*points, (x + ux * reach, y + uy * reach), (x, y))


def _draw_bundle(
    bundle: Bundle, ports: tuple[Port, Port], levels: Sequence[Level], label: Point, pill_width: float
) -> list[Item]:
    drawn: list[Item] = []
    for place, (k, edge) in enumerate(bundle):
        alone = len(bundle) == 1
        points = _route(*ports, levels, 3.6 * (place - (len(bundle) - 1) / 2))
        grey = edge.dead or edge.op == "none"
        stroke, dash = (FAINT, _DEAD_DASH) if grey else (edge.style.color, edge.style.dash)
        items: list[Item] = [Line(points, MARK, edge.width + 8, curved=True)] if edge.changed else []
        items.append(Line(points, stroke, 1.6 if grey and alone else edge.width, dash, curved=True, arrow=alone))
        if edge.text:
            line = 2.4 if edge.changed else 1.2
            items += pill(*label, edge.style, edge.text, pill_width, line=line, dead=grey, changed=edge.changed)
        drawn.append(Group(tuple(items), f"edge-{k}", edge.title))
    if len(bundle) > 1:
        tip, (ux, uy) = ports[1]
        drawn.append(Line(((tip[0] + 9 * ux, tip[1] + 9 * uy), tip), MUTED, 1.5, arrow=True))
    return drawn


def pill(
    x: float,
    y: float,
    style: Style,
    words: str,
    width: float,
    height: float = PILL,
    line: float = 1.2,
    *,
    dead: bool = False,
    changed: bool = False,
) -> tuple[Item, ...]:
    """An operation's label around (x, y): its marker and its name in its colours. Dead: greyed and dashed. Changed:
    square, with a star."""
    color, ink = (FAINT, MUTED) if dead else (style.color, INK)
    left, top = x - width / 2, y - height / 2
    fill, dash, radius = CARD if dead else style.tint, (3.0, 3.0) if dead else (), 2.0 if changed else height / 2
    return (
        Box(left, top, width, height, fill, color, line, dash, radius),
        *((marker(style.marker, left + 13, y, 9, color),) if style.marker else ()),
        Text(x + (8 if style.marker else 0), y, words, LABEL_SIZE, ink),
        *(star(left + width - 3, top + 2, 17) if changed else ()),
    )


def _draw_node(node: DagNode, x: float, y: float, width: float, height: float) -> Group:
    if node.op:
        style = operation_style(node.op)
        return Group(pill(x, y, style, style.label, width, height, 1.6), f"node-{node.name}", node.op)
    stroke, ink, dash = (FAINT, MUTED, _DEAD_DASH) if node.dead else (INK, INK, ())
    shape: Item = Circle(x, y, RADIUS, CARD, stroke, 1.8, dash)
    if node.shape == "box":
        shape = Box(x - width / 2, y - height / 2, width, height, "#EEF1F4", stroke, 1.8, dash, radius=5)
    words = node.label or node.name
    return Group((shape, Text(x, y, words, NODE_SIZE, ink, bold=node.shape == "circle")), f"node-{node.name}", words)
