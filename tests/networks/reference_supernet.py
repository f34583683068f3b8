"""Plain supernets, edge by edge and operation by operation, to test and to time the fast ones against. Keep as it is.

Written after the description of the original (Liu et al. 2019 and its code), without anything of `nascourse.networks`:
contiguous tensors, a module list of mixed operations, every batch normalization and every product by a weight a step
of its own. Modules are made in the order of the fast supernets' state, so `copy_state` can go by order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELL_OPS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
MICRO_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class Zero(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class ReLUConvBN(nn.Module):
    def __init__(self, c_in: int, c_out: int, k: int, stride: int = 1, affine: bool = False) -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(), nn.Conv2d(c_in, c_out, k, stride, k // 2, bias=False), nn.BatchNorm2d(c_out, affine=affine)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Halved(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))  # even sizes only


class DilConv(nn.Module):
    def __init__(self, c: int, k: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(c, c, k, stride, dilation * (k // 2), dilation, groups=c, bias=False),
            nn.Conv2d(c, c, 1, bias=False),
            nn.BatchNorm2d(c, affine=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


def operation(name: str, c: int, stride: int, pool_norm: bool) -> nn.Module:
    """One candidate; a kernel's size is the last character of its name."""
    k = int(name[-1]) if name[-1].isdigit() else 0
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Halved(c, c)
    if name.endswith("pool_3x3"):
        pool = nn.MaxPool2d(3, stride, 1) if name[:3] == "max" else nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        return nn.Sequential(pool, nn.BatchNorm2d(c, affine=False)) if pool_norm else pool
    if name.startswith("nor_conv"):
        return ReLUConvBN(c, c, k, stride)
    if name.startswith("dil_conv"):
        return DilConv(c, k, stride, 2)
    return nn.Sequential(DilConv(c, k, stride, 1), DilConv(c, k, 1, 1))


