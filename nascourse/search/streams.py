"""Batches without end, from a place that can be saved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..data import Images
from ..evaluation.augment import random_crop, random_flip


class Stream:
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

    def __iter__(self) -> Stream:
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
