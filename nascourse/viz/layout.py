"""Where the nodes and edges of a directed acyclic graph go: layers from left to right, nothing overlapping.

Sugiyama's scheme (Sugiyama, Tagawa & Toda 1981) with room for labels: nodes sit on the even ranks, and every edge
has a slot of its own on each rank that it passes, one of them tall and wide enough for its label. Inside a rank's
width all lines are level, and they bend between ranks only, so no line crosses a label or a node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from statistics import fmean as mean

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ..errors import bad_input
from .items import Point

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


Level = tuple[float, float, float]
"""A level piece of a line: left, right, y."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of nodes and labels, and the level pieces of each strand, from left to right."""

    width: float
    height: float
    nodes: tuple[Point, ...]
    labels: tuple[Point, ...]
    levels: tuple[tuple[Level, ...], ...]


def longest_path_layers(count: int, edges: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """For each node the number of edges on the longest path that ends in it. Raises `CourseError` on a cycle."""
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    try:
        generations = [*nx.topological_generations(graph)]
    except nx.NetworkXUnfeasible:
        raise bad_input([*graph.edges], "edges without a cycle", "remove an edge of the cycle") from None
    layers = {node: layer for layer, generation in enumerate(generations) for node in generation}
    return tuple(layers[node] for node in range(count))


@lru_cache(maxsize=256)
def layered_layout(sizes: tuple[tuple[float, float], ...], strands: tuple[Strand, ...]) -> Layout:
    """Lay out nodes of ``sizes`` (width, height) joined by ``strands``. The same input gives the same picture."""
    count = len(sizes)
    layers = longest_path_layers(count, ((strand.source, strand.target) for strand in strands))
    passed = [range(2 * layers[strand.source] + 1, 2 * layers[strand.target]) for strand in strands]
    label_ranks = _label_ranks(strands, passed)
    links, boxes = nx.DiGraph(), list(sizes)
    links.add_nodes_from(range(count))
    paths, labels = [], []
    for strand, ranks_passed, label_rank in zip(strands, passed, label_ranks, strict=True):
        path = range(len(boxes), len(boxes) + len(ranks_passed))
        nx.add_path(links, [strand.source, *path, strand.target])
        boxes += [(0.0, strand.thickness)] * len(path)
        labels.append(path[ranks_passed.index(label_rank)])
        boxes[labels[-1]] = (strand.label[0], max(strand.thickness, strand.label[1]))
        paths.append(path)
    before, after = nx.to_dict_of_lists(links.reverse(copy=False)), nx.to_dict_of_lists(links)
    ranks = _ordered([sorted(rank) for rank in nx.topological_generations(links)], before, after, count)
    heights = [height for _, height in boxes]
    y = _levels(ranks, before, after, heights, count)
    top = min(at - height / 2 for at, height in zip(y, heights, strict=True))
    bottom = max(at + height / 2 for at, height in zip(y, heights, strict=True))
    spans: dict[int, tuple[float, float]] = {}
    x = 0.0
    for rank in ranks:
        width = max(boxes[slot][0] for slot in rank)
        spans |= dict.fromkeys(rank, (x, x + width))
        x += width + BEND
    middles = [(sum(spans[slot]) / 2, y[slot] - top) for slot in range(len(boxes))]
    return Layout(
        width=x - BEND,
        height=bottom - top,
        nodes=tuple(middles[:count]),
        labels=tuple(middles[label] for label in labels),
        levels=tuple(tuple((*spans[slot], y[slot] - top) for slot in path) for path in paths),
    )


def _label_ranks(strands: Sequence[Strand], passed: Sequence[range]) -> list[int]:
    """The odd rank that carries each strand's label, of those it passes: short strands first, each where the fewest
    labels are yet, then nearest to its middle."""
    taken: Counter[int] = Counter()
    found = [0] * len(strands)
    for k in sorted(range(len(strands)), key=lambda k: len(passed[k])):
        middle = (passed[k][0] + passed[k][-1]) / 2
        found[k] = min(passed[k][::2], key=lambda rank: (taken[rank], abs(rank - middle), rank))
        taken[found[k]] += strands[k].label[1] > 0
    return found


Ranks = list[list[int]]
"""What takes room on each rank, from top to bottom: nodes are the slots 0..count-1, strands that pass the others."""
Near = Mapping[int, Sequence[int]]
"""For each slot those it is linked with on the rank before, or after."""


def _ordered(ranks: Ranks, before: Near, after: Near, count: int) -> Ranks:
    """Each rank in an order in which lines cross little: by the mean place of a slot's neighbours, up and down, then by
    trading neighbours, from a few fixed starts."""
    shuffle = np.random.default_rng(0)
    best, least = [[*rank] for rank in ranks], _disorder(ranks, after, count)
    for start in range(_STARTS):
        if start:
            ranks = [[rank[k] for k in shuffle.permutation(len(rank))] for rank in ranks]
        for sweep in range(_SWEEPS):
            _sort_by_means(*((ranks, before) if sweep % 2 == 0 else (ranks[::-1], after)))
            _trade_neighbours(ranks, (before, after))
            if (disorder := _disorder(ranks, after, count)) < least:
                best, least = [[*rank] for rank in ranks], disorder
    mirrored = [rank[::-1] for rank in best]
    return mirrored if _disorder(mirrored, after, count) < least else best


def _sort_by_means(ranks: Ranks, near: Near) -> None:
    place = _places(ranks)
    for rank in ranks:
        rank.sort(key=lambda slot: mean(place[other] for other in near[slot]) if near[slot] else place[slot])
        place |= _places([rank])


def _trade_neighbours(ranks: Ranks, sides: Sequence[Near]) -> None:
    place = _places(ranks)
    for rank in ranks:
        for k in range(len(rank) - 1):
            a, b = rank[k], rank[k + 1]
            if sum(_crossings(near, place, a, b) - _crossings(near, place, b, a) for near in sides) > 0:
                rank[k], rank[k + 1] = b, a
        place |= _places([rank])


def _places(ranks: Ranks) -> dict[int, int]:
    return {slot: place for rank in ranks for place, slot in enumerate(rank)}


def _crossings(near: Near, place: Mapping[int, int], above: int, below: int) -> int:
    return sum(place[a] > place[b] for a in near[above] for b in near[below])


def _disorder(ranks: Ranks, after: Near, count: int) -> tuple[int, int, int]:
    """What to have little of: crossings, then crossings on the way into a node (labels belong beside the node that
    they feed), then nodes above others that were named before them."""
    place = _places(ranks)
    leaving, entering = (
        sum(_crossings(after, place, a, b) for rank in ranks[first::2] for a, b in combinations(rank, 2))
        for first in (0, 1)
    )
    swapped = sum(count > a > b for rank in ranks[::2] for a, b in combinations(rank, 2))
    return leaving + entering, entering, swapped


def _levels(ranks: Ranks, before: Near, after: Near, heights: Sequence[float], count: int) -> list[float]:
    """Where each slot is between top and bottom: the least weighted sum of the bends |y_a - y_b| of all lines, under
    the least distances on each rank. A linear program, so lines are straight wherever they can be."""
    slots = [slot for rank in ranks for slot in rank]
    edges = [(a, b) for a in slots for b in after[a]]
    # a long edge is kept straight first of all, then nodes are drawn to their edges
    pulls = [1.0 if min(edge) < count else 8.0 for edge in edges]
    pairs = [pair for rank in ranks for pair in pairwise(rank)]
    apart = [(heights[a] + heights[b]) / 2 + GAP for a, b in pairs]
    differences, distances = (
        nx.incidence_matrix(nx.DiGraph(some), slots, some, oriented=True).T for some in (edges, pairs)
    )
    bends = sparse.eye_array(len(edges))
    solved = linprog(
        np.r_[np.zeros(len(slots)), pulls],
        A_ub=sparse.block_array([[differences, -bends], [-differences, -bends], [-distances, None]]),
        b_ub=np.r_[np.zeros(2 * len(edges)), np.negative(apart)],
        method="highs",
    )
    y = dict(zip(slots, solved.x.tolist(), strict=False))
    for rank in ranks[::2]:
        _centre_nodes(rank, y, before, after, heights, count)
    return [y[slot] for slot in range(len(slots))]


def _centre_nodes(
    rank: Sequence[int], y: dict[int, float], before: Near, after: Near, heights: Sequence[float], count: int
) -> None:
    """Move each node to the mean height of its lines, as far as the slots above and below leave room: the linear
    program does not mind where between them it sits."""
    for above, slot, below in zip([None, *rank], rank, [*rank[1:], None], strict=False):
        near = [*before[slot], *after[slot]]
        if slot >= count or not near:
            continue
        want = mean(y[other] for other in near)
        if above is not None:
            want = max(want, y[above] + (heights[above] + heights[slot]) / 2 + GAP)
        if below is not None:
            want = min(want, y[below] - (heights[below] + heights[slot]) / 2 - GAP)
        y[slot] = want
