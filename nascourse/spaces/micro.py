"""The micro cell: four nodes, six edges, one of five operations on each edge.

The topology of NAS-Bench-201 (Dong & Yang 2020, section 2.1). Node 0 is the input, node 3 the output, and node j
is the sum over i < j of operation (i, j) applied to node i. 5^6 = 15,625 cells as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from ..errors import CourseError, bad_input
from .base import SearchSpace, checked_fields
from .graph import CellGraph, Edge, EdgeOptions, cell_of

MICRO_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
MICRO_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) of each edge, in the order in which a cell string names them."""

_EDGE = re.compile(r"\|([^|~]+)~(\d+)")
_FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"


def _check_op(op: object) -> str:
    if not isinstance(op, str) or op not in MICRO_OPS:
        raise bad_input(op, f"an operation out of {', '.join(MICRO_OPS)}", "check the spelling")
    return op


@dataclass(frozen=True, slots=True)
class MicroCell:
    """Six operations, one for each edge of `MICRO_EDGES`. Operations sit on edges."""

    kind: ClassVar[str] = "micro_cell"

    ops: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.ops, tuple) or len(self.ops) != len(MICRO_EDGES):
            raise bad_input(self.ops, "a tuple of six operations", "name one operation for each edge")
        for op in self.ops:
            _check_op(op)

    def __str__(self) -> str:
        groups = [
            "|".join(f"{op}~{i}" for (i, j), op in zip(MICRO_EDGES, self.ops, strict=True) if j == node)
            for node in (1, 2, 3)
        ]
        return "+".join(f"|{group}|" for group in groups)

    @classmethod
    def from_string(cls, text: str) -> MicroCell:
        """The cell that `str` wrote. Raises `CourseError` for an unknown operation or a malformed string."""
        found = _EDGE.findall(text) if isinstance(text, str) else []
        ops = tuple(op for op, _ in found)
        sources = [int(i) for _, i in found]
        if sources != [i for i, _ in MICRO_EDGES]:
            raise bad_input(text, f"a cell string of the form {_FORM}", "write one operation for each of the six edges")
        cell = cls(tuple(_check_op(op) for op in ops))
        if str(cell) != text:
            raise bad_input(text, f"a cell string of the form {_FORM}", f"write it as {cell}")
        return cell

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": 1, "ops": list(self.ops)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MicroCell:
        ops = checked_fields(data, cls.kind, 1, {"ops": list})["ops"]
        try:
            return cls(tuple(ops))
        except CourseError as error:
            raise CourseError(f"field 'ops': {error}") from None

    def edges(self) -> Iterator[Edge]:
        """(source, target, operation) of each edge, as written."""
        for (i, j), op in zip(MICRO_EDGES, self.ops, strict=True):
            yield Edge(i, j, op)

    def live_edges(self) -> tuple[Edge, ...]:
        """The edges that carry something from the input to the output: a network is built without the others."""
        return self.cells()[0].live_edges

    def cells(self) -> tuple[CellGraph, ...]:
        return (CellGraph("cell", "micro cell", ("input 0", "1", "2", "output 3"), tuple(self.edges()), (3,)),)

    def options(self, cell: str, edge: int) -> EdgeOptions:
        cell_of(self, cell).edge(edge)
        return EdgeOptions(MICRO_OPS)

    def with_edge(self, cell: str, edge: int, op: str | None = None, source: int | None = None) -> MicroCell:
        now = cell_of(self, cell).edge(edge)
        if source not in (None, now.source):
            raise bad_input(f"edge {now.source}→{now.target} of a micro cell", "another edge", "its wiring is fixed")
        return MicroCell((*self.ops[:edge], op or now.op, *self.ops[edge + 1 :]))


class MicroSpace(SearchSpace[MicroCell]):
    """All 5^6 = 15,625 micro cells; a decision is the operation of one edge."""

    name = "micro"
    size = len(MICRO_OPS) ** len(MICRO_EDGES)
    ops = MICRO_OPS
    architecture = MicroCell

    def choices(self, prefix: Sequence[int]) -> int:
        return len(MICRO_OPS) if len(prefix) < len(MICRO_EDGES) else 0

    def encode(self, arch: MicroCell) -> tuple[int, ...]:
        return tuple(MICRO_OPS.index(op) for op in arch.ops)

    def decode(self, decisions: Sequence[int]) -> MicroCell:
        if len(decisions) != len(MICRO_EDGES) or not all(0 <= d < len(MICRO_OPS) for d in decisions):
            raise bad_input(tuple(decisions), "six numbers in 0..4", "encode a MicroCell to see the form")
        return MicroCell(tuple(MICRO_OPS[d] for d in decisions))

    @classmethod
    def assemble(cls, kept: Mapping[str, Sequence[Edge]]) -> MicroCell:
        return MicroCell(tuple(op for _, _, op in kept["cell"]))

    def all_cells(self) -> Iterator[MicroCell]:
        """Every cell as written, in the order of `encode`."""
        return (MicroCell(ops) for ops in product(MICRO_OPS, repeat=len(MICRO_EDGES)))