class MixedOp(nn.Module):
    """One edge. partial: K of PC-DARTS, whose 1/K of the channels are mixed; the rest pass by."""

    def __init__(self, names: Sequence[str], c: int, stride: int, pool_norm: bool, partial: int) -> None:
        super().__init__()
        self.partial, self.stride = partial, stride
        self.ops = nn.ModuleList(operation(name, c // partial, stride, pool_norm) for name in names)

    def forward(self, x: Tensor, weights: Tensor, active: Sequence[bool]) -> Tensor:
        first = x[:, : x.shape[1] // self.partial]
        mixed = F.relu(first[:, :, :: self.stride, :: self.stride]) * 0.0
        for w, op, on in zip(weights, self.ops, active, strict=True):
            if on:
                mixed = mixed + w * op(first)
        if self.partial == 1:
            return mixed
        rest = x[:, x.shape[1] // self.partial :]
        rest = F.max_pool2d(rest, 2, 2) if self.stride == 2 else rest
        y = torch.cat([mixed, rest], dim=1)
        n, c, h, w = y.shape
        return y.view(n, self.partial, c // self.partial, h, w).transpose(1, 2).reshape(n, c, h, w)


class ReferenceCell(nn.Module):
    """A cell of DARTS: two prepared inputs, ``nodes`` intermediate nodes, all concatenated."""

    def __init__(self, nodes: int, c_pp: int, c_p: int, c: int, reduction: bool, reduced: bool, partial: int) -> None:
        super().__init__()
        self.nodes = nodes
        self.pre_0 = Halved(c_pp, c) if reduced else ReLUConvBN(c_pp, c, 1)
        self.pre_1 = ReLUConvBN(c_p, c, 1)
        self.edges = nn.ModuleList()
        for node in range(nodes):
            for source in range(2 + node):
                stride = 2 if reduction and source < 2 else 1
                self.edges.append(MixedOp(CELL_OPS, c, stride, True, partial))

    def forward(self, s0: Tensor, s1: Tensor, weights: Tensor, active: Sequence[Sequence[bool]]) -> Tensor:
        states, offset = [self.pre_0(s0), self.pre_1(s1)], 0
        for _ in range(self.nodes):
            edges = range(offset, offset + len(states))
            new = [self.edges[e](h, weights[e], active[e]) for e, h in zip(edges, states, strict=True)]
            offset += len(states)
            states.append(torch.stack(new).sum(0))
        return torch.cat(states[2:], dim=1)


class ReferenceCellSupernet(nn.Module):
    """kinds "normal" and "reduce"; stem: 3x3 convolution ("cifar") or three convolutions of stride 2 ("imagenet")."""

    def __init__(
        self, channels: int = 16, cells: int = 8, nodes: int = 4, in_channels: int = 3, stem: str = "cifar",
        partial: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        c = channels
        if stem == "cifar":
            self.stem_0: nn.Module = nn.Sequential(
                nn.Conv2d(in_channels, 3 * c, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * c)
            )
            self.stem_1: nn.Module = nn.Identity()
            c_pp = c_p = 3 * c
        else:
            self.stem_0 = nn.Sequential(
                nn.Conv2d(in_channels, c // 2, 3, 2, 1, bias=False),
                nn.BatchNorm2d(c // 2),
                nn.ReLU(),
                nn.Conv2d(c // 2, c, 3, 2, 1, bias=False),
                nn.BatchNorm2d(c),
            )
            self.stem_1 = nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c))
            c_pp = c_p = c
        self.cells = nn.ModuleList()
        self.reduces: list[bool] = []
        reduced = stem == "imagenet"
        for place in range(cells):
            reduction = place in (cells // 3, 2 * cells // 3) and place > 0
            c *= 2 if reduction else 1
            self.cells.append(ReferenceCell(nodes, c_pp, c_p, c, reduction, reduced, partial))
            self.reduces.append(reduction)
            c_pp, c_p, reduced = c_p, nodes * c, reduction
        self.classifier = nn.Linear(c_p, 10)

    def forward(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Tensor] | None = None) -> Tensor:
        s0 = self.stem_0(x)
        s1 = self.stem_1(s0)
        for cell, reduction in zip(self.cells, self.reduces, strict=True):
            kind = "reduce" if reduction else "normal"
            on = torch.ones_like(weights[kind]) if active is None else active[kind]
            s0, s1 = s1, cell(s0, s1, weights[kind], on.bool().tolist())
        return self.classifier(s1.mean((2, 3)))


class ReferenceMicroCell(nn.Module):
    """Four nodes, six edges; node 3 is the output."""

    def __init__(self, c: int, partial: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(MixedOp(MICRO_OPS, c, 1, False, partial) for _ in range(6))

    def forward(self, x: Tensor, weights: Tensor, active: Sequence[Sequence[bool]]) -> Tensor:
        def edge(e: int, h: Tensor) -> Tensor:
            return self.edges[e](h, weights[e], active[e])

        one = edge(0, x)
        two = edge(1, x) + edge(2, one)
        return edge(3, x) + edge(4, one) + edge(5, two)


class ReferenceReduction(nn.Module):
    """A residual block with stride 2; affine, as it is not searched."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.a = ReLUConvBN(c, 2 * c, 3, 2, affine=True)
        self.b = ReLUConvBN(2 * c, 2 * c, 3, affine=True)
        self.down = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c, 2 * c, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.down(x) + self.b(self.a(x))


class ReferenceMicroSupernet(nn.Module):
    """kind "cell"; stages of cells with a reduction between two stages."""

    def __init__(
        self, channels: int = 16, cells: Sequence[int] = (5, 5, 5), in_channels: int = 3, partial: int = 1
    ) -> None:
        super().__init__()
        c = channels
        self.stem = nn.Sequential(nn.Conv2d(in_channels, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))
        self.cells = nn.ModuleList()
        for stage, count in enumerate(cells):
            if stage:
                self.cells.append(ReferenceReduction(c))
                c *= 2
            for _ in range(count):
                self.cells.append(ReferenceMicroCell(c, partial))
        self.bn = nn.BatchNorm2d(c)
        self.classifier = nn.Linear(c, 10)

    def forward(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Tensor] | None = None) -> Tensor:
        on = torch.ones_like(weights["cell"]) if active is None else active["cell"]
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x, weights["cell"], on.bool().tolist()) if isinstance(cell, ReferenceMicroCell) else cell(x)
        return self.classifier(F.relu(self.bn(x)).mean((2, 3)))


def copy_state(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters and running statistics by the order of the two states, which must agree in every shape."""
    theirs, ours = list(source.state_dict().values()), list(target.state_dict().values())
    assert [t.shape for t in theirs] == [o.shape for o in ours]
    with torch.no_grad():
        for t, o in zip(theirs, ours, strict=True):
            o.copy_(t)
