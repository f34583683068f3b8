"""Networks of a genotype: normal and reduction cells, stacked, as DARTS evaluates them.

(Liu, Simonyan & Yang 2019, section 3.2 and appendix; details as in the authors' code.) Batch normalization is affine
and pooling is not followed by one: both differ from the network in which the cells were searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from ..errors import bad_input
from ..spaces.cell import Cell, Genotype
from .graph import GraphModule
from .ops import FactorizedReduce, relu_conv_bn
from .receptive_field import Window
from .registry import builds, part


def reduction_places(cells: int) -> tuple[int, ...]:
    """Which of ``cells`` cells (from 0) reduce: those at a third and at two thirds of the depth, never the first.

    From three cells on that is DARTS' rule, {cells // 3, 2 * cells // 3}; of two cells the second reduces, a single
    cell is a normal one.
    """
    return tuple(sorted({cells // 3, 2 * cells // 3} - {0}))


class CellModule(GraphModule):
    """One cell between the outputs of the two cells before it.

    (batch, c_before, h', w'), (batch, c_last, h, w) -> (batch, len(concat) * channels, h, w), or half of h and w in
    a reduction cell, where only operations on the two inputs have stride 2. ``h' = 2 h`` after a reduction cell.
    """

    def __init__(
        self, cell: Cell, c_before: int, c_last: int, channels: int, reduction: bool, after_reduction: bool
    ) -> None:
        (graph,) = cell.cells()
        preprocess = preprocessing(c_before, c_last, channels, after_reduction)
        super().__init__(graph, channels, 2 if reduction else 1, graph.edges, preprocess)
        self.sources = tuple(source for source, _ in self.edges)
        self.after_reduction = after_reduction

    def window(self, *inputs: Window | None) -> Window | None:
        before, last = inputs
        return super().window(before and before.halved() if self.after_reduction else before, last)


def preprocessing(c_before: int, c_last: int, channels: int, shrunk: bool, affine: bool = True) -> nn.ModuleList:
    """What brings a cell's two inputs to equal size and to ``channels`` channels; shrunk: they differ in size."""
    reduce = FactorizedReduce(c_before, channels, affine) if shrunk else relu_conv_bn(c_before, channels, 1, 1, affine)
    return nn.ModuleList((reduce, relu_conv_bn(c_last, channels, 1, 1, affine)))


class AuxiliaryHead(nn.Module):
    """A second classifier on a middle layer, to train the lower cells better; used in training only.

    (batch, channels, 7 or 8, 7 or 8) -> (batch, classes). ``stem``: that of the network; the ImageNet head has no
    batch normalization after its second convolution (as in the authors' code, where it was left out by mistake, and
    in the published results).
    """

    def __init__(self, channels: int, classes: int, stem: str) -> None:
        super().__init__()
        stride = 3 if stem == "cifar" else 2
        last = nn.BatchNorm2d(768) if stem == "cifar" else nn.Identity()
        # ceil_mode changes nothing on the published 8x8 (CIFAR) and 7x7 (ImageNet), and lets a 7x7 map pass as well
        self.pool = nn.AvgPool2d(5, stride, count_include_pad=False, ceil_mode=True)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(), nn.Conv2d(128, 768, 2, bias=False)
        )
        self.head = nn.Sequential(last, nn.ReLU(), nn.Flatten(), nn.Linear(768, classes))

    def forward(self, x: Tensor) -> Tensor:
        if not all(6 <= side <= 8 for side in x.shape[2:]):
            raise bad_input(
                f"a map of {x.shape[2]}x{x.shape[3]} before the auxiliary head",
                "7x7 or 8x8",
                "use images of 28 or 32 pixels (imagenet stem: 224), or leave the auxiliary head out",
            )
        return self.head(self.body(self.pool(torch.relu(x))))


