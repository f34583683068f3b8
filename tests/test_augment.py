"""Augmentation against counting: where crops, flips and squares may fall, and how often they do."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, chisquare

from nascourse.augment import cutout, random_crop, random_flip


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_a_window_of_the_padded_image_and_all_are_equally_likely() -> None:
    image = torch.arange(1, 2 * 3 * 4 + 1, dtype=torch.uint8).view(1, 2, 3, 4)
    padded = np.pad(image[0].numpy(), ((0, 0), (1, 1), (1, 1)))
    windows = {padded[:, y : y + 3, x : x + 4].tobytes(): (y, x) for y, x in product(range(3), range(3))}
    crops = random_crop(image.expand(3000, -1, -1, -1), 1, draws())
    assert crops.dtype == torch.uint8
    found = Counter(windows[crop.numpy().tobytes()] for crop in crops.contiguous())
    assert len(found) == 9
    assert chisquare(list(found.values())).pvalue > 0.001


def test_a_flip_mirrors_half_of_the_images() -> None:
    image = torch.arange(12.0).view(1, 2, 2, 3)
    flipped = random_flip(image.expand(1000, -1, -1, -1), draws())
    mirrored = (flipped == image[..., [2, 1, 0]]).flatten(1).all(1)
    same = (flipped == image).flatten(1).all(1)
    assert bool((mirrored ^ same).all())
    assert binomtest(int(mirrored.sum()), 1000).pvalue > 0.001


@pytest.mark.parametrize(("side", "length"), [(32, 16), (28, 14), (7, 3)])
def test_cutout_covers_each_pixel_as_often_as_counting_says(side: int, length: int) -> None:
    """A pixel is covered when the random centre lies so near that the square reaches it: enumerate the centres."""
    reach = [sum(c - length // 2 <= p < c - length // 2 + length for c in range(side)) for p in range(side)]
    expected = np.outer(reach, reach) / side**2
    n = 20_000
    images = cutout(torch.ones(n, 1, side, side), length, draws())
    covered = (images == 0).float().mean((0, 1)).numpy()
    error = np.sqrt(expected * (1 - expected) / n)
    assert np.all(np.abs(covered - expected) < 5 * error)
    share = (images == 0).float().flatten(1).mean(1)  # one image's squares are independent of the next one's
    assert float(share.mean()) == pytest.approx(expected.mean(), abs=5 * float(share.std()) / n**0.5)


def test_the_paper_s_square_covers_a_fifth() -> None:
    """Side 16 on 32 pixels: mean overlap 14 of 32 in each direction, (14/32)² of the area; at least a quarter of the
    square stays inside."""
    images = cutout(torch.ones(20_000, 3, 32, 32), 16, draws(1))
    pixels = (images[:, 0] == 0).flatten(1).sum(1)
    assert torch.equal(images[:, 0], images[:, 2])
    assert float(pixels.float().mean()) / 32**2 == pytest.approx((14 / 32) ** 2, abs=0.002)
    assert (int(pixels.min()), int(pixels.max())) == (8 * 8, 16 * 16)


def test_all_draws_come_from_the_generator() -> None:
    images = torch.rand(8, 1, 10, 10)
    state = torch.get_rng_state()

    def augmented(generator: torch.Generator) -> torch.Tensor:
        return cutout(random_flip(random_crop(images, 2, generator), generator), 5, generator)

    generator = draws(3)
    first, second = augmented(generator), augmented(generator)
    assert not torch.equal(first, second)
    generator.set_state(draws(3).get_state())
    assert torch.equal(augmented(generator), first)
    assert torch.equal(torch.get_rng_state(), state)
