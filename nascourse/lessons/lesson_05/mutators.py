"""Mutations and crossovers that know what an operation, an input, a skip connection and a cell are.

Each is a callable ``(space, architecture or two parents, rng) -> architecture``. Where there is nothing to change
(no skip connection to remove) the architecture comes back as it was. What does not fit a space is refused by name.
"""

from __future__ import annotations

from typing import Any

from numpy.random import Generator

from ...spaces.base import C, SearchSpace, another
from ...spaces.cell import Genotype
from ...spaces.graph import NONE, Edge

_SKIP = "skip_connect"
Place = tuple[str, int, Edge]
"""A cell's name, the number of an edge in it, and the edge."""


def change_operation(space: SearchSpace[C], arch: C, rng: Generator) -> C:
    """Another operation in one place."""
    places = _places(space, arch, "change an operation")
    cell, k, edge = places[int(rng.integers(len(places)))]
    return arch.with_edge(cell, k, op=another(space.ops, edge.op, rng))


def remove_skip(space: SearchSpace[C], arch: C, rng: Generator) -> C:
    """One skip connection less: ``none`` in its place, or, where the space has no ``none`` (a node of a DARTS cell
    always reads two), another operation."""
    skips = [place for place in _places(space, arch, "remove a skip connection") if place[2].op == _SKIP]
    if not skips:
        return arch
    cell, k, _ = skips[int(rng.integers(len(skips)))]
    return arch.with_edge(cell, k, op=NONE if NONE in space.ops else another(space.ops, _SKIP, rng))


def rewire_input(space: SearchSpace[C], arch: C, rng: Generator) -> C:
    """One operation reads another earlier node, which its node does not read yet. Where the wiring is fixed, as in a
    micro cell, which has an edge between any two nodes, there is nothing to rewire: refused."""
    places = _places(space, arch, "rewire an input", ops=1)
    sources = [arch.options(cell, k).sources for cell, k, _ in places]
    if not any(sources):
        raise space.refuse("rewire an input")
    free = [place for place, offered in enumerate(sources) if len(offered) > 1]
    if not free:
        return arch
    place = free[int(rng.integers(len(free)))]
    cell, k, edge = places[place]
    return arch.with_edge(cell, k, source=another(sources[place], edge.source, rng))


def swap_cells(space: SearchSpace[C], a: C, b: C, rng: Generator) -> C:
    """The normal cell of the first parent and the reduction cell of the second."""
    if not isinstance(a, Genotype) or not isinstance(b, Genotype):
        raise space.refuse("take the normal cell from one parent and the reduction cell from the other")
    child: Any = Genotype(a.normal, b.reduce)
    space.encode(child)  # refuses what is not in this space
    return child


def _places(space: SearchSpace[C], arch: C, what: str, ops: int = 2) -> list[Place]:
    """Every edge, of a space with at least so many operations."""
    if len(space.ops) < ops or not isinstance(arch, space.architecture) or not hasattr(arch, "with_edge"):
        raise space.refuse(what)
    space.encode(arch)  # refuses what is not in this space
    return [(cell.name, k, edge) for cell in arch.cells() for k, edge in enumerate(cell.edges)]
