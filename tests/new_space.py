"""A search space of a new kind in one file: trees, each node of which reads one earlier node through one operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from nascourse.networks import GraphModule, builds, part
from nascourse.spaces import CellGraph, Edge, EdgeOptions, SearchSpace, cell_of, checked_fields

OPS = ("skip_connect", "max_pool_3x3", "sep_conv_3x3")


@dataclass(frozen=True)
class Tree:
    kind: ClassVar[str] = "tree"
    nodes: tuple[tuple[int, str], ...]  # what each of three nodes reads, and by which operation

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": 1, "nodes": [list(node) for node in self.nodes]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tree:
        return cls(tuple((source, op) for source, op in checked_fields(data, cls.kind, 1, {"nodes": list})["nodes"]))

    def cells(self) -> tuple[CellGraph, ...]:
        edges = tuple(Edge(source, node, op) for node, (source, op) in enumerate(self.nodes, start=1))
        return (CellGraph("tree", "tree", ("root", "1", "2", "leaf"), edges, outputs=(3,)),)

    def options(self, cell: str, edge: int) -> EdgeOptions:
        return EdgeOptions(OPS, tuple(range(cell_of(self, cell).edge(edge).target)))

    def with_edge(self, cell: str, edge: int, op: str | None = None, source: int | None = None) -> Tree:
        now = cell_of(self, cell).edge(edge)
        node = (now.source if source is None else source, op or now.op)
        return Tree((*self.nodes[:edge], node, *self.nodes[edge + 1 :]))


class TreeSpace(SearchSpace[Tree]):
    name, architecture, ops, size, together = "tree", Tree, OPS, 1 * 2 * 3 * 3**3, 2

    def choices(self, prefix: Sequence[int]) -> int:
        return 0 if len(prefix) == 6 else len(OPS) if len(prefix) % 2 else 1 + len(prefix) // 2

    def encode(self, arch: Tree) -> tuple[int, ...]:
        return tuple(decision for source, op in arch.nodes for decision in (source, OPS.index(op)))

    def decode(self, decisions: Sequence[int]) -> Tree:
        return Tree(tuple((source, OPS[op]) for source, op in zip(decisions[::2], decisions[1::2], strict=True)))


@builds(Tree)
class TreeNetwork(nn.Sequential):
    def __init__(self, tree: Tree, channels: int = 4, in_channels: int = 3, classes: int = 10) -> None:
        stem, cell = nn.Conv2d(in_channels, channels, 3), GraphModule(tree.cells()[0], channels)
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        super().__init__(part("stem", stem), part("tree", cell), part("head", head))
