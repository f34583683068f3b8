"""From α to an architecture: the rule of DARTS on genotypes, the argmax of each edge on micro cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from ...errors import bad_input
from ...spaces.cell import Cell, Genotype, Pair
from ...spaces.micro import MicroCell
from .relax import argmax_operations, strongest_edges


class Choices(Protocol):
    """What α stands for: a supernet and a recorded search both say so.

    kinds: of cells, ("normal", "reduce") or ("cell",); ops: the operations, in the order of α's columns;
    edges: (source, target), in the order of α's rows.
    """

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def ops(self) -> tuple[str, ...]: ...

    @property
    def edges(self) -> tuple[tuple[int, int], ...]: ...


def derive(choices: Choices, alphas: Mapping[str, Tensor]) -> Genotype | MicroCell:
    """The architecture that α stands for. alphas: kind -> (edges, operations).

    A genotype by the rule of DARTS (Liu et al. 2019, section 2.4): softmax over each edge, an edge as strong as its
    best operation other than ``none``, the two strongest edges of each node. A micro cell by the strongest operation
    of each edge, ``none`` among them. Raises `CourseError` for α of another shape.
    """
    for kind in choices.kinds:
        found, expected = tuple(alphas[kind].shape), (len(choices.edges), len(choices.ops))
        if found != expected:
            raise bad_input(f"α of shape {found}", f"shape (edges, operations) = {expected}", "pass α of this supernet")
    if choices.kinds == ("cell",):
        return MicroCell(tuple(choices.ops[o] for o in argmax_operations(alphas["cell"])))
    return Genotype(_cell(choices, alphas["normal"].detach()), _cell(choices, alphas["reduce"].detach()))


def _cell(choices: Choices, alphas: Tensor) -> Cell:
    none = choices.ops.index("none") if "none" in choices.ops else None
    targets = sorted({target for _, target in choices.edges})
    nodes: list[tuple[Pair, Pair]] = []
    for node in targets:
        rows = [row for row, (_, target) in enumerate(choices.edges) if target == node]
        first, second = (
            (choices.ops[o], choices.edges[rows[edge]][0]) for edge, o in strongest_edges(alphas[rows], 2, none)
        )
        nodes.append((first, second))
    return Cell(tuple(nodes), tuple(targets))
