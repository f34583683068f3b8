"""Images on their way into a training: random crops and flips (He et al. 2016), cutout (DeVries & Taylor 2017), and
batches without end.

Every image of a batch gets its own draw. All draws come from a private generator on the CPU, so they are the same on
every device and come back when the generator's state does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .data import Images


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Pad by ``padding`` pixels of 0 on every side, then cut a window of the old size at a random place.

    (batch, channels, h, w) -> the same, of any type; all (2 * padding + 1)² places are equally likely.
    """
    n, _, height, width = images.shape
    places = torch.randint(2 * padding + 1, (n, 2, 1), generator=generator)
    rows = (places[:, 0] + torch.arange(height)).to(images.device)
    columns = (places[:, 1] + torch.arange(width)).to(images.device)
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    which = torch.arange(n, device=images.device)
    return padded[which[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror every image (batch, channels, h, w) left to right with probability 1/2."""
    flip = torch.randint(2, (len(images), 1, 1, 1), generator=generator).bool().to(images.device)
    return torch.where(flip, images.flip(3), images)


def cutout(images: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """Zero a square of ``length`` x ``length`` pixels around a random pixel; what lies outside the image is lost.

    (batch, channels, h, w) -> the same; the square is the same in all channels. Standardized images come in, so that
    the square is filled with the mean.
    """
    rows, columns = (_span(len(images), size, length, generator) for size in images.shape[2:])
    inside = rows[:, None, :, None] & columns[:, None, None, :]
    return images.masked_fill(inside.to(images.device), 0)


def _span(n: int, size: int, length: int, generator: torch.Generator) -> Tensor:
    """(n, size): which of the ``size`` places lie in a span of ``length`` around a random one."""
    start = torch.randint(size, (n, 1), generator=generator) - length // 2
    place = torch.arange(size)
    return (place >= start) & (place < start + length)


class EndlessBatches:
    """Standardized batches of ``images``, each pass through them in a new order, a ragged rest left out.

    One stream serves a whole search: an iterator made anew for every batch would copy or shuffle all of the images
    each time. ``crop``: pixels of padding before a random crop, which comes with a random flip; 0 leaves the images
    as they are. All randomness is the generator's.
    """

    def __init__(self, images: Images, size: int, generator: torch.Generator, crop: int = 0) -> None:
        self.images = images
        self.size = min(size, len(images))
        self.generator = generator
        self.crop = crop
        self._order = torch.empty(0, dtype=torch.long)
        self._next = 0

    def __iter__(self) -> EndlessBatches:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self._next + self.size > len(self._order):
            self._order = torch.randperm(len(self.images), generator=self.generator)
            self._next = 0
        index = self._order[self._next : self._next + self.size]
        self._next += self.size
        batch = self.images[index.to(self.images.labels.device)]
        if self.crop:
            moved = random_flip(random_crop(batch.pixels, self.crop, self.generator), self.generator)
            batch = replace(batch, pixels=moved)
        return batch.standardized().contiguous(memory_format=torch.channels_last), batch.labels

    def state_dict(self) -> dict[str, Any]:
        """The order of this pass, the place in it, and the generator."""
        return {"order": self._order, "next": self._next, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._order, self._next = state["order"], state["next"]
        self.generator.set_state(state["generator"])
