"""Cells as pictures: the micro cell and the cell of a genotype, what is dead greyed and what has changed marked."""

from __future__ import annotations

from collections.abc import Collection

from ..spaces.cell import GENOTYPE_OPS, INPUTS, Cell
from ..spaces.micro import MICRO_OPS, MicroCell
from .dag import LABEL_SIZE, DagEdge, DagNode, dag_scene
from .palette import operation_style
from .scene import Scene, text_width

_NODE_LABELS = ("input 0", "1", "2", "output 3")
_LABEL_WIDTH = max(text_width(operation_style(op).label, LABEL_SIZE) for op in MICRO_OPS) + 34
_CELL_LABEL_WIDTH = max(text_width(operation_style(op).label, LABEL_SIZE) for op in GENOTYPE_OPS) + 34


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


def cell_scene(cell: Cell, highlight: Collection[int] = (), title: str = "") -> Scene:
    """The two inputs, the intermediate nodes with their two labelled edges each, and the concatenation.

    Edge k (in the order of ``cell.edges``) is the group ``edge-k``; those in ``highlight`` carry a halo and a star.
    """
    last = INPUTS + len(cell.nodes)
    live = live_nodes(cell)
    nodes = [
        DagNode("0", "cₖ₋₂", "box"),
        DagNode("1", "cₖ₋₁", "box"),
        *(DagNode(str(node), dead=node not in live) for node in range(INPUTS, last)),
        DagNode("concat", "concat", "box"),
    ]
    edges = [
        DagEdge(str(source), str(node), op, dead=node not in live or source not in live, changed=k in highlight)
        for k, (source, node, op) in enumerate(cell.edges())
    ]
    edges += [DagEdge(str(node), "concat", dead=node not in live) for node in cell.concat]
    return dag_scene(nodes, edges, describe_cell(cell, highlight), title, _CELL_LABEL_WIDTH)


def live_nodes(cell: Cell) -> frozenset[int]:
    """The nodes that carry something from an input of the cell to its output; its inputs always count as alive."""
    reached, used = set(range(INPUTS)), set(cell.concat)
    for source, node, op in cell.edges():
        if op != "none" and source in reached:
            reached.add(node)
    for source, node, op in reversed(tuple(cell.edges())):
        if op != "none" and node in used:
            used.add(source)
    return frozenset(range(INPUTS)) | (reached & used)


def describe_cell(cell: Cell, highlight: Collection[int] = ()) -> str:
    """The cell in a sentence or two."""
    edges = [f"{source}→{node} {operation_style(op).label}" for source, node, op in cell.edges()]
    sentence = f"Cell with edges {', '.join(edges)}; its output concatenates nodes {', '.join(map(str, cell.concat))}."
    if dead := [str(node) for node in range(INPUTS, INPUTS + len(cell.nodes)) if node not in live_nodes(cell)]:
        sentence += f" Dead: {'nodes' if len(dead) > 1 else 'node'} {', '.join(dead)}."
    if highlight:
        sentence += f" Changed: {', '.join(edges[k] for k in sorted(highlight))}."
    return sentence
