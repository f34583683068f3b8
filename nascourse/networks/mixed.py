"""A cell in which every edge mixes all operations, with weights that come from outside (Liu et al. 2019, equation 2).

Parameters and running statistics are stored for each edge and operation (``edges.3.sep_conv_3x3...``); in search no
batch normalization of a cell is affine. What is computed is the sum over edges and operations, arranged to be quick:

* ReLU and pooling are computed once for all edges that leave a node, and so is the batch normalization of what was
  pooled, as long as it normalizes by the batch;
* the weight of an operation is the weight of its last batch normalization, so the product costs nothing;
* the edges that leave a node share one grouped convolution for each operation, where the tensors are small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import bad_input
from .depthwise import depthwise
from .ops import FactorizedReduce, Pointwise, every, make_op

Edges = tuple[tuple[int, int], ...]
"""(source, target) of each edge, ordered by target, then by source."""

Active = Sequence[Sequence[bool]]
"""[edge][operation]: whether it is computed at all."""

FUSED = 1 << 18
"""Edges share a convolution on a CPU up to this many numbers in its input; larger ones fall out of the cache."""


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
        self.pairs, self.names, self.inputs, self.stride, self.partial = edges, tuple(ops), inputs, stride, partial
        self.mixed = channels // partial
        self.edges = nn.ModuleList(
            nn.ModuleDict(
                {op: search_op(op, self.mixed, stride if source < inputs else 1, pool_norm) for op in self.names}
            )
            for source, _ in edges
        )

    def forward(self, inputs: Sequence[Tensor], weights: Tensor, active: Active) -> list[Tensor]:
        """All nodes, the given ones first. weights: (edges, operations)."""
        scalars = [row.unbind() for row in weights.unbind()]
        statistics = _Statistics()
        targets = range(self.inputs, 1 + max(target for _, target in self.pairs))
        sums = {target: self._zeros(inputs[0]) for target in targets}
        passing: dict[int, list[Tensor]] = {target: [] for target in targets}
        nodes = list(inputs)
        for source in range(targets[-1]):
            if source >= self.inputs:  # every edge that leads here has been added
                nodes.append(self._complete(sums[source], passing[source]))
            x, leaving = nodes[source], [e for e, pair in enumerate(self.pairs) if pair[0] == source]
            halve = self.stride == 2 and source < self.inputs
            if self.partial > 1:
                rest = x[:, self.mixed :]
                rest = nn.functional.max_pool2d(rest, 2, ceil_mode=True) if halve else rest
                for edge in leaving:
                    passing[self.pairs[edge][1]].append(rest)
                x = x[:, : self.mixed]
            shared = _Source(x, statistics)
            for o, name in enumerate(self.names):
                on = [edge for edge in leaving if active[edge][o]]
                if on and name != "none":
                    modules = [self.edges[edge][name] for edge in on]  # type: ignore[index]
                    factors = [scalars[edge][o] for edge in on]
                    for edge, (value, factor) in zip(on, shared.apply(modules, factors), strict=True):
                        total = sums[self.pairs[edge][1]]
                        total.add_(value) if factor is None else total.addcmul_(value, factor)
        nodes.append(self._complete(sums[targets[-1]], passing[targets[-1]]))
        statistics.store()
        return nodes

    def _zeros(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        shape = (n, self.mixed, -(-h // self.stride), -(-w // self.stride))
        return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last).zero_()

    def _complete(self, mixed: Tensor, passing: list[Tensor]) -> Tensor:
        if self.partial == 1:
            return mixed
        # channels K apart become neighbours, so that another 1/K goes through the next mixture
        return nn.functional.channel_shuffle(torch.cat([mixed, sum(passing[1:], passing[0])], dim=1), self.partial)


class _Statistics:
    """What batch normalizations saw, to move their running statistics in one step."""

    def __init__(self) -> None:
        self.seen: list[tuple[Sequence[nn.BatchNorm2d], Tensor, Tensor]] = []

    def store(self) -> None:
        if not self.seen:
            return
        running: list[Tensor] = []
        batch: list[Tensor] = []
        counters: list[Tensor] = []
        for norms, mean, variance in self.seen:
            shared = len(norms) * norms[0].num_features > len(mean)
            for place, norm in enumerate(norms):
                first = 0 if shared else place * norm.num_features
                running += _running(norm)
                batch += [t[first : first + norm.num_features] for t in (mean, variance)]
                counters.append(cast(Tensor, norm.num_batches_tracked))
        with torch.no_grad():
            torch._foreach_lerp_(running, batch, cast(float, self.seen[0][0][0].momentum))
            torch._foreach_add_(counters, 1)


def _running(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    return cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)


class _Source:
    """A node, and what the operations on it have in common."""

    def __init__(self, x: Tensor, statistics: _Statistics) -> None:
        self.x, self.statistics = x, statistics
        self.rectified: Tensor | None = None

    def relu(self) -> Tensor:
        if self.rectified is None:
            self.rectified = torch.relu(self.x)
        return self.rectified

    def apply(self, modules: Sequence[nn.Module], factors: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """One operation on several edges: for each edge a tensor and what to multiply it by (None: nothing)."""
        first = modules[0]
        if isinstance(first, FactorizedReduce):
            for module, factor in zip(cast(Sequence[FactorizedReduce], modules), factors, strict=True):
                value = module.convolve(self.relu())
                yield self._normalize([module.bn], value, [factor]), None
        elif not isinstance(first, nn.Sequential):  # a skip connection, or pooling that is not normalized
            yield from ((value, factor) for value in [first(self.x)] for factor in factors)
        elif not isinstance(first[0], nn.ReLU):
            yield from self._pool(cast(Sequence[nn.Sequential], modules), factors)
        else:
            edges = cast(Sequence[nn.Sequential], modules)
            n = len(edges)
            if self.x.device.type == "cpu":
                n = max(1, min(n, FUSED // self.x.numel()))
            for start in range(0, len(edges), n):
                part = slice(start, start + n)
                fused = self._convolve(edges[part], factors[part])
                yield from ((value, None) for value in fused.chunk(len(edges[part]), dim=1))

    def _pool(
        self, modules: Sequence[nn.Sequential], factors: Sequence[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        pooled, norms = modules[0][0](self.x), [cast(nn.BatchNorm2d, module[1]) for module in modules]
        if norms[0].training:
            value = self._normalize(norms, pooled)
            yield from ((value, factor) for factor in factors)
        else:
            yield from ((self._normalize([n], pooled, [f]), None) for n, f in zip(norms, factors, strict=True))

    def _convolve(self, modules: Sequence[nn.Sequential], factors: Sequence[Tensor]) -> Tensor:
        """The channels of all edges side by side; a layer of an edge sees its own channels only."""
        x, edges, separate = self.relu(), len(modules), False
        depth = len(modules[0])
        for place in range(1, depth):
            layer = modules[0][place]
            if isinstance(layer, nn.ReLU):
                x = torch.relu(x)
            elif isinstance(layer, nn.BatchNorm2d):
                norms = [cast(nn.BatchNorm2d, module[place]) for module in modules]
                x = self._normalize(norms, x, factors if place == depth - 1 else None)
            elif isinstance(layer, nn.Conv2d):
                weight = torch.cat([cast(nn.Conv2d, module[place]).weight for module in modules])
                if layer.groups > 1:
                    x = x if separate or edges == 1 else x.repeat(1, edges, 1, 1)
                    x = depthwise(x, weight, layer.stride[0], layer.dilation[0])
                else:
                    groups = edges if separate else 1
                    x = every(layer.step, x) if isinstance(layer, Pointwise) else x
                    x = nn.functional.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, groups)
                separate = True
        return x

    def _normalize(self, norms: Sequence[nn.BatchNorm2d], x: Tensor, factors: Sequence[Tensor] | None = None) -> Tensor:
        """Batch normalization of the channels of all edges, or of channels that they share; times their factors."""
        norm = norms[0]
        weight = None if factors is None else torch.cat([factor.expand(norm.num_features) for factor in factors])
        if not norm.training:
            mean, variance = (torch.cat(both) for both in zip(*map(_running, norms), strict=True))
            return nn.functional.batch_norm(x, mean, variance, weight, eps=norm.eps)
        mean = torch.zeros(x.shape[1], dtype=_running(norm)[0].dtype, device=x.device)
        variance = torch.zeros_like(mean)
        # a momentum of 1 leaves the statistics of the batch
        y = nn.functional.batch_norm(x, mean, variance, weight, training=True, momentum=1.0, eps=norm.eps)
        self.statistics.seen.append((norms, mean, variance))
        return y
