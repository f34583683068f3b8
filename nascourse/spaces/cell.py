"""The cell-based space: a normal and a reduction cell, stacked. Operations sit on edges.

The cell of DARTS (Liu, Simonyan & Yang 2019, sections 2.1 and 3.1). Nodes 0 and 1 are the outputs of the two cells
before; every intermediate node is the sum of two operations, each applied to an earlier node; the cell's output is
the concatenation of some intermediate nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import comb, prod
from typing import Any, ClassVar

from numpy.random import Generator

from ..errors import CourseError, bad_input
from .base import SearchSpace, another, checked_fields
from .graph import CellGraph, Edge, EdgeOptions, cell_of

CELL_OPS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The seven operations of DARTS; its relaxation has ``none`` as an eighth."""

GENOTYPE_OPS = (*CELL_OPS, "none", "sep_conv_7x7", "conv_7x1_1x7", "nor_conv_1x1", "nor_conv_3x3")
"""What a genotype may name: the seven, and what other published cells use."""

INPUTS = 2
"""Nodes 0 and 1 are a cell's inputs; the first intermediate node is node 2."""

Pair = tuple[str, int]
"""An operation and the node it is applied to."""


@dataclass(frozen=True, slots=True)
class Cell:
    """nodes: the two (operation, input) pairs of nodes 2, 3, ...; concat: the nodes whose concatenation is the output.

    The order of a node's two pairs, and of ``concat``, does not change what a cell can compute, so both are kept
    sorted (pairs by input, then by operation): cells that differ in the order only are equal.
    """

    nodes: tuple[tuple[Pair, Pair], ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.nodes:
            raise bad_input(self.nodes, "a cell with at least one intermediate node", "give two pairs for each node")
        for node, pairs in enumerate(self.nodes, start=INPUTS):
            if len(pairs) != 2:
                raise bad_input(pairs, f"two (operation, input) pairs for node {node}", "give both of its pairs")
            for op, source in pairs:
                if op not in GENOTYPE_OPS:
                    raise bad_input(op, f"an operation out of {', '.join(GENOTYPE_OPS)}", "check the spelling")
                if source not in range(node):
                    raise bad_input(source, f"an input of node {node} in 0..{node - 1}", "let it read an earlier node")
        last = len(self.nodes) + INPUTS - 1
        concat = tuple(sorted(set(self.concat)))
        if not concat or len(concat) != len(self.concat) or concat[0] < INPUTS or concat[-1] > last:
            raise bad_input(self.concat, f"a concatenation of different nodes in 2..{last}", "name each node once")
        nodes = tuple(tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0]))) for pairs in self.nodes)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "concat", concat)

    @classmethod
    def from_pairs(cls, pairs: Sequence[Pair], concat: Sequence[int]) -> Cell:
        """The cell of a flat list, two (operation, input) pairs for each node in turn: DARTS' form."""
        if len(pairs) % 2:
            raise bad_input(f"{len(pairs)} pairs", "an even number of pairs, two for each node", "add or drop one")
        flat = [(op, source) for op, source in pairs]
        return cls(tuple(zip(flat[::2], flat[1::2], strict=True)), tuple(concat))

    def pairs(self) -> tuple[Pair, ...]:
        """DARTS' flat list of (operation, input)."""
        return tuple(pair for pairs in self.nodes for pair in pairs)

    def edges(self) -> Iterator[Edge]:
        """(source, target, operation) of each edge, two for each intermediate node. Node 2 is the first target."""
        for node, pairs in enumerate(self.nodes, start=INPUTS):
            for op, source in pairs:
                yield Edge(source, node, op)

    def graph(self, name: str, title: str) -> CellGraph:
        labels = ("cₖ₋₂", "cₖ₋₁", *(str(INPUTS + k) for k in range(len(self.nodes))))
        spoken = ("input k−2", "input k−1")
        return CellGraph(name, title, labels, tuple(self.edges()), self.concat, INPUTS, True, spoken)

    def cells(self) -> tuple[CellGraph, ...]:
        return (self.graph("cell", "cell"),)


