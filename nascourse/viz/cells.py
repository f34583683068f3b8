"""Cells as pictures: the micro cell, with what is dead greyed and what has changed marked."""

from __future__ import annotations

from collections.abc import Collection

from ..spaces.micro import MICRO_OPS, MicroCell
from .dag import LABEL_SIZE, DagEdge, DagNode, dag_scene
from .palette import operation_style
from .scene import Scene, text_width

_NODE_LABELS = ("input 0", "1", "2", "output 3")
_LABEL_WIDTH = max(text_width(operation_style(op).label, LABEL_SIZE) for op in MICRO_OPS) + 34


def micro_cell_scene(cell: MicroCell, highlight: Collection[tuple[int, int]] = (), title: str = "") -> Scene:
    """Four nodes, six labelled edges. Edges and nodes that do not count are greyed and dashed; the edges
    (source, target) in ``highlight`` carry a halo and a star."""
    live = cell.live_edges()
    alive = {0, 3} | {node for i, j, _ in live for node in (i, j)}
    nodes = [
        DagNode(str(n), label, "box" if n in (0, 3) else "circle", dead=n not in alive)
        for n, label in enumerate(_NODE_LABELS)
    ]
    edges = [
        DagEdge(str(i), str(j), op, dead=(i, j, op) not in live, changed=(i, j) in highlight)
        for i, j, op in cell.edges()
    ]
    return dag_scene(nodes, edges, describe_micro_cell(cell, highlight), title, _LABEL_WIDTH)


def describe_micro_cell(cell: MicroCell, highlight: Collection[tuple[int, int]] = ()) -> str:
    """The cell in a sentence or two."""
    live = cell.live_edges()
    words = [f"{i}→{j} {operation_style(op).label}" for i, j, op in cell.edges()]
    sentence = f"Micro cell with edges {', '.join(words)}."
    if not live:
        return sentence + " No edge carries anything from the input to the output."
    if dead := [f"{i}→{j}" for i, j, op in cell.edges() if (i, j, op) not in live]:
        sentence += f" Dead: {', '.join(dead)}."
    if highlight:
        sentence += f" Changed: {', '.join(f'{i}→{j}' for i, j in sorted(highlight))}."
    return sentence
