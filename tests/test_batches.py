"""Batches without end: every image once in a pass, one pass after the other, from a place that can be saved."""

from __future__ import annotations

import itertools

import pytest
import torch

from nascourse.augment import EndlessBatches
from nascourse.data import Images

N = 50
# the first pixel of image i is i, so that a batch tells which images it holds
PIXELS = torch.arange(N, dtype=torch.uint8).view(N, 1, 1, 1).expand(N, 1, 4, 4).clone()
IMAGES = Images(PIXELS, torch.arange(N), (0.25,), (0.5,), tuple(map(str, range(N))))


def stream(size: int = 16, seed: int = 0, crop: int = 0) -> EndlessBatches:
    return EndlessBatches(IMAGES, size, torch.Generator().manual_seed(seed), crop)


def test_a_pass_holds_every_image_at_most_once_in_whole_batches() -> None:
    passes = [torch.cat([labels for _, labels in itertools.islice(batches, 3)]) for batches in [stream()] * 4]
    for labels in passes:
        assert len(labels) == 48
        assert len(labels.unique()) == 48
    assert not torch.equal(passes[0], passes[1])
    counts = torch.bincount(torch.cat(passes), minlength=N)
    assert counts.min() >= 1  # what one pass leaves out, another one holds


def test_batches_are_standardized_and_carry_their_own_labels() -> None:
    images, labels = next(stream())
    torch.testing.assert_close(images[:, 0, 0, 0], (labels / 255 - 0.25) / 0.5)


def test_a_batch_larger_than_the_set_is_the_set() -> None:
    _, labels = next(stream(size=999))
    assert labels.sort().values.tolist() == list(range(N))


@pytest.mark.parametrize("crop", [0, 2])
@pytest.mark.parametrize("taken", [0, 1, 3, 7])
def test_it_goes_on_from_where_it_was_saved(taken: int, crop: int) -> None:
    expected, resumed = stream(crop=crop), stream(seed=99, crop=crop)
    for _ in range(taken):
        next(expected)
    resumed.load_state_dict(expected.state_dict())
    for _ in range(5):
        for a, b in zip(next(expected), next(resumed), strict=True):
            assert torch.equal(a, b)


def test_cropped_images_are_windows_of_the_padded_ones() -> None:
    images, labels = next(stream(crop=2))
    black = (0 - 0.25) / 0.5
    values = {(float(label) / 255 - 0.25) / 0.5 for label in labels} | {black}
    found = images.flatten().unique()
    assert all(min(abs(float(value) - known) for known in values) < 1e-6 for value in found)
    assert (images[labels > 0] == black).any()


def test_one_stream_shuffles_once_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """T6: ``next(iter(loader))`` in the loop makes the loader's iterator, and its order, anew for every batch."""
    drawn = 0
    randperm = torch.randperm

    def counted(*args: object, **keywords: object) -> torch.Tensor:
        nonlocal drawn
        drawn += 1
        return randperm(*args, **keywords)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(torch, "randperm", counted)
    batches = stream()
    for _ in range(9):
        next(batches)
    assert drawn == 3