@dataclass(frozen=True, slots=True)
class Genotype:
    """A normal cell and a reduction cell, which halves height and width. The two need not have as many nodes."""

    kind: ClassVar[str] = "genotype"

    normal: Cell
    reduce: Cell

    @classmethod
    def from_pairs(
        cls, normal: Sequence[Pair], normal_concat: Sequence[int], reduce: Sequence[Pair], reduce_concat: Sequence[int]
    ) -> Genotype:
        """The genotype of DARTS' four lists. Raises `CourseError` for an unknown operation or input."""
        return cls(Cell.from_pairs(normal, normal_concat), Cell.from_pairs(reduce, reduce_concat))

    def cells(self) -> tuple[CellGraph, ...]:
        return self.normal.graph("normal", "normal cell"), self.reduce.graph("reduce", "reduction cell")

    def options(self, cell: str, edge: int) -> EdgeOptions:
        """The seven operations; from another one, one comes to them. Earlier nodes that the edge's node does not read
        by its other edge."""
        graph = cell_of(self, cell)
        source, target, op = graph.edge(edge)
        other = graph.edges[edge ^ 1].source
        ops = CELL_OPS if op in CELL_OPS else (*CELL_OPS, op)
        return EdgeOptions(ops, tuple(node for node in range(target) if node == source or node != other))

    def with_edge(self, cell: str, edge: int, op: str | None = None, source: int | None = None) -> Genotype:
        now = cell_of(self, cell).edge(edge)
        part: Cell = getattr(self, cell)
        pairs = list(part.pairs())
        pairs[edge] = (op or now.op, now.source if source is None else source)
        return replace(self, **{cell: Cell.from_pairs(pairs, part.concat)})

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": 1} | {
            key: value
            for name, cell in (("normal", self.normal), ("reduce", self.reduce))
            for key, value in ((name, [list(p) for p in cell.pairs()]), (f"{name}_concat", list(cell.concat)))
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Genotype:
        names = ("normal", "normal_concat", "reduce", "reduce_concat")
        fields = checked_fields(data, cls.kind, 1, dict.fromkeys(names, list))
        return cls(
            _cell_from_json("normal", fields["normal"], fields["normal_concat"]),
            _cell_from_json("reduce", fields["reduce"], fields["reduce_concat"]),
        )


def _cell_from_json(name: str, pairs: list[Any], concat: list[Any]) -> Cell:
    for pair in pairs:
        if not isinstance(pair, list) or [type(part) for part in pair] != [str, int]:
            raise bad_input(
                f"{name}={pair!r}", f"field {name!r} of pairs [operation, input]", f"repair {name!r} in the JSON"
            )
    if any(type(node) is not int for node in concat):
        raise bad_input(
            f"{name}_concat={concat!r}", f"field '{name}_concat' of node numbers", f"repair '{name}_concat' in the JSON"
        )
    try:
        return Cell.from_pairs([(op, source) for op, source in pairs], concat)
    except CourseError as error:
        raise CourseError(f"field {name!r} or '{name}_concat': {error}") from None


