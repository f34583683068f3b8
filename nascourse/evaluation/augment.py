"""What is done to images in training: random crops and flips (He et al. 2016), cutout (DeVries & Taylor 2017).

Every image of a batch gets its own draw. All draws come from a private generator on the CPU, so they are the same on
every device and come back when the generator's state does.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
