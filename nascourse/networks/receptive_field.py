"""How far a network sees and by how many ways: receptive field and paths, by plain arithmetic.

The receptive field is the side, in pixels of the image, of the square that one position of the last
cell's output can depend on: the hull, as a dilated kernel has holes, and not cut at the image's border. A path leads
from the image to that output along operations other than ``none``; a skip connection is one as well. What the
two inputs of a cell pass before it (1x1 convolutions) is not a branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..spaces.graph import HasCells

KERNELS: dict[str, tuple[tuple[int, int], ...]] = {
    "skip_connect": (),
    "max_pool_3x3": ((3, 1),),
    "avg_pool_3x3": ((3, 1),),
    "sep_conv_3x3": ((3, 1), (3, 1)),
    "sep_conv_5x5": ((5, 1), (5, 1)),
    "sep_conv_7x7": ((7, 1), (7, 1)),
    "dil_conv_3x3": ((3, 2),),
    "dil_conv_5x5": ((5, 2),),
    "conv_7x1_1x7": ((7, 1),),
    "nor_conv_1x1": ((1, 1),),
    "nor_conv_3x3": ((3, 1),),
}
"""(kernel, dilation) of what an operation applies in turn; a stride belongs to the first. ``none`` applies nothing."""


@dataclass(frozen=True, slots=True)
class Window:
    """Position i of a tensor depends on pixels ``i * jump - left`` to ``i * jump + right`` of the image, in height as
    in width, and ``paths`` paths lead to it."""

    left: int = 0
    right: int = 0
    jump: int = 1
    paths: int = 1

    @property
    def side(self) -> int:
        return self.left + 1 + self.right

    def conv(self, kernel: int, stride: int = 1, dilation: int = 1) -> Window:
        """After a kernel of odd size, padded so that it is centred on its position."""
        reach = dilation * (kernel - 1) // 2 * self.jump
        return Window(self.left + reach, self.right + reach, self.jump * stride, self.paths)

    def halved(self) -> Window:
        """After a factorized reduction, which sees pixels 2 i and 2 i + 1."""
        return Window(self.left, self.right + self.jump, self.jump * 2, self.paths)

    def through(self, op: str, stride: int = 1) -> Window | None:
        """After an operation; None after ``none``."""
        if op == "none":
            return None
        if op == "skip_connect":
            return self.halved() if stride == 2 else self
        window = self
        for kernel, dilation in KERNELS[op]:
            window, stride = window.conv(kernel, stride, dilation), 1
        return window


def together(windows: Sequence[Window | None]) -> Window | None:
    """What a sum or a concatenation depends on; None where nothing arrives."""
    there = [w for w in windows if w is not None]
    if not there:
        return None
    left, right = max(w.left for w in there), max(w.right for w in there)
    return Window(left, right, there[0].jump, sum(w.paths for w in there))


def cell_window(cell: HasCells, inputs: Sequence[Window | None], stride: int = 1) -> Window | None:
    """The window of a cell's output, from those of its inputs at equal size; what reads an input has the stride."""
    (graph,) = cell.cells()
    nodes = list(inputs)
    for node in range(graph.inputs, len(graph.labels)):
        into = [
            (nodes[source], op, stride if source < graph.inputs else 1) for source, t, op in graph.edges if t == node
        ]
        nodes.append(together([window and window.through(op, step) for window, op, step in into]))
    return together([nodes[node] for node in graph.outputs])
