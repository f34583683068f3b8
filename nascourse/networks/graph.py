"""A cell as a network: operations on edges, sums at nodes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..spaces.graph import CellGraph, Edge
from .ops import every, make_op
from .receptive_field import Window, cell_window


class GraphModule(nn.Module):
    """The edges of a cell, and zeros where nothing arrives. stride: of the edges that read an input; edges: which are
    built, those that are alive where left out; preprocess: what each input goes through first.

    (batch, channels, h, w) for each input -> (batch, channels * nodes of the output, h/stride, w/stride)
    """

    def __init__(
        self,
        cell: CellGraph,
        channels: int,
        stride: int = 1,
        edges: Sequence[Edge] | None = None,
        preprocess: nn.ModuleList | None = None,
    ) -> None:
        super().__init__()
        # by target: a node is complete before any edge leaves it
        edges = sorted(cell.live_edges if edges is None else edges, key=lambda edge: edge.target)
        self.preprocess = preprocess
        self.cell, self.stride, self.channels = cell, stride, channels * len(cell.outputs)
        self.edges = tuple((source, target) for source, target, _ in edges)
        self.ops = nn.ModuleList(make_op(op, channels, stride if i < cell.inputs else 1) for i, _, op in edges)

    def forward(self, *inputs: Tensor, drop_path: float = 0.0) -> Tensor:
        if self.preprocess is not None:
            inputs = tuple(before(x) for before, x in zip(self.preprocess, inputs, strict=True))
        nodes = dict(enumerate(inputs))
        for (source, target), op in zip(self.edges, self.ops, strict=True):
            value: Tensor = op(nodes[source])
            if self.training and drop_path > 0 and not isinstance(op, nn.Identity):
                value = drop_paths(value, drop_path)
            nodes[target] = nodes[target] + value if target in nodes else value
        given = every(self.stride, inputs[0])
        made = [nodes[node] if node in nodes else torch.zeros_like(given) for node in self.cell.outputs]
        return torch.cat(made, dim=1) if self.cell.concat else made[0]

    def window(self, *inputs: Window | None) -> Window | None:
        """What the output sees of the image, where the inputs see so much."""
        return cell_window(self.cell, inputs, self.stride)


def drop_paths(x: Tensor, probability: float) -> Tensor:
    """Zero ``x`` (batch, channels, h, w) for some images of the batch, and scale the rest so that the mean stays."""
    keep = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(1 - probability)
    return x * keep / (1 - probability)
