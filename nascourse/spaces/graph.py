"""A cell as a graph: what an architecture answers to whoever draws, edits, builds or derives it.

Operations sit on edges, and a node is the sum of what its edges bring. An architecture that is made of cells has three
methods: ``cells()``, ``options(cell, edge)`` and ``with_edge(cell, edge, op, source)`` (`base.CellArchitecture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from ..errors import bad_input

NONE = "none"
"""The operation that carries nothing."""


class Edge(NamedTuple):
    """An operation between two nodes; a node is a number."""

    source: int
    target: int
    op: str

    def __repr__(self) -> str:
        return repr(tuple(self))


class EdgeOptions(NamedTuple):
    """What an edge may become, what it is now among it. sources: the nodes that it may read, none where the wiring is
    fixed."""

    ops: tuple[str, ...]
    sources: tuple[int, ...] = ()


@dataclass(frozen=True)
class CellGraph:
    """One cell of an architecture. Raises `CourseError` for an edge that does not lead to a later node.

    name: what the architecture calls it; title: the same in words; labels: of each node, the inputs first;
    edges: in the architecture's own order; outputs: the node that is the output, or, with ``concat``, those whose
    concatenation is; inputs: how many nodes are given; spoken: the inputs in words, where their numbers say too little.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[int, ...]
    inputs: int = 1
    concat: bool = False
    spoken: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for source, target, _ in self.edges:
            if not 0 <= source < target < len(self.labels) or target < self.inputs:
                raise bad_input(f"edge {source}→{target}", "an edge to a later node that is no input", "number them so")

    def cells(self) -> tuple[CellGraph, ...]:
        return (self,)

    def edge(self, k: int) -> Edge:
        """Raises `CourseError` for an edge that is not there."""
        if k not in range(len(self.edges)):
            raise bad_input(k, f"an edge in 0..{len(self.edges) - 1}", "count the cell's edges from 0")
        return self.edges[k]

    def words(self, node: int) -> str:
        """The node in words."""
        return self.spoken[node] if node < len(self.spoken) else f"node {node}"

    @cached_property
    def live_nodes(self) -> frozenset[int]:
        """The nodes that carry something from an input to the output; the inputs always count as alive."""
        reached, used = set(range(self.inputs)), set(self.outputs)
        for source, target, op in sorted(self.edges):  # what leads to a node comes before what leaves it
            if op != NONE and source in reached:
                reached.add(target)
        for target, source, op in sorted(((t, s, op) for s, t, op in self.edges), reverse=True):
            if op != NONE and target in used:
                used.add(source)
        return frozenset(range(self.inputs)) | (reached & used)

    @cached_property
    def live_edges(self) -> tuple[Edge, ...]:
        """The edges that carry something from an input to the output: what comes from nothing or reaches nothing is
        dead."""
        alive = self.live_nodes
        return tuple(e for e in self.edges if e.op != NONE and e.source in alive and e.target in alive)


class HasCells(Protocol):
    """An architecture made of cells, or one cell of it."""

    def cells(self) -> tuple[CellGraph, ...]: ...


def cells_of(arch: Any) -> tuple[CellGraph, ...]:
    """The cells of an architecture. Raises `CourseError` for one that is not made of cells."""
    if not hasattr(arch, "cells"):
        raise bad_input(arch, "an architecture of cells, as a MicroCell or a Genotype is", "give it a method cells()")
    cells: tuple[CellGraph, ...] = arch.cells()
    return cells


def cell_of(arch: HasCells, name: str) -> CellGraph:
    """The cell called ``name``. Raises `CourseError` where the architecture has none."""
    cells = {cell.name: cell for cell in arch.cells()}
    if name not in cells:
        raise bad_input(name, f"a cell out of {', '.join(cells)}", "check the spelling")
    return cells[name]
