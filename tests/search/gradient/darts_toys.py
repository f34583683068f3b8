"""A small smooth supernet with the interface of `networks.supernet`: softplus instead of ReLU, average pooling."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

OPS = ("none", "skip_connect", "pool", "conv")
EDGES = ((0, 1), (0, 2), (1, 2))


class SmoothSupernet(nn.Module):
    """Three edges, four operations, batch normalization, a weight that no path uses; (batch, 1, 6, 6) -> (batch, 3)."""

    kinds = ("cell",)
    ops = OPS
    edges = EDGES

    def __init__(self, seed: int = 0, channels: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in EDGES)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for _ in EDGES)
        self.head = nn.Linear(channels, 3)
        self.unused = nn.Parameter(torch.ones(2))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
        self.double()

    def forward(self, x: Tensor, weights: Mapping[str, Tensor], active: object = None) -> Tensor:
        nodes: list[Tensor] = [self.stem(x)]
        for target in (1, 2):
            total = torch.zeros_like(nodes[0])
            for edge, (source, into) in enumerate(EDGES):
                if into == target:
                    w, h = weights["cell"][edge], nodes[source]
                    conv = self.norms[edge](self.convs[edge](nn.functional.softplus(h)))
                    total = total + w[1] * h + w[2] * nn.functional.avg_pool2d(h, 3, 1, 1) + w[3] * conv
            nodes.append(total)
        return self.head(nn.functional.softplus(nodes[-1]).mean((2, 3)))


def batch(seed: int, size: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 1, 6, 6, generator=generator, dtype=torch.float64)
    return images, torch.randint(3, (size,), generator=generator)


def some_alphas(seed: int = 0, spread: float = 0.5) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"cell": spread * torch.randn(len(EDGES), len(OPS), generator=generator, dtype=torch.float64)}
