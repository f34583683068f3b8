"""Networks of a micro cell: the cell, stacked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from ..spaces.micro import MicroCell
from .cells import classifier, reduction_places
from .graph import GraphModule
from .ops import relu_conv_bn
from .receptive_field import Window, together
from .registry import builds, part


class MicroCellModule(GraphModule):
    """One micro cell. Dead parts are not built; a cell without a path from input to output gives zeros.

    (batch, channels, h, w) -> (batch, channels, h, w)
    """

    def __init__(self, cell: MicroCell, channels: int) -> None:
        super().__init__(cell.cells()[0], channels)


class ResidualReduction(nn.Module):
    """A basic residual block with stride 2 between two stages (NAS-Bench-201, section 2.1).

    (batch, c_in, h, w) -> (batch, c_out, h/2, w/2)
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv_a = relu_conv_bn(c_in, c_out, 3, stride=2)
        self.conv_b = relu_conv_bn(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.conv_b(self.conv_a(x))

    def window(self, before: Window | None) -> Window | None:
        """Two convolutions beside a shortcut that averages pixels 2 i and 2 i + 1."""
        return before and together([before.conv(3, 2).conv(3), before.halved()])


def staged(make: Callable[[int], nn.Module], channels: int, cells: int | Sequence[int]) -> tuple[list[nn.Module], int]:
    """``make(channels)`` for every cell, a residual reduction between two stages, and the channels at the end.

    cells: of each stage; a number of cells is cut into stages where DARTS would put its reductions.
    """
    if isinstance(cells, int):
        cells = [end - start for start, end in pairwise((0, *reduction_places(cells), cells))]
    layers: list[nn.Module] = []
    for stage, number in enumerate(cells):
        if stage:
            layers.append(part("residual", ResidualReduction(channels, 2 * channels)))
            channels *= 2
        layers.extend(part("cell", make(channels)) for _ in range(number))
    return layers, channels


@builds(MicroCell)
class MicroNetwork(nn.Module):
    """Micro cells stacked: a 3x3 stem, then stages of equal cells; between two stages a residual block halves the
    image and doubles the channels (NAS-Bench-201, figure 1: channels 16, cells (5, 5, 5)). See `staged` for a number
    of cells.

    (batch, in_channels, h, w) -> (batch, classes)
    """

    small: ClassVar[Mapping[str, Any]] = {"channels": 16, "cells": (2, 2, 2)}

    def __init__(
        self,
        cell: MicroCell,
        channels: int = 16,
        cells: int | Sequence[int] = (5, 5, 5),
        classes: int = 10,
        in_channels: int = 3,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        stem = [
            nn.Conv2d(in_channels, channels, 3, stride=stem_stride, padding=1, bias=False),
            part("stem", nn.BatchNorm2d(channels)),
        ]
        layers, channels = staged(lambda width: MicroCellModule(cell, width), channels, cells)
        self.stem_stride = stem_stride
        self.body = nn.Sequential(*stem, *layers)
        self.head = classifier(channels, classes, nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))

    def window(self) -> Window | None:
        window: Window | None = Window().conv(3, self.stem_stride)
        for layer in cast(Iterable[MicroCellModule | ResidualReduction], self.body[2:]):
            window = layer.window(window)
        return window
