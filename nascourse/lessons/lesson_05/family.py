"""The family tree of an architecture, out of a recorded search: founders on top, the descendant at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from ...search.history import History
from ...viz.compose import moved_all
from ...viz.explorer import Explorer, State
from ...viz.items import Group, Item, Line, Point, Text, marker
from ...viz.layout import BEND, Level, Strand, layered_layout
from ...viz.palette import INK, MUTED, OPERATIONS, operation_style
from ...viz.scene import Scene
from .kinship import gene_tile, genes, origins, slider

_MARGIN, _CAPTION = 20.0, 30.0
_LEGEND = (190.0, 320.0)


def lineage(history: History[Any]) -> nx.DiGraph:
    """All trials, an edge from each to each of its parents."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(history)))
    graph.add_edges_from((row.trial.number, parent) for row in history for parent in row.trial.parents)
    return graph


def ancestors(history: History[Any], number: int, depth: int) -> dict[int, tuple[int, ...]]:
    """Trial ``number`` and its ancestors, ``depth`` generations back: each with its parents, the last without."""
    back = nx.single_source_shortest_path_length(lineage(history), number, cutoff=depth)
    nearest_first = sorted(back, key=lambda one: (back[one], one))
    return {one: history[one].trial.parents if back[one] < depth else () for one in nearest_first}


def family_tree_scene(history: History[Any], number: int, depth: int = 6) -> Scene:
    """The ancestors of trial ``number``, at most ``depth`` generations back: a row of tiles for each, one tile an edge
    of its architecture; what no parent had carries a halo and a star. Lines lead from parents to children."""
    family = ancestors(history, number, depth)
    order = sorted(family)
    count = len(genes(history[number].trial.arch))
    tile = 20.0 if count <= 8 else 15.0
    width, height = count * (tile + 4), tile + _CAPTION
    strands = tuple(
        Strand(order.index(parent), order.index(child), 4.0) for child, parents in family.items() for parent in parents
    )
    layout = layered_layout(((height, max(width, 96.0)),) * len(order), strands)  # it runs from left to right: turned
    points = [(y, x) for x, y in layout.nodes]
    places = dict(zip(order, points, strict=True))
    items: list[Item] = []
    for strand, levels in zip(strands, layout.levels, strict=True):
        (x0, y0), (x1, y1) = points[strand.source], points[strand.target]
        items.append(_line((x0, y0 + height / 2), (x1, y1 - height / 2 - 2), levels))
    for one, (x, y) in places.items():
        items.append(
            Group(tuple(_member(history, one, family, x, y, tile, width)), f"trial-{one}", _title(history, one))
        )
    body = moved_all(items, _MARGIN, _MARGIN)
    legend = moved_all(_legend(history, family), layout.height + 3 * _MARGIN, 2 * _MARGIN)
    tall = max(layout.width + 2 * _MARGIN, _LEGEND[1])
    return Scene(layout.height + 3 * _MARGIN + _LEGEND[0], tall, (*body, *legend), _describe(history, number, family))


def _line(start: Point, end: Point, levels: tuple[Level, ...]) -> Line:
    """From a parent's foot to a child's head, upright where it passes other generations."""
    if len(levels) == 1:  # the next generation: nothing is in between
        half = (end[1] - start[1]) / 2
        points = (start, (start[0], start[1] + half), (end[0], end[1] - half), end)
        return Line(points, MUTED, 1.8, curved=True, arrow=True)
    bend, route = BEND * 0.55, [start, (start[0], start[1] + BEND * 0.55)]
    for top, bottom, x in levels:
        route += [(x, top - bend), (x, top), (x, top), (x, bottom), (x, bottom), (x, bottom + bend)]
    return Line((*route, (end[0], end[1] - bend), end), MUTED, 1.8, curved=True, arrow=True)


def _member(
    history: History[Any],
    number: int,
    family: Mapping[int, tuple[int, ...]],
    x: float,
    y: float,
    tile: float,
    width: float,
) -> list[Item]:
    row = history[number]
    parents = [history[parent].trial.arch for parent in family[number]]
    whose = origins(row.trial.arch, parents) if parents else ()
    middle = y + _CAPTION / 2 - 2
    items: list[Item] = [
        Text(x, y - tile / 2 - 4, f"{number}: {row.result.accuracy:.4f}", 11.5, INK, bold=number == max(family))
    ]
    for k, gene in enumerate(genes(row.trial.arch)):
        left = x - width / 2 + k * (tile + 4) + 2
        items += gene_tile(gene, left, middle, tile, new=bool(whose) and not whose[k])
    return items


def _legend(history: History[Any], family: Mapping[int, tuple[int, ...]]) -> list[Item]:
    """What the tiles mean: the operations that occur, and which edges they are on, from left to right."""
    of_all = {gene for number in family for gene in genes(history[number].trial.arch)}
    ops = [op for op in OPERATIONS if any(gene.op == op for gene in of_all)]
    edges = genes(history[max(family)].trial.arch)
    cells = list(dict.fromkeys(gene.cell for gene in edges))
    order = " cell, then ".join(cells) if len(cells) > 1 else " ".join(f"{g.source}→{g.target}" for g in edges)
    items: list[Item] = []
    for row, op in enumerate(ops):
        style = operation_style(op)
        items += [
            marker(style.marker, 8, 22.0 * row, 10, style.color),
            Text(24, 22.0 * row, style.label, 12, anchor="start"),
        ]
    y = 22.0 * len(ops) + 8
    items += gene_tile(edges[0]._replace(op=ops[0]), 1, y, 15, new=True)
    items += [
        Text(24, y, "no parent had it", 12, anchor="start"),
        Text(0, y + 28, "edges from left to right:", 11, MUTED, "start"),
    ]
    return [*items, Text(0, y + 46, order, 11, MUTED, "start")]


def _title(history: History[Any], number: int) -> str:
    row = history[number]
    edges = ", ".join(f"{gene.source}→{gene.target} {gene.op}" for gene in genes(row.trial.arch))
    return f"trial {number}, accuracy {row.result.accuracy:.4f}: {edges}"


def _describe(history: History[Any], number: int, family: Mapping[int, tuple[int, ...]]) -> str:
    oldest = [one for one, parents in family.items() if not parents]
    founders = [one for one in oldest if not history[one].trial.parents]
    start = f"{len(founders)} founder{'s' * (len(founders) != 1)}"
    if len(founders) < len(oldest):
        start = f"{start}, with older ancestors left out" if founders else "older ancestors left out"
    return (
        f"Family tree of trial {number}, accuracy {history[number].result.accuracy:.4f}: {len(family) - 1} ancestors, "
        f"back to {start}. The first in the picture is trial {min(family)} with accuracy "
        f"{history[min(family)].result.accuracy:.4f}."
    )


class FamilyTreeExplorer(Explorer):
    """The ancestors of any trial, the winner's at first, and how far back they are shown."""

    def __init__(self, history: History[Any], number: int | None = None, depth: int = 3) -> None:
        self._history = history
        deepest = int(nx.dag_longest_path_length(lineage(history)))
        start = history.best.trial.number if number is None else number
        super().__init__(
            {
                "trial": slider("trial", start, len(history) - 1),
                "depth": slider("generations", min(depth, deepest), max(deepest, 1)),
            }
        )

    def render(self, state: State) -> Scene:
        return family_tree_scene(self._history, state["trial"], state["depth"])
