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

from numpy.random import Generator

from ..errors import bad_input
from .base import SearchSpace, checked_fields

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
        if len(ops) != len(MICRO_EDGES):
            raise bad_input(f"ops of length {len(ops)}", "field 'ops' with six operations", "repair 'ops' in the JSON")
        if wrong := [op for op in ops if op not in MICRO_OPS]:
            raise bad_input(
                f"ops with {wrong[0]!r}", f"field 'ops' out of {', '.join(MICRO_OPS)}", "repair 'ops' in the JSON"
            )
        return cls(tuple(ops))

    def edges(self) -> Iterator[tuple[int, int, str]]:
        """(source, target, operation) of each edge, as written."""
        for (i, j), op in zip(MICRO_EDGES, self.ops, strict=True):
            yield i, j, op

    def live_edges(self) -> tuple[tuple[int, int, str], ...]:
        """The edges that carry something from the input to the output: what comes from nothing or reaches nothing
        is dead, and a network is built without it."""
        from_input, to_output = {0}, {3}
        for i, j, op in self.edges():
            if op != "none" and i in from_input:
                from_input.add(j)
        for i, j, op in reversed(tuple(self.edges())):
            if op != "none" and j in to_output:
                to_output.add(i)
        return tuple((i, j, op) for i, j, op in self.edges() if op != "none" and i in from_input and j in to_output)


class MicroSpace(SearchSpace[MicroCell]):
    """All 5^6 = 15,625 micro cells; a decision is the operation of one edge."""

    name = "micro"
    size = len(MICRO_OPS) ** len(MICRO_EDGES)

    def choices(self, prefix: Sequence[int]) -> int:
        return len(MICRO_OPS) if len(prefix) < len(MICRO_EDGES) else 0

    def encode(self, arch: MicroCell) -> tuple[int, ...]:
        return tuple(MICRO_OPS.index(op) for op in arch.ops)

    def decode(self, decisions: Sequence[int]) -> MicroCell:
        if len(decisions) != len(MICRO_EDGES) or not all(0 <= d < len(MICRO_OPS) for d in decisions):
            raise bad_input(tuple(decisions), "six numbers in 0..4", "encode a MicroCell to see the form")
        return MicroCell(tuple(MICRO_OPS[d] for d in decisions))

    def mutate(self, arch: MicroCell, rng: Generator) -> MicroCell:
        edge = int(rng.integers(len(MICRO_EDGES)))
        others = [op for op in MICRO_OPS if op != arch.ops[edge]]
        return MicroCell((*arch.ops[:edge], others[int(rng.integers(len(others)))], *arch.ops[edge + 1 :]))

    def crossover(self, a: MicroCell, b: MicroCell, rng: Generator) -> MicroCell:
        from_b = set(rng.permutation(len(MICRO_EDGES))[: len(MICRO_EDGES) // 2].tolist())
        return MicroCell(tuple(b.ops[e] if e in from_b else a.ops[e] for e in range(len(MICRO_EDGES))))

    def canonical(self, cell: MicroCell) -> MicroCell:
        """The first cell, in the order of `all_cells`, that computes the same function (see `spaces.canonical`)."""
        from .functions import canonical

        return canonical(cell)

    def all_cells(self) -> Iterator[MicroCell]:
        """Every cell as written, in the order of `encode`."""
        return (MicroCell(ops) for ops in product(MICRO_OPS, repeat=len(MICRO_EDGES)))
