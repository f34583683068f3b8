"""What a search with DARTS is: its settings, and the images it uses.

The defaults are those of the paper on CIFAR-10 (Liu, Simonyan & Yang 2019, section 3.1, appendix, and authors' code).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from ... import budgets
from ...data import Images, SearchData, load
from ...errors import bad_input

Order = Literal["first", "second", "exact"]
"""How α's gradient is taken: at w as it is; at the virtual w', with the product by finite differences; or with the
product by double backward."""


@dataclass(frozen=True)
class DartsConfig:
    """The settings of a search; the defaults are the paper's.

    net: keywords of the supernet (channels, cells, partial, ...); w_...: SGD of the weights, its learning rate falling
    by a cosine, a step an epoch, its gradients clipped; alpha_...: Adam of α; alpha_from: epochs before α moves;
    augment: random crops and flips; record_every: steps between two records of α, which is recorded after each epoch
    besides.
    """

    net: Mapping[str, Any] = field(default_factory=lambda: {"channels": 16, "cells": 8})
    order: Order = "second"
    epochs: int = 50
    batch_size: int = 64
    augment: bool = True
    w_lr: float = 0.025
    w_lr_min: float = 0.001
    w_momentum: float = 0.9
    w_weight_decay: float = 3e-4
    w_clip: float = 5.0
    alpha_lr: float = 3e-4
    alpha_betas: tuple[float, float] = (0.5, 0.999)
    alpha_weight_decay: float = 1e-3
    alpha_from: int = 0
    record_every: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.record_every) < 1:
            raise bad_input(self, "at least one epoch, one image a batch, one step a record", "raise the number")
        if self.order not in get_args(Order):
            raise bad_input(self.order, f"an order out of {', '.join(get_args(Order))}", "check the spelling")

    def learning_rate(self, epoch: int) -> float:
        """Of the weights in ``epoch`` (from 0)."""
        return self.w_lr_min + (self.w_lr - self.w_lr_min) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


@dataclass(frozen=True)
class Preset:
    """A configuration with its images: how many (None: all; half train w, half train α), and how much smaller."""

    config: DartsConfig
    images: int | None = None
    shrink: int = 1


PRESETS = {
    space: {name: Preset(**given | {"config": DartsConfig(**given["config"])}) for name, given in named.items()}
    for space, named in budgets.DARTS.items()
}
"""space ("cell", "micro") -> name -> preset; what each is: see `budgets.DARTS`."""


def search_images(
    space: str,
    name: str = "fashion_mnist",
    preset: Preset | None = None,
    download: bool = False,
    part: Callable[[Images, int], Images] = Images.subset,
) -> SearchData:
    """``train`` for the weights, ``valid`` for α: halves of the training images of the data set ``name``.

    Both halves together are all training images, as in the paper; on a space that the benchmark judges
    (`budgets.TABULATED`) they are the images that it trains on, so that (with ``fashion_mnist``) those it validates on
    stay unseen. ``part`` takes as many as the preset says. Raises as `nascourse.data.load`.
    """
    preset = preset or PRESETS[space]["paper"]
    if space in budgets.TABULATED:
        train = load(name, download=download).train
        data = SearchData(train[0::2], train[1::2])
    else:
        data = load(name, 1 / 2, download)
    if preset.images is not None:
        half = preset.images // 2
        data = replace(data, train=part(data.train, half), valid=part(data.valid, half))
    return data.shrunk(preset.shrink) if preset.shrink > 1 else data
