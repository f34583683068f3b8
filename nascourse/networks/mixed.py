"""A cell in which every edge mixes all operations, with weights that come from outside (Liu et al. 2019, equation 2).

Parameters and running statistics are stored for each edge and operation (``edges.3.sep_conv_3x3...``). In search no
batch normalization of a cell is affine.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import bad_input
from .ops import make_op

Edges = tuple[tuple[int, int], ...]
"""(source, target) of each edge, ordered by target, then by source."""


def search_op(name: str, channels: int, stride: int, pool_norm: bool) -> nn.Module:
    """The operation as it is searched: no affine batch normalization, and one after pooling with ``pool_norm``."""
    op = make_op(name, channels, stride, affine=False)
    if pool_norm and "pool" in name:
        return nn.Sequential(op, nn.BatchNorm2d(channels, affine=False))
    return op


class MixedCell(nn.Module):
    """Nodes joined by mixed edges; a node is the sum over its edges of the weighted sum over their operations.

    inputs: how many nodes are given; an edge from one of them has ``stride``. partial: K of PC-DARTS (Xu et al. 2020,
    section 3.1): the first 1/K of an edge's channels go through the mixture, the rest pass by (through 2x2 max pooling
    where the stride is 2), and the channels of the sum are shuffled. Its edge normalization is not part of this.
    """

    def __init__(
        self,
        edges: Edges,
        ops: Sequence[str],
        channels: int,
        inputs: int,
        stride: int = 1,
        pool_norm: bool = False,
        partial: int = 1,
    ) -> None:
        super().__init__()
        if partial < 1 or channels % partial:
            raise bad_input(f"partial={partial}", f"a divisor of the cell's {channels} channels", "choose another K")
        self.pairs, self.ops, self.inputs, self.stride, self.partial = edges, tuple(ops), inputs, stride, partial
        self.mixed = channels // partial
        self.edges = nn.ModuleList(
            nn.ModuleDict(
                {op: search_op(op, self.mixed, stride if source < inputs else 1, pool_norm) for op in self.ops}
            )
            for source, _ in edges
        )

    def forward(self, inputs: Sequence[Tensor], weights: Tensor, active: Sequence[Sequence[bool]]) -> list[Tensor]:
        """All nodes, the given ones first. weights: (edges, operations); active: which of them are computed at all."""
        nodes = list(inputs)
        empty = torch.zeros_like(nodes[0][:, : self.mixed, :: self.stride, :: self.stride])
        for target in range(self.inputs, 1 + max(target for _, target in self.pairs)):
            total, rest = empty, []
            for edge, (source, into) in enumerate(self.pairs):
                if into != target:
                    continue
                x = nodes[source]
                for o, op in enumerate(self.ops):
                    if active[edge][o] and op != "none":
                        total = total + weights[edge, o] * self.edges[edge][op](x[:, : self.mixed])  # type: ignore[index]
                if self.partial > 1:
                    passing = x[:, self.mixed :]
                    halve = self.stride == 2 and source < self.inputs
                    rest.append(nn.functional.max_pool2d(passing, 2, ceil_mode=True) if halve else passing)
            nodes.append(self._shuffled(torch.cat([total, sum(rest)], dim=1)) if rest else total)  # type: ignore[list-item]
        return nodes

    def _shuffled(self, x: Tensor) -> Tensor:
        """Channels K apart become neighbours, so that another 1/K goes through the next mixture."""
        return torch.nn.functional.channel_shuffle(x, self.partial)
