"""Where the nodes and edges of a directed acyclic graph go: layers from left to right, nothing overlapping.

Sugiyama's scheme (Sugiyama, Tagawa & Toda 1981) with room for labels: nodes sit on the even ranks, and every edge
has a slot of its own on each rank that it passes, one of them tall and wide enough for its label. Inside a rank's
width all lines are level, and they bend between ranks only, so no line crosses a label or a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from statistics import fmean as mean

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ..errors import bad_input
from .scene import Point

BEND = 30.0
"""Width of the space between two ranks, where lines bend."""
GAP = 12.0
"""Least distance between two things on one rank."""
_SWEEPS = 8
_STARTS = 6


@dataclass(frozen=True, slots=True)
class Strand:
    """An edge, or a bundle of parallel edges, from node ``source`` to node ``target`` (positions): how thick it is
    and how large its label is (zero: no label)."""

    source: int
    target: int
    thickness: float
    label: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of nodes and labels, and for each strand its level pieces as (left, right, y), from left to right."""

    width: float
    height: float
    nodes: tuple[Point, ...]
    labels: tuple[Point, ...]
    levels: tuple[tuple[tuple[float, float, float], ...], ...]


@dataclass(slots=True)
class _Slot:
    """What takes room on a rank: a node, or a strand that passes."""

    height: float
    width: float
    y: float = 0.0
    place: int = 0
    before: tuple[_Slot, ...] = ()
    after: tuple[_Slot, ...] = ()
    name: int = -1
    """A node's position among the nodes; negative: a strand passes."""

    @property
    def is_node(self) -> bool:
        return self.name >= 0

    def pull(self, other: _Slot) -> float:
        # a long edge is kept straight first of all, then nodes are drawn to their edges
        return 1.0 if self.is_node or other.is_node else 8.0


