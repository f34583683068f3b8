"""From α to an architecture: the strongest edges of each node, each with its strongest operation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Protocol

from torch import Tensor

from ...errors import bad_input
from ...spaces import SPACES
from ...spaces.base import CellArchitecture
from ...spaces.graph import NONE, Edge


class Choices(Protocol):
    """What α stands for: a supernet and a recorded search both say so.

    space: the name of the search space; kinds: of cells, ("normal", "reduce") or ("cell",); ops: the operations, in the
    order of α's columns; edges: (source, target), in the order of α's rows, those of a node together.
    """

    @property
    def space(self) -> str: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def ops(self) -> tuple[str, ...]: ...

    @property
    def edges(self) -> tuple[tuple[int, int], ...]: ...


def argmax_operations(alphas: Tensor) -> tuple[int, ...]:
    """The strongest operation of each edge. alphas: (edges, operations)."""
    return tuple(int(o) for o in alphas.argmax(1))


def strongest_edges(alphas: Tensor, k: int = 2, none: int | None = None) -> list[tuple[int, int]]:
    """What DARTS keeps at one node: the ``k`` strongest of its incoming edges, each as (edge, operation), in the order
    of edges. An edge is as strong as its best operation other than ``none`` is after softmax over the edge.

    alphas: (edges, operations), a row for each incoming edge.
    """
    weights = alphas.softmax(1)  # before anything is compared between edges: raw α of two edges share no scale
    if none is not None:
        weights[:, none] = -1.0
    strength, operation = weights.max(1)
    kept = strength.sort(descending=True, stable=True).indices[:k]
    return [(int(edge), int(operation[edge])) for edge in sorted(kept.tolist())]


def derive(choices: Choices, alphas: Mapping[str, Tensor]) -> CellArchitecture:
    """The architecture that α stands for. alphas: kind -> (edges, operations).

    Where the space keeps some edges of each node (two in a genotype), by the rule of DARTS (Liu et al. 2019, section
    2.4): softmax over each edge, an edge as strong as its best operation other than ``none``, the strongest edges of
    each node. Where it keeps all, as a micro cell does, by the strongest operation of each edge, ``none`` among them.
    Raises `CourseError` for α of another shape and for a space that is not defined.
    """
    if choices.space not in SPACES:
        raise bad_input(choices.space, f"a space out of {', '.join(SPACES)}", "import the module that defines it")
    space = SPACES[choices.space]
    kept: dict[str, list[Edge]] = {}
    for kind in choices.kinds:
        found, expected = tuple(alphas[kind].shape), (len(choices.edges), len(choices.ops))
        if found != expected:
            raise bad_input(f"α of shape {found}", f"shape (edges, operations) = {expected}", "pass α of this supernet")
        rows = _kept(choices, alphas[kind].detach(), space.inputs_kept)
        kept[kind] = [Edge(*choices.edges[row], choices.ops[op]) for row, op in rows]
    arch: Any = space.assemble(kept)
    return arch


def _kept(choices: Choices, alphas: Tensor, inputs: int | None) -> list[tuple[int, int]]:
    """(edge, operation) of what is kept."""
    if inputs is None:
        return list(enumerate(argmax_operations(alphas)))
    none = choices.ops.index(NONE) if NONE in choices.ops else None
    kept = []
    for _, same in groupby(range(len(choices.edges)), key=lambda row: choices.edges[row][1]):
        rows = list(same)
        kept += [(rows[edge], op) for edge, op in strongest_edges(alphas[rows], inputs, none)]
    return kept
