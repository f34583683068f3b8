"""Supernets: every edge is a mixture of all operations, on the cells of DARTS and on micro cells.

The network is the one that the derived architecture will have (`networks.cells`, `networks.micro`), with two
differences inside its cells, as in the authors' code (Liu et al. 2019): batch normalization is not affine, and on
`CellSpace` pooling is followed by one. ``none`` is the first operation on both spaces. It contributes nothing, but
its weight takes from the others.

Gradients for the two steps of a search: the weights of the operations are an argument, so give a softmax of α that
requires a gradient and detached parameters (`torch.func.functional_call`) for the step of α, a detached mixture for
the step of the parameters; what needs no gradient is then not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from ..errors import bad_input
from ..spaces.base import SearchSpace
from ..spaces.cell import INPUTS, CellSpace
from ..spaces.micro import MICRO_EDGES, MICRO_OPS, MicroSpace
from .build import seeded
from .cells import classifier, preprocessing, stacked, stems
from .micro import staged
from .mixed import Active, Edges, MixedCell
from .registry import Networks, builds, network_of

SUPERNETS: Networks = {}
"""The supernet of each type of search space."""


class Supernet(nn.Module):
    """A network that is called with a mixture of operations: (batch, in_channels, h, w) -> (batch, classes).

    space: the name of the search space; kinds: of cells that have a mixture each; ops: the operations, in the order of
    a mixture's columns; edges: (source, target) in the order of its rows.
    """

    space: str
    kinds: tuple[str, ...]
    ops: tuple[str, ...]
    edges: Edges

    @property
    def alpha_shapes(self) -> dict[str, tuple[int, int]]:
        """Kind of cell -> (edges, operations)."""
        return {kind: (len(self.edges), len(self.ops)) for kind in self.kinds}

    def forward(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Tensor] | None = None) -> Tensor:
        """The logits. weights: kind of cell -> (edges, operations), any mixture: a softmax of α, one-hot, masked.

        active: kind -> bool (edges, operations), which operations are computed at all (all of them). The others
        contribute nothing, whatever their weight; their parameters get no gradient (None) and their running
        statistics do not move. Raises `CourseError` for a mixture of another shape.
        """
        for kind, shape in self.alpha_shapes.items():
            for name, given in (("weights", weights), ("active", active)):
                found = None if given is None or kind not in given else tuple(given[kind].shape)
                if found != shape and given is not None:
                    raise bad_input(
                        f"{name}[{kind!r}] of shape {found}", f"shape (edges, operations) = {shape}", "mend it"
                    )
        everything = [[True] * len(self.ops)] * len(self.edges)
        computed = {kind: everything if active is None else active[kind].tolist() for kind in self.kinds}
        return self._logits(x.contiguous(memory_format=torch.channels_last), weights, computed)

    def _logits(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Active]) -> Tensor:
        raise NotImplementedError


class _PreparedCell(nn.Module):
    """A mixed cell of DARTS with the preprocessing of its two inputs; see `cells.CellModule` for the shapes."""

    def __init__(self, preprocess: nn.ModuleList, mixed: MixedCell, channels: int) -> None:
        super().__init__()
        self.preprocess, self.mixed, self.channels = preprocess, mixed, channels

    def forward(self, before: Tensor, last: Tensor, weights: Tensor, active: Active) -> Tensor:
        inputs = [self.preprocess[0](before), self.preprocess[1](last)]
        return torch.cat(self.mixed(inputs, weights, active)[INPUTS:], dim=1)


@builds(CellSpace, SUPERNETS)
class CellSupernet(Supernet):
    """The supernet of a `CellSpace`: `cells.CellNetwork` with mixed cells. The mixture of a kind is shared by all cells
    of that kind. Keywords as there; partial: see `MixedCell`."""

    kinds = ("normal", "reduce")

    def __init__(
        self,
        space: CellSpace,
        channels: int = 16,
        cells: int = 8,
        classes: int = 10,
        stem: Literal["cifar", "imagenet"] = "cifar",
        in_channels: int = 3,
        partial: int = 1,
    ) -> None:
        super().__init__()
        self.space = space.name
        self.ops = ("none", *(op for op in space.ops if op != "none"))
        self.edges = tuple((i, j) for j in range(INPUTS, INPUTS + space.nodes) for i in range(j))
        self.stems, c_last = stems(stem, channels, in_channels)

        def cell(_: str, c_before: int, c_last: int, channels: int, reduction: bool, shrunk: bool) -> _PreparedCell:
            stride = 2 if reduction else 1
            mixed = MixedCell(self.edges, self.ops, channels, INPUTS, stride, pool_norm=True, partial=partial)
            preprocess = preprocessing(c_before, c_last, channels, shrunk, affine=False)
            return _PreparedCell(preprocess, mixed, space.nodes * channels)

        made, c_last = stacked(cell, cells, channels, c_last, stem == "imagenet")
        self.cells = nn.ModuleList(made)
        self.head = classifier(c_last, classes)

    def _logits(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Active]) -> Tensor:
        before = self.stems[0](x)
        last = self.stems[1](before)
        for cell in self.cells:
            kind = str(cell.part)
            before, last = last, cell(before, last, weights[kind], active[kind])
        return self.head(last)


@builds(MicroSpace, SUPERNETS)
class MicroSupernet(Supernet):
    """The supernet of a `MicroSpace`: `micro.MicroNetwork` with mixed cells, all with one mixture. Keywords as there;
    partial: see `MixedCell`."""

    kinds = ("cell",)
    ops = MICRO_OPS
    edges = MICRO_EDGES

    def __init__(
        self,
        space: MicroSpace,
        channels: int = 16,
        cells: int | Sequence[int] = (5, 5, 5),
        classes: int = 10,
        in_channels: int = 3,
        stem_stride: int = 1,
        partial: int = 1,
    ) -> None:
        super().__init__()
        self.space = space.name
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, stride=stem_stride, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        layers, channels = staged(
            lambda width: MixedCell(self.edges, self.ops, width, inputs=1, partial=partial), channels, cells
        )
        self.cells = nn.ModuleList(layers)
        self.head = classifier(channels, classes, nn.BatchNorm2d(channels), nn.ReLU())

    def _logits(self, x: Tensor, weights: Mapping[str, Tensor], active: Mapping[str, Active]) -> Tensor:
        x = self.stem(x)
        for layer in self.cells:
            kind = str(layer.part)
            x = layer([x], weights[kind], active[kind])[-1] if kind in self.kinds else layer(x)
        return self.head(x)


def supernet(space: SearchSpace[Any], **net: Any) -> Supernet:
    """The supernet of ``space``; ``net`` are the keywords of `CellSupernet` or `MicroSupernet`.

    Raises `CourseError` for a space that has none.
    """
    network = network_of(space, SUPERNETS, "a space", "search this space with another strategy")
    return cast(Supernet, network(space, **net))


def supernet_seeded(space: SearchSpace[Any], seed: int, **net: Any) -> Supernet:
    """`supernet` with initial parameters drawn from ``seed``; the global generator is left as it was."""
    return seeded(seed, supernet, space, **net)


def initial_alphas(net: Supernet, generator: torch.Generator) -> dict[str, Tensor]:
    """α to start from: N(0, 1e-3²) for each edge and operation (DARTS code), float32, on the generator's device."""
    return {
        kind: (1e-3 * torch.randn(shape, generator=generator, device=generator.device)).requires_grad_()
        for kind, shape in net.alpha_shapes.items()
    }