def stacked(
    make: Callable[[str, int, int, int, bool, bool], Any], cells: int, channels: int, c_last: int, shrunk: bool
) -> tuple[list[Any], int]:
    """``cells`` cells and the channels that leave the last. Those at `reduction_places` reduce and double the channels.

    make: ("normal" or "reduce", c_before, c_last, channels, reduction, after_reduction) -> a cell, whose ``channels``
    leave it; shrunk: the first cell's inputs differ in size. Raises `CourseError` for no cell at all.
    """
    if cells < 1:
        raise bad_input(cells, "at least one cell", "ask for a deeper network")
    c_before, made = c_last, []
    for place in range(cells):
        reduction = place in reduction_places(cells)
        kind, channels = ("reduce", 2 * channels) if reduction else ("normal", channels)
        made.append(part(kind, make(kind, c_before, c_last, channels, reduction, shrunk)))
        c_before, c_last, shrunk = c_last, made[-1].channels, reduction
    return made, c_last


def classifier(channels: int, classes: int, *first: nn.Module) -> nn.Sequential:
    """What follows the last cell: ``first``, average pooling over the whole map, a linear layer."""
    return part("head", nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)))


@builds(Genotype)
class CellNetwork(nn.Module):
    """Cells stacked: a stem, ``cells`` cells of which those at `reduction_places` halve the image and double the
    channels, average pooling over the whole map, a linear classifier.

    (batch, in_channels, h, w) -> (batch, classes); in training with ``auxiliary``, a pair of such: the output and the
    auxiliary head's. stem: "cifar" keeps the image's size, "imagenet" divides it by 8. ``drop_path`` is the
    probability with which a path is dropped in training; it may be set at any time, as DARTS raises it from epoch to
    epoch. Raises `CourseError` for a stem that is not known.
    """

    small: ClassVar[Mapping[str, Any]] = {"channels": 16, "cells": 6}

    def __init__(
        self,
        genotype: Genotype,
        channels: int = 36,
        cells: int = 20,
        classes: int = 10,
        stem: Literal["cifar", "imagenet"] = "cifar",
        auxiliary: bool = False,
        in_channels: int = 3,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= drop_path < 1:
            raise bad_input(drop_path, "a probability in 0..1, below 1", "DARTS ends at 0.2")
        self.drop_path, self.stem = drop_path, stem
        self.stems, c_last = stems(stem, channels, in_channels)

        def cell(kind: str, *at: Any) -> CellModule:
            return CellModule(getattr(genotype, kind), *at)

        made, c_last = stacked(cell, cells, channels, c_last, stem == "imagenet")
        self.cells = nn.ModuleList(made)
        self.auxiliary_at = 2 * cells // 3
        self.auxiliary = AuxiliaryHead(made[self.auxiliary_at].channels, classes, stem) if auxiliary else None
        self.head = classifier(c_last, classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        before = self.stems[0](x)
        last = self.stems[1](before)
        auxiliary: Tensor | None = None
        for place, cell in enumerate(self.cells):
            before, last = last, cell(before, last, drop_path=self.drop_path)
            if place == self.auxiliary_at and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(last)
        logits: Tensor = self.head(last)
        return logits if auxiliary is None else (logits, auxiliary)

    def window(self) -> Window | None:
        before: Window | None = Window().conv(3)
        last = before
        if self.stem == "imagenet":
            before = Window().conv(3, 2).conv(3, 2)
            last = before.conv(3, 2)
        for cell in cast(Iterable[CellModule], self.cells):
            before, last = last, cell.window(before, last)
        return last


def stems(stem: str, channels: int, in_channels: int) -> tuple[nn.ModuleList, int]:
    """What the first cell reads: the two stems, the second applied to the first's output, and their channels."""

    def conv(c_in: int, c_out: int, stride: int) -> list[nn.Module]:
        return [nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(c_out)]

    if stem == "cifar":
        # both inputs of the first cell are the stem's output
        first = nn.Sequential(*conv(in_channels, 3 * channels, 1))
        return nn.ModuleList((first, part("stem", nn.Identity()))), 3 * channels
    if stem == "imagenet":
        half = channels // 2
        first = nn.Sequential(*conv(in_channels, half, 2), nn.ReLU(), *conv(half, channels, 2))
        second = nn.Sequential(nn.ReLU(), *conv(channels, channels, 2))
        return nn.ModuleList((first, part("stem", second))), channels
    raise bad_input(stem, "a stem out of cifar, imagenet", "check the spelling")
