"""How far a network sees and by how many ways: receptive field and paths, by plain arithmetic on the architecture.

Nothing is built. The receptive field is the side, in pixels of the image, of the square that one position of the last
cell's output can depend on: the hull, as a dilated kernel has holes, and not cut at the image's border. A path leads
from the image to that output along operations other than ``none``; a skip connection is one as well. What the
two inputs of a cell pass before it (1x1 convolutions) is not a branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import bad_input
from ..spaces.base import Architecture
from ..spaces.cell import INPUTS, Cell, Genotype
from ..spaces.micro import MicroCell
from .build import count
from .cells import reduction_places

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


def cell_window(cell: Cell, before: Window | None, last: Window | None, reduction: bool = False) -> Window | None:
    """The window of a cell's output, from those of its two inputs at equal size."""
    nodes = [before, last]
    edges = list(cell.edges())
    for first, second in zip(edges[::2], edges[1::2], strict=True):
        nodes.append(together([_edge(nodes[s], s, op, reduction) for s, _, op in (first, second)]))
    return together([nodes[node] for node in cell.concat])


def _edge(window: Window | None, source: int, op: str, reduction: bool) -> Window | None:
    return window and window.through(op, 2 if reduction and source < INPUTS else 1)


def micro_window(cell: MicroCell, window: Window | None) -> Window | None:
    """The window of a micro cell's output."""
    nodes = [window, None, None, None]
    for node in (1, 2, 3):
        nodes[node] = together([w and w.through(op) for i, j, op in cell.edges() if j == node for w in [nodes[i]]])
    return nodes[3]


def _genotype_window(genotype: Genotype, cells: int = 20, stem: str = "cifar", **_: Any) -> Window | None:
    before: Window | None
    if stem == "imagenet":
        before = Window().conv(3, 2).conv(3, 2)
        last: Window | None = before.conv(3, 2)
    else:
        before = last = Window().conv(3)
    places, after_reduction = reduction_places(cells), stem == "imagenet"
    for place in range(cells):
        reduction = place in places
        cell = genotype.reduce if reduction else genotype.normal
        aligned = before.halved() if before is not None and after_reduction else before
        before, last = last, cell_window(cell, aligned, last, reduction)
        after_reduction = reduction
    return last


def _micro_network_window(
    cell: MicroCell, cells: Sequence[int] = (5, 5, 5), stem_stride: int = 1, **_: Any
) -> Window | None:
    window: Window | None = Window().conv(3, stem_stride)
    for stage, number in enumerate(cells):
        if stage and window is not None:
            # two convolutions beside a shortcut that averages pixels 2 i and 2 i + 1
            window = together([window.conv(3, 2).conv(3), window.halved()])
        for _cell in range(number):
            window = micro_window(cell, window)
    return window


WINDOWS: dict[type, Callable[..., Window | None]] = {Genotype: _genotype_window, MicroCell: _micro_network_window}


def window(arch: Architecture, **net: Any) -> Window | None:
    """The window of one position of the last cell's output; None where nothing of the image arrives there.

    ``net`` are the keywords of the network (`networks.build.build`). Raises `CourseError` for another architecture.
    """
    if type(arch) not in WINDOWS:
        known = ", ".join(t.__name__ for t in WINDOWS)
        raise bad_input(type(arch).__name__, f"an architecture out of {known}", "count its layers by hand")
    return WINDOWS[type(arch)](arch, **net)


@dataclass(frozen=True, slots=True)
class Measures:
    """params: trainable numbers; macs: multiply-adds for one image; receptive_field: side in pixels, 0 where nothing
    arrives; paths: from the image to the last cell's output."""

    params: int
    macs: int
    receptive_field: int
    paths: int


def measure(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> Measures:
    """Everything that can be said of ``build(arch, **net)`` without training it, on an image of (channels, h, w)."""
    counts, seen = count(arch, image, **net), window(arch, **net)
    return Measures(counts.params, counts.macs, seen.side if seen else 0, seen.paths if seen else 0)
