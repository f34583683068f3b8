"""A cell as a picture: what is dead greyed, what has changed marked."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import bad_input
from ..spaces.graph import CellGraph, HasCells, cells_of
from .dag import LABEL_SIZE, DagEdge, DagNode, dag_scene
from .items import text_width
from .palette import OPERATIONS, operation_style
from .scene import Scene

_LABEL_WIDTH = max(text_width(style.label, LABEL_SIZE) for style in OPERATIONS.values()) + 34


def cell_scene(cell: HasCells, highlight: Collection[int] = (), title: str = "") -> Scene:
    """The nodes and labelled edges of an architecture's one cell, or of one cell of an architecture that has several.

    Edges and nodes that do not count are greyed and dashed. Edge k (in the cell's own order) is the group ``edge-k``;
    those in ``highlight`` carry a halo and a star. Raises `CourseError` for an architecture of several cells.
    """
    cells = cells_of(cell)
    if len(cells) != 1:
        raise bad_input(f"{len(cells)} cells", "one cell", f"draw one of them: {', '.join(c.name for c in cells)}")
    graph = cells[0]
    ends = () if graph.concat else graph.outputs
    nodes = [
        DagNode(
            str(n),
            label,
            "box" if n < graph.inputs or n in ends else "circle",
            dead=n not in graph.live_nodes and n not in ends,
        )
        for n, label in enumerate(graph.labels)
    ]
    edges = [
        DagEdge(str(edge.source), str(edge.target), edge.op, dead=edge not in graph.live_edges, changed=k in highlight)
        for k, edge in enumerate(graph.edges)
    ]
    if graph.concat:
        nodes.append(DagNode("concat", "concat", "box"))
        edges += [DagEdge(str(node), "concat", dead=node not in graph.live_nodes) for node in graph.outputs]
    return dag_scene(nodes, edges, describe_cell(graph, highlight), title, _LABEL_WIDTH)


def describe_cell(cell: CellGraph, highlight: Collection[int] = ()) -> str:
    """The cell in a sentence or two. Of a concatenation the dead nodes are told, else the dead edges."""
    arrows = [f"{source}→{target}" for source, target, _ in cell.edges]
    edges = [f"{arrow} {operation_style(edge.op).label}" for arrow, edge in zip(arrows, cell.edges, strict=True)]
    changed = [edges[k] for k in sorted(highlight)] if cell.concat else sorted(arrows[k] for k in highlight)
    if cell.concat:
        joined = ", ".join(map(str, cell.outputs))
        sentence = f"Cell with edges {', '.join(edges)}; its output concatenates nodes {joined}."
        if dead := [str(node) for node in range(len(cell.labels)) if node not in cell.live_nodes]:
            sentence += f" Dead: {'nodes' if len(dead) > 1 else 'node'} {', '.join(dead)}."
    else:
        sentence = f"{cell.title.capitalize()} with edges {', '.join(edges)}."
        if not cell.live_edges:
            return sentence + " No edge carries anything from the input to the output."
        if dead := [arrow for arrow, edge in zip(arrows, cell.edges, strict=True) if edge not in cell.live_edges]:
            sentence += f" Dead: {', '.join(dead)}."
    return sentence + (f" Changed: {', '.join(changed)}." if changed else "")
