"""Networks of a fixed architecture: a cell, stacked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..spaces.micro import MicroCell
from .ops import make_op, relu_conv_bn


class MicroCellModule(nn.Module):
    """One micro cell. Dead parts are not built; a cell without a path from input to output gives zeros.

    (batch, channels, h, w) -> (batch, channels, h, w)
    """

    def __init__(self, cell: MicroCell, channels: int) -> None:
        super().__init__()
        self.edges = tuple((i, j) for i, j, _ in cell.live_edges())
        self.ops = nn.ModuleList(make_op(op, channels) for _, _, op in cell.live_edges())

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]
        # by target: node j is complete before any edge leaves it
        for (i, j), op in sorted(zip(self.edges, self.ops, strict=True), key=lambda pair: pair[0][::-1]):
            source, so_far = nodes[i], nodes[j]
            assert source is not None  # a live edge starts at a node that something reaches
            value = op(source)
            nodes[j] = value if so_far is None else so_far + value
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]


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


class MicroNetwork(nn.Module):
    """Micro cells stacked: a 3x3 stem, then stages of equal cells; between two stages a residual block halves the
    image and doubles the channels (NAS-Bench-201, figure 1: channels 16, cells (5, 5, 5)).

    (batch, in_channels, h, w) -> (batch, classes)
    """

    def __init__(
        self,
        cell: MicroCell,
        channels: int = 16,
        cells: Sequence[int] = (5, 5, 5),
        classes: int = 10,
        in_channels: int = 3,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, 3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        for stage, count in enumerate(cells):
            if stage:
                layers.append(ResidualReduction(channels, 2 * channels))
                channels *= 2
            layers.extend(MicroCellModule(cell, channels) for _ in range(count))
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))