def longest_path_layers(count: int, edges: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """For each node the number of edges on the longest path that ends in it. Raises `CourseError` on a cycle."""
    layers = [0] * count
    for _ in range(count + 1):
        moved = False
        for source, target in edges:
            if layers[target] <= layers[source]:
                layers[target], moved = layers[source] + 1, True
        if not moved:
            return tuple(layers)
    raise bad_input(list(edges), "edges without a cycle", "remove an edge of the cycle")


@lru_cache(maxsize=256)
def layered_layout(sizes: tuple[tuple[float, float], ...], strands: tuple[Strand, ...]) -> Layout:
    """Lay out nodes of ``sizes`` (width, height) joined by ``strands``. The same input gives the same picture."""
    layers = longest_path_layers(len(sizes), [(s.source, s.target) for s in strands])
    ranks: list[list[_Slot]] = [[] for _ in range(2 * max(layers) + 1)]
    nodes = [_Slot(height, width, name=k) for k, (width, height) in enumerate(sizes)]
    for node, layer in zip(nodes, layers, strict=True):
        ranks[2 * layer].append(node)
    label_ranks = _label_ranks(strands, layers)
    paths = []
    for strand, label_rank in zip(strands, label_ranks, strict=True):
        passed = range(2 * layers[strand.source] + 1, 2 * layers[strand.target])
        path = []
        for at in passed:
            width, height = strand.label if at == label_rank else (0.0, 0.0)
            path.append(_Slot(max(strand.thickness, height), width))
            ranks[at].append(path[-1])
        paths.append(path)
        for left, right in pairwise([nodes[strand.source], *path, nodes[strand.target]]):
            left.after += (right,)
            right.before += (left,)
    _order(ranks)
    _settle(ranks)
    top = min(slot.y - slot.height / 2 for rank in ranks for slot in rank)
    bottom = max(slot.y + slot.height / 2 for rank in ranks for slot in rank)
    spans, x = [], 0.0
    for width in (max(slot.width for slot in rank) for rank in ranks):
        spans.append((x, x + width))
        x += width + BEND
    middles = [(left + right) / 2 for left, right in spans]
    levels = tuple(
        tuple((*spans[2 * layers[strand.source] + 1 + k], slot.y - top) for k, slot in enumerate(path))
        for strand, path in zip(strands, paths, strict=True)
    )
    return Layout(
        width=x - BEND,
        height=bottom - top,
        nodes=tuple((middles[2 * layer], node.y - top) for node, layer in zip(nodes, layers, strict=True)),
        labels=tuple(
            (middles[rank], path[rank - 2 * layers[strand.source] - 1].y - top)
            for strand, rank, path in zip(strands, label_ranks, paths, strict=True)
        ),
        levels=levels,
    )


def _label_ranks(strands: Sequence[Strand], layers: Sequence[int]) -> list[int]:
    """The odd rank that carries each strand's label: short strands first, each where the fewest labels are yet,
    then nearest to its middle."""
    taken: dict[int, int] = {}
    ranks = [0] * len(strands)
    for k in sorted(range(len(strands)), key=lambda k: layers[strands[k].target] - layers[strands[k].source]):
        first, last = 2 * layers[strands[k].source] + 1, 2 * layers[strands[k].target] - 1
        best = min(range(first, last + 1, 2), key=lambda r: (taken.get(r, 0), abs(r - (first + last) / 2), r))
        ranks[k] = best
        if strands[k].label[1]:
            taken[best] = taken.get(best, 0) + 1
    return ranks


def _order(ranks: list[list[_Slot]]) -> None:
    """Order each rank so that lines cross little: by the mean place of a slot's neighbours, up and down, then by
    trading neighbours, from a few fixed starts."""
    shuffle = np.random.default_rng(0)
    best, least = [list(rank) for rank in ranks], _disorder(ranks)
    for start in range(_STARTS):
        if start:
            ranks[:] = [[rank[k] for k in shuffle.permutation(len(rank))] for rank in ranks]
        for sweep in range(_SWEEPS):
            _sort_by_means(ranks, down=sweep % 2 == 0)
            _trade_neighbours(ranks)
            if (disorder := _disorder(ranks)) < least:
                best, least = [list(rank) for rank in ranks], disorder
    mirrored = [rank[::-1] for rank in best]
    ranks[:] = mirrored if _disorder(mirrored) < least else best


def _sort_by_means(ranks: list[list[_Slot]], down: bool) -> None:
    for rank in ranks:
        _number(rank)
    for rank in ranks if down else reversed(ranks):
        rank.sort(
            key=lambda slot: (
                mean(s.place for s in near) if (near := slot.before if down else slot.after) else slot.place
            )
        )
        _number(rank)


def _trade_neighbours(ranks: list[list[_Slot]]) -> None:
    for rank in ranks:
        for k in range(len(rank) - 1):
            a, b = rank[k], rank[k + 1]
            if sum(_crossed(x, y) - _crossed(y, x) for x, y in ((a.before, b.before), (a.after, b.after))) > 0:
                rank[k], rank[k + 1] = b, a
        _number(rank)


def _number(rank: list[_Slot]) -> None:
    for place, slot in enumerate(rank):
        slot.place = place


def _crossed(above: tuple[_Slot, ...], below: tuple[_Slot, ...]) -> int:
    return sum(a.place > b.place for a in above for b in below)


def _disorder(ranks: list[list[_Slot]]) -> tuple[int, int, int]:
    """What to have little of: crossings, then crossings on the way into a node (labels belong beside the node that
    they feed), then nodes above others that were named before them."""
    for rank in ranks:
        _number(rank)
    leaving, entering = (
        sum(_crossed(a.after, b.after) for rank in ranks[first::2] for a, b in combinations(rank, 2))
        for first in (0, 1)
    )
    swapped = sum(a.name > b.name >= 0 for rank in ranks[::2] for a, b in combinations(rank, 2))
    return leaving + entering, entering, swapped


def _settle(ranks: list[list[_Slot]]) -> None:
    """Give every slot its height on the page: the least weighted sum of the bends |y_a - y_b| of all lines, under
    the least distances on each rank. A linear program, so lines are straight wherever they can be."""
    slots = [slot for rank in ranks for slot in rank]
    number = {id(slot): k for k, slot in enumerate(slots)}
    links = [(number[id(slot)], number[id(other)]) for slot in slots for other in slot.after]
    pairs = [(number[id(a)], number[id(b)]) for rank in ranks for a, b in pairwise(rank)]
    n, m = len(slots), len(links)
    bends = sparse.lil_array((2 * m + len(pairs), n + m))
    bounds = np.zeros(2 * m + len(pairs))
    for row, (a, b) in enumerate(links):  # y_a - y_b <= bend and y_b - y_a <= bend
        for sign, at in ((1, 2 * row), (-1, 2 * row + 1)):
            bends[at, a], bends[at, b], bends[at, n + row] = sign, -sign, -1
    for row, (a, b) in enumerate(pairs, start=2 * m):  # y_a + distance <= y_b
        bends[row, a], bends[row, b] = 1, -1
        bounds[row] = -(slots[a].height + slots[b].height) / 2 - GAP
    cost = np.r_[np.zeros(n), [slots[a].pull(slots[b]) for a, b in links]]
    solved = linprog(cost, A_ub=bends.tocsr(), b_ub=bounds, bounds=[(0, None)] * (n + m), method="highs")
    for slot, y in zip(slots, solved.x, strict=False):
        slot.y = float(y)
    _centre_nodes(ranks)


def _centre_nodes(ranks: list[list[_Slot]]) -> None:
    """Move each node to the mean height of its lines, as far as the slots above and below leave room: the linear
    program does not mind where between them it sits."""
    for rank in ranks[::2]:
        for k, slot in enumerate(rank):
            if not slot.is_node or not (slot.before or slot.after):
                continue
            want = mean(other.y for other in (*slot.before, *slot.after))
            if k > 0:
                want = max(want, rank[k - 1].y + (rank[k - 1].height + slot.height) / 2 + GAP)
            if k + 1 < len(rank):
                want = min(want, rank[k + 1].y - (rank[k + 1].height + slot.height) / 2 - GAP)
            slot.y = want
