"""Edits that know what an operation, an input, a skip connection and a cell are: mutations and crossovers by name.

Each is a callable ``(space, architecture or two parents, rng) -> architecture``. Where there is nothing to change
(no skip connection to remove) the architecture comes back as it was. What does not fit a space is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.random import Generator

from .base import A, SearchSpace
from .cell import INPUTS, Cell, CellSpace, Genotype, Pair
from .micro import MICRO_OPS, MicroCell, MicroSpace

_SKIP, _NONE = "skip_connect", "none"


def change_operation(space: SearchSpace[A], arch: A, rng: Generator) -> A:
    """Another operation in one place."""
    ops, candidates = _operations(space, arch, "change an operation")
    place = int(rng.integers(len(ops)))
    return _with_operation(arch, place, _other(candidates, ops[place], rng))


def remove_skip(space: SearchSpace[A], arch: A, rng: Generator) -> A:
    """One skip connection less: ``none`` in its place, or, where the space has no ``none`` (a node of a DARTS cell
    always reads two), another operation."""
    ops, candidates = _operations(space, arch, "remove a skip connection")
    skips = [place for place, op in enumerate(ops) if op == _SKIP]
    if not skips:
        return arch
    place = skips[int(rng.integers(len(skips)))]
    return _with_operation(arch, place, _NONE if _NONE in candidates else _other(candidates, _SKIP, rng))


def rewire_input(space: SearchSpace[A], arch: A, rng: Generator) -> A:
    """One operation of a genotype reads another earlier node, which its node does not read yet. A micro cell has an
    edge between any two nodes, so there is nothing to rewire: refused."""
    if not isinstance(arch, Genotype):
        raise space.refuse("rewire an input")
    space.encode(arch)  # refuses what is not in this space
    pairs = _pairs(arch)
    unread = {  # pairs 2k and 2k + 1 belong to one node
        place: sorted(set(range(_node(arch, place))) - {source, pairs[place ^ 1][1]})
        for place, (_, source) in enumerate(pairs)
    }
    places = [place for place, sources in unread.items() if sources]
    if not places:
        return arch
    place = places[int(rng.integers(len(places)))]
    return _with_pair(arch, place, (pairs[place][0], unread[place][int(rng.integers(len(unread[place])))]))


def swap_cells(space: SearchSpace[A], a: A, b: A, rng: Generator) -> A:
    """The normal cell of the first parent and the reduction cell of the second."""
    if not isinstance(a, Genotype) or not isinstance(b, Genotype):
        raise space.refuse("take the normal cell from one parent and the reduction cell from the other")
    child: Any = Genotype(a.normal, b.reduce)
    space.encode(child)  # refuses what is not in this space
    return child


def _operations(space: SearchSpace[A], arch: A, what: str) -> tuple[tuple[str, ...], Sequence[str]]:
    """The operations of an architecture, and those its space offers."""
    if isinstance(arch, MicroCell) and isinstance(space, MicroSpace):
        return arch.ops, MICRO_OPS
    if isinstance(arch, Genotype) and isinstance(space, CellSpace) and len(space.ops) > 1:
        space.encode(arch)  # refuses what is not in this space
        return tuple(op for op, _ in _pairs(arch)), space.ops
    raise space.refuse(what)


def _other(candidates: Sequence[str], op: str, rng: Generator) -> str:
    others = [candidate for candidate in candidates if candidate != op]
    return others[int(rng.integers(len(others)))]


def _with_operation(arch: A, place: int, op: str) -> A:
    if isinstance(arch, MicroCell):
        changed: Any = MicroCell((*arch.ops[:place], op, *arch.ops[place + 1 :]))
        return changed
    assert isinstance(arch, Genotype)
    return _with_pair(arch, place, (op, _pairs(arch)[place][1]))


def _pairs(arch: Genotype) -> tuple[Pair, ...]:
    return arch.normal.pairs() + arch.reduce.pairs()


def _node(arch: Genotype, place: int) -> int:
    """The node that the pair at ``place`` feeds."""
    return INPUTS + (place // 2) % len(arch.normal.nodes)


def _with_pair(arch: Any, place: int, pair: Pair) -> Any:
    pairs = list(_pairs(arch))
    pairs[place] = pair
    half = len(arch.normal.pairs())
    normal, reduce = (
        Cell.from_pairs(pairs[:half], arch.normal.concat),
        Cell.from_pairs(pairs[half:], arch.reduce.concat),
    )
    return Genotype(normal, reduce)
