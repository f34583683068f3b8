"""Operations on edges or on nodes: the same cell in the two conventions.

On edges (DARTS, NAS-Bench-201) a node is a tensor and an edge an operation. On nodes (NASNet, NAS-Bench-101) a node is
an operation and an edge only says where a tensor goes; then additions are nodes, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...spaces.graph import HasCells

INPUT, ADD, CONCAT, OUTPUT = "input", "add", "concat", "output"


@dataclass(frozen=True, slots=True)
class OnNodes:
    """labels: of each vertex, an operation or one of ``input``, ``add``, ``concat``, ``output``;
    edges: (source, target), from a lower to a higher vertex."""

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


def on_nodes(cell: HasCells) -> OnNodes:
    """The one cell with its operations on nodes. Only what is alive is kept, and a sum of one tensor is no addition."""
    (graph,) = cell.cells()
    labels, edges = [INPUT] * graph.inputs, []
    holds = {node: node for node in range(graph.inputs)}  # vertex that holds the tensor of a node
    for node in range(graph.inputs, len(graph.labels)):
        into = []
        for source, _, op in (edge for edge in graph.live_edges if edge.target == node):
            into.append(len(labels))
            edges.append((holds[source], len(labels)))
            labels.append(op)
        if len(into) > 1:
            edges += [(vertex, len(labels)) for vertex in into]
            into.append(len(labels))
            labels.append(ADD)
        if into:
            holds[node] = into[-1]
    edges += [(holds[node], len(labels)) for node in graph.outputs if node in holds]
    return OnNodes((*labels, CONCAT if graph.concat else OUTPUT), tuple(edges))