class CellSpace(SearchSpace[Genotype]):
    """All genotypes whose nodes each have two different inputs and whose output is all intermediate nodes.

    Three decisions a node: its unordered pair of inputs (node k has C(k, 2)), the operation on the earlier of the
    two, the operation on the later. With four nodes and seven operations 180 * 49^4 = 1,037,664,180 cells of each
    type, squared for the two. Every decision has as many options whatever was decided before, so sampling is uniform.
    """

    name = "cell"
    architecture = Genotype
    together = 3
    """A child takes a node with both of its pairs: it reads earlier nodes by number, so it is valid beside any."""
    inputs_kept = 2

    def __init__(self, nodes: int = 4, ops: Sequence[str] = CELL_OPS) -> None:
        if nodes < 1:
            raise bad_input(nodes, "at least one intermediate node", "ask for a larger cell")
        if not ops or len(set(ops)) != len(ops) or not set(ops) <= set(GENOTYPE_OPS):
            raise bad_input(tuple(ops), f"different operations out of {', '.join(GENOTYPE_OPS)}", "mend the list")
        self.nodes = nodes
        self.ops = tuple(ops)
        self.sources = tuple(tuple(combinations(range(k), 2)) for k in range(INPUTS, INPUTS + nodes))
        self.cell_size = prod(comb(k, 2) * len(ops) ** 2 for k in range(INPUTS, INPUTS + nodes))
        self.size = self.cell_size**2

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "nodes": self.nodes, "ops": list(self.ops)}

    def choices(self, prefix: Sequence[int]) -> int:
        if len(prefix) >= 6 * self.nodes:
            return 0
        node, part = divmod(len(prefix) % (3 * self.nodes), 3)
        return len(self.sources[node]) if part == 0 else len(self.ops)

    def encode(self, arch: Genotype) -> tuple[int, ...]:
        """Raises `CourseError` for a genotype that is not in this space (as NASNet-A, which reads a node twice)."""
        decisions: list[int] = []
        for cell in (arch.normal, arch.reduce):
            if len(cell.nodes) != self.nodes or cell.concat != tuple(range(INPUTS, INPUTS + self.nodes)):
                raise bad_input(cell, f"a cell of {self.nodes} nodes, all concatenated", "use the space it came from")
            for sources, ((op_a, a), (op_b, b)) in zip(self.sources, cell.nodes, strict=True):
                if a == b or op_a not in self.ops or op_b not in self.ops:
                    raise bad_input(
                        ((op_a, a), (op_b, b)),
                        f"two different inputs and operations out of {self.ops}",
                        "mend the cell",
                    )
                decisions += [sources.index((a, b)), self.ops.index(op_a), self.ops.index(op_b)]
        return tuple(decisions)

    def decode(self, decisions: Sequence[int]) -> Genotype:
        if len(decisions) != 6 * self.nodes or not all(
            0 <= d < self.choices(decisions[:place]) for place, d in enumerate(decisions)
        ):
            raise bad_input(
                tuple(decisions),
                f"{6 * self.nodes} numbers, each below its choices",
                "encode a Genotype to see the form",
            )
        half = 3 * self.nodes
        return Genotype(self._cell(decisions[:half]), self._cell(decisions[half:]))

    def _cell(self, decisions: Sequence[int]) -> Cell:
        nodes: list[tuple[Pair, Pair]] = []
        for sources, place in zip(self.sources, range(0, len(decisions), 3), strict=True):
            pair, op_a, op_b = decisions[place : place + 3]
            a, b = sources[pair]
            nodes.append(((self.ops[op_a], a), (self.ops[op_b], b)))
        return Cell(tuple(nodes), tuple(range(INPUTS, INPUTS + self.nodes)))

    def mutate(self, arch: Genotype, rng: Generator) -> Genotype:
        """Change one operation, or rewire one input to another node that the node does not read yet, with equal
        chances (Real et al. 2019, section 3.2). Node 2 can only read nodes 0 and 1, so its inputs stay."""
        self.encode(arch)  # refuses what is not in this space
        can = ["op"] * (len(self.ops) > 1) + ["input"] * (self.nodes > 1)
        if not can:
            raise self.refuse("mutate")
        what = can[int(rng.integers(len(can)))]
        cell = arch.cells()[int(rng.integers(2))]
        node = int(rng.integers(0 if what == "op" else 1, self.nodes))
        place = 2 * node + int(rng.integers(2))
        source, _, op = cell.edges[place]
        if what == "op":
            return arch.with_edge(cell.name, place, op=another(self.ops, op, rng))
        return arch.with_edge(cell.name, place, source=another(arch.options(cell.name, place).sources, source, rng))

    @classmethod
    def assemble(cls, kept: Mapping[str, Sequence[Edge]]) -> Genotype:
        def cell(edges: Sequence[Edge]) -> Cell:
            return Cell.from_pairs([(op, source) for source, _, op in edges], sorted({edge.target for edge in edges}))

        return Genotype(cell(kept["normal"]), cell(kept["reduce"]))

    def all_cells(self) -> Iterator[Cell]:
        """Every cell as written, in the order of `encode`: for small spaces."""
        options = [self.choices((0,) * place) for place in range(3 * self.nodes)]
        return (self._cell(decisions) for decisions in product(*map(range, options)))
