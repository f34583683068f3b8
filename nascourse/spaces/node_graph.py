"""Operations on edges or on nodes: the same cell in the two conventions.

On edges (DARTS, NAS-Bench-201) a node is a tensor and an edge an operation. On nodes (NASNet, NAS-Bench-101) a node is
an operation and an edge only says where a tensor goes; then additions are nodes, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .cell import INPUTS, Cell
from .micro import MicroCell

INPUT, ADD, CONCAT, OUTPUT = "input", "add", "concat", "output"


@dataclass(frozen=True, slots=True)
class OnNodes:
    """labels: of each vertex, an operation or one of ``input``, ``add``, ``concat``, ``output``;
    edges: (source, target), from a lower to a higher vertex."""

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


def on_nodes(cell: Cell | MicroCell) -> OnNodes:
    """The cell with its operations on nodes. ``none`` is no vertex, a sum of one tensor no addition; of a micro cell
    only what is alive is kept."""
    if isinstance(cell, Cell):
        kept = [edge for edge in cell.edges() if edge[2] != "none"]
        return _on_nodes(INPUTS, INPUTS + len(cell.nodes), kept, cell.concat, CONCAT)
    return _on_nodes(1, 4, sorted(cell.live_edges(), key=lambda edge: edge[1]), (3,), OUTPUT)


def _on_nodes(inputs: int, nodes: int, kept: Iterable[tuple[int, int, str]], read: Iterable[int], last: str) -> OnNodes:
    labels, edges = [INPUT] * inputs, []
    holds = {node: node for node in range(inputs)}  # vertex that holds the tensor of a node
    into: dict[int, list[int]] = {}
    for node in range(inputs, nodes):
        for source, target, op in kept:
            if target == node and source in holds:
                edges.append((holds[source], len(labels)))
                into.setdefault(node, []).append(len(labels))
                labels.append(op)
        if len(into.get(node, ())) > 1:
            edges += [(vertex, len(labels)) for vertex in into[node]]
            holds[node] = len(labels)
            labels.append(ADD)
        elif node in into:
            holds[node] = into[node][0]
    edges += [(holds[node], len(labels)) for node in read if node in holds]
    return OnNodes((*labels, last), tuple(edges))
