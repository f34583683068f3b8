"""What a retraining is: its settings, and the images it uses.

The defaults are those of DARTS on CIFAR-10 (Liu, Simonyan & Yang 2019, section 3.2 and the authors' code).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi
from typing import Any

import torch
from torch import Tensor

from .. import budgets
from ..augment import cutout, random_crop, random_flip
from ..data import Images, load, load_test
from ..errors import bad_input
from ..networks.build import keywords
from ..spaces.base import Architecture


@dataclass(frozen=True, slots=True)
class Retraining:
    """How a derived architecture is trained; the defaults are DARTS' on CIFAR-10.

    auxiliary: weight of the auxiliary head's loss, 0 for no head (it needs images of 28 or 32 pixels); drop_path: the
    probability that the rising probability approaches; crop, cutout: padding and side of the square as parts of the
    image's side (4 and 16 pixels of 32), 0 for none. hold_out: the part of the training images that is not trained on
    but measured after each epoch, 0 for none; images: how many training images are used, None for all; shrink: blocks
    of so many pixels become one. A network that knows no auxiliary head or no drop path does without.
    """

    channels: int = 36
    cells: int = 20
    epochs: int = 600
    batch_size: int = 96
    lr: float = 0.025
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    auxiliary: float = 0.4
    drop_path: float = 0.2
    crop: float = 1 / 8
    flip: bool = True
    cutout: float = 1 / 2
    hold_out: float = 0.0
    images: int | None = None
    shrink: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or self.shrink < 1:
            raise bad_input(self, "at least one epoch and two images a batch", "raise the number")
        for name in ("drop_path", "hold_out"):
            if not 0 <= getattr(self, name) < 1:
                raise bad_input(f"{name}={getattr(self, name)}", "a part in 0..1, below 1", "0 leaves it out")

    def lr_at(self, epoch: int) -> float:
        """The learning rate in ``epoch`` (from 0): a cosine that would reach 0 after the last one."""
        return self.lr * (1 + cos(pi * epoch / self.epochs)) / 2

    def drop_path_at(self, epoch: int) -> float:
        """The probability of dropping a path in ``epoch`` (from 0): 0 in the first, just below ``drop_path`` in the
        last (authors' code)."""
        return self.drop_path * epoch / self.epochs

    def augmented(self, images: Images, draws: torch.Generator) -> Tensor:
        """A batch as it is trained on: cropped, flipped, standardized, cut out (n, channels, height, width)."""
        pixels, side = images.pixels, images.shape[1]
        if self.crop:
            pixels = random_crop(pixels, round(self.crop * side), draws)
        if self.flip:
            pixels = random_flip(pixels, draws)
        batch = replace(images, pixels=pixels).standardized()
        return cutout(batch, round(self.cutout * side), draws) if self.cutout else batch

    def net(self, arch: Architecture, image: tuple[int, int, int], classes: int) -> dict[str, Any]:
        """The keywords of the network of ``arch``, as far as it knows them."""
        net = {"channels": self.channels, "classes": classes, "in_channels": image[0], "cells": self.cells}
        known = keywords(arch)
        return {key: value for key, value in (net | {"auxiliary": self.auxiliary > 0}).items() if key in known}


PRESETS = {name: Retraining(**given) for name, given in budgets.RETRAINING.items()}
"""name -> plan; see `budgets.RETRAINING`."""


@dataclass(frozen=True, slots=True)
class RetrainData:
    """Images to train on, to measure after each epoch (None: none are held out), and to test on once, at the end."""

    train: Images
    valid: Images | None
    test: Images

    def describe(self) -> dict[str, Any]:
        """How many there are and what they are, for a checkpoint's configuration."""
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: None if images is None else _described(images) for name, images in parts.items()}


def retrain_data(name: str, plan: Retraining, download: bool = False) -> RetrainData:
    """The images of the data set ``name`` as ``plan`` uses them. Raises as `nascourse.data.load`."""
    split = load(name, plan.hold_out or 1 / 2, download)
    train, valid = (split.train, split.valid) if plan.hold_out else (split.both(), None)
    test = load_test(name, download)
    if plan.images is not None:
        train, test = (images.subset(min(plan.images, len(images))) for images in (train, test))
        valid = None if valid is None else valid.subset(min(plan.images, len(valid)))
    if plan.shrink > 1:
        train, test = train.shrunk(plan.shrink), test.shrunk(plan.shrink)
        valid = None if valid is None else valid.shrunk(plan.shrink)
    return RetrainData(train, valid, test)


def _described(images: Images) -> dict[str, Any]:
    return {"number": len(images), "shape": list(images.shape), "sha256": images.digest()}
