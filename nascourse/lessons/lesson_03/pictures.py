"""Lesson 03's pictures: how cells are stacked, what is inside one, and what each operation looks at."""

from __future__ import annotations

from collections.abc import Sequence

from ...networks.ops import make_op
from ...networks.receptive_field import KERNELS, Window
from ...spaces.cell import CELL_OPS
from ...spaces.graph import HasCells
from ...viz.dag import DagEdge, DagNode, dag_scene
from ...viz.items import Box, Item, Line, Text
from ...viz.palette import CARD, FAINT, INK, MUTED, RULE, SERIES, operation_style
from ...viz.scene import Scene
from .node_graph import ADD, CONCAT, INPUT, OUTPUT, on_nodes


def stacked_cells_scene(repeats: int = 3) -> Scene:
    """n normal cells and a reduction cell, several times over, from the image to the classes (the syllabus' picture
    of stacked cells)."""
    items: list[Item] = []
    x, y = 24.0, 78.0
    boxes = ["image"] + ["normal", "reduction"] * repeats + ["classes"]
    widths = {"image": 62.0, "classes": 66.0, "normal": 70.0, "reduction": 82.0}
    for k, name in enumerate(boxes):
        width = widths[name]
        if k:
            items.append(Line(((x, y), (x + 20, y)), INK, 1.8, arrow=True))
            x += 22
        items += _stack_box(name, x, y, width)
        x += width
    alt = (
        f"From the image to the classes: n normal cells and then a reduction cell, {repeats} times over. Normal cells "
        "keep the size of the feature maps, reduction cells halve it."
    )
    return Scene(x + 24, 156, tuple(items), alt)


def _stack_box(name: str, x: float, y: float, width: float) -> list[Item]:
    middle, style = x + width / 2, SERIES[0 if name == "normal" else 1]
    if name in ("image", "classes"):
        return [Box(x, y - 17, width, 34, "#EEF1F4", INK, 1.8, radius=5), Text(middle, y, name, 13)]
    half = 30.0 if name == "normal" else 19.0  # what halves the map is drawn lower
    box = Box(x, y - half, width, 2 * half, style.tint, style.color, 2, style.dash, radius=6)
    items: list[Item] = [box, Text(middle, y - 7, name, 13), Text(middle, y + 9, "cell", 13)]
    if name == "normal":
        items += [
            Line(((x, y - 38), (x, y - 44), (x + width, y - 44), (x + width, y - 38)), MUTED, 1.5),
            Text(middle, y - 56, "× n", 14, INK, italic=True),
        ]
    else:
        items.append(Text(middle, y + 36, "size ÷ 2", 11, MUTED))
    return items


def on_nodes_scene(cell: HasCells, title: str = "") -> Scene:
    """The cell with its operations on nodes: blocks of two operations and an addition, and what joins them (the
    syllabus' picture of the inside of a cell)."""
    graph, (edges,) = on_nodes(cell), cell.cells()
    nodes = []
    for vertex, label in enumerate(graph.labels):
        if label == INPUT:
            nodes.append(DagNode(str(vertex), edges.labels[vertex].split()[0], "box"))
        elif label == ADD:
            nodes.append(DagNode(str(vertex), "+"))
        elif label in (CONCAT, OUTPUT):
            nodes.append(DagNode(str(vertex), label, "box"))
        else:
            nodes.append(DagNode(str(vertex), operation_style(label).label, "box", op=label))
    count = {label: graph.labels.count(label) for label in dict.fromkeys(graph.labels)}
    words = [f"{n} × {operation_style(op).label}" for op, n in count.items() if op in KERNELS]
    alt = (
        f"The cell with operations on nodes: {', '.join(words) or 'no operation'}, {count.get(ADD, 0)} additions, "
        f"{len(graph.edges)} arrows that only carry tensors."
    )
    return dag_scene(nodes, [DagEdge(str(a), str(b), label="") for a, b in graph.edges], alt, title)


def reach(op: str) -> tuple[int, ...]:
    """How far from its own position, along one axis, an operation of stride 1 reads."""
    offsets = {0}
    for kernel, dilation in KERNELS[op]:
        steps = [dilation * (k - kernel // 2) for k in range(kernel)]
        offsets = {a + b for a in offsets for b in steps}
    return tuple(sorted(offsets))


def footprints_scene(channels: int, ops: Sequence[str] = CELL_OPS) -> Scene:
    """For each operation the positions it reads for one position of its output, the side of that square, and its
    parameters on so many channels."""
    side, pixel, pitch = 11, 8.0, 118.0
    items: list[Item] = []
    said = []
    for k, op in enumerate(ops):
        style, left, offsets = operation_style(op), 18 + k * pitch, reach(op)
        params = sum(p.numel() for p in make_op(op, channels).parameters())
        window = Window().through(op)
        size = window.side if window else 0
        middle = left + side * pixel / 2
        items.append(Text(middle, 22, style.label, 13, bold=True))
        for row in range(side):
            for column in range(side):
                here, read = (row, column) == (side // 2,) * 2, {row - side // 2, column - side // 2} <= set(offsets)
                x, y = left + column * pixel, 40 + row * pixel
                items.append(Box(x, y, pixel - 1, pixel - 1, style.color if read else CARD, FAINT if here else RULE, 1))
        items += [
            Text(middle, 146, f"sees {size}×{size}", 12),
            Text(middle, 164, f"{params:,} parameters", 10.5, MUTED),
        ]
        said.append(f"{style.label} {size}×{size} and {params:,}")
    alt = f"What one output position reads and the parameters at {channels} channels: {'; '.join(said)}."
    return Scene(18 * 2 + (len(ops) - 1) * pitch + side * pixel, 184, tuple(items), alt)
