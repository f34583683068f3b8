"""Networks side by side against the same networks trained one by one, in float64."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nascourse.data import Images, SearchData
from nascourse.errors import CourseError
from nascourse.evaluation import batched
from nascourse.evaluation.batched import grouped, train_side_by_side
from nascourse.evaluation.training import Recipe
from nascourse.networks.build import build_seeded
from nascourse.spaces.micro import MicroCell

CELLS = [
    MicroCell(("nor_conv_3x3", "none", "nor_conv_1x1", "skip_connect", "avg_pool_3x3", "nor_conv_3x3")),
    MicroCell(("skip_connect",) * 6),
    MicroCell(("none",) * 6),
]
NET = {"channels": 4, "cells": (1, 1), "in_channels": 1}
RECIPE = Recipe(epochs=2, batch_size=8, lr=0.05, clip=None)


def random_data(n: int = 80) -> SearchData:
    g = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (n, 1, 8, 8), generator=g, dtype=torch.uint8)
    images = Images(pixels, torch.randint(0, 10, (n,), generator=g), (0.5,), (0.25,), tuple("0123456789"))
    return SearchData(images, images[:20])


def members(cell: MicroCell, seeds: list[int]) -> list[nn.Module]:
    return [build_seeded(cell, seed, **NET).double() for seed in seeds]


def train_alone(network: nn.Module, data: SearchData, seed: int) -> None:
    """Twenty plain steps of SGD with Nesterov momentum and a cosine, written out by hand."""
    pixels = data.train.standardized().double()
    steps, done = 2 * (len(pixels) // 8), 0
    optimizer = torch.optim.SGD(network.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True)
    order = torch.Generator().manual_seed(seed)
    network.train()
    for _ in range(2):
        for index in torch.randperm(len(pixels), generator=order).split(8):
            optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * done / steps)) / 2
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(pixels[index]), data.train.labels[index]).backward()
            optimizer.step()
            done += 1


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_side_by_side_equals_alone_after_twenty_steps(cell: MicroCell) -> None:
    seeds, data = [0, 1, 5], random_data()
    networks = members(cell, seeds)
    whole, trainings = train_side_by_side(networks, data, RECIPE, seeds)
    whole.eval()
    probe = torch.randn(6, 1, 8, 8, dtype=torch.float64)
    together = whole(probe.repeat(1, 3, 1, 1))
    for g, (network, seed) in enumerate(zip(networks, seeds, strict=True)):
        train_alone(network, data, seed)
        network.eval()
        assert (together[:, g] - network(probe)).abs().max() < 1e-9
        right = (network(data.valid.standardized().double()).argmax(1) == data.valid.labels).sum().item()
        assert trainings[g].accuracy == right / len(data.valid)


def test_members_do_not_touch_each_other() -> None:
    first, second = members(CELLS[0], [0, 1])
    other = copy.deepcopy(second)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(7.0)
    x = torch.randn(4, 2, 8, 8, dtype=torch.float64)
    a, b = grouped([first, second])(x), grouped([first, other])(x)
    assert torch.equal(a[:, 0], b[:, 0])
    assert not torch.allclose(a[:, 1], b[:, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("step", "epoch"), [(9, 1), (10, 2)])
def test_a_member_that_diverges_is_reported_and_leaves_the_others_as_they_are(
    step: int, epoch: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The middle one of three loses its loss, and with it its weights, in one of twenty steps."""
    seeds, data = [0, 1, 5], random_data()
    plain, expected = train_side_by_side([m.to(dtype) for m in members(CELLS[0], seeds)], data, RECIPE, seeds)
    factors: Iterator[float] = chain(repeat(1.0, step), [math.nan], repeat(1.0))
    losses = batched.member_losses

    def spoiled(*inputs: Any) -> Tensor:
        return losses(*inputs) * torch.tensor([1.0, next(factors), 1.0], dtype=dtype)

    monkeypatch.setattr(batched, "member_losses", spoiled)
    whole, trainings = train_side_by_side([m.to(dtype) for m in members(CELLS[0], seeds)], data, RECIPE, seeds)
    assert [training.diverged for training in trainings] == [None, epoch, None]
    assert math.isnan(trainings[1].accuracy)
    assert [math.isnan(loss) for loss in trainings[1].losses] == [epoch == 1, True]
    for g in (0, 2):
        assert trainings[g].accuracies == expected[g].accuracies
        assert trainings[g].losses == expected[g].losses
    probe = torch.randn(6, 3, 8, 8, dtype=dtype)
    assert torch.equal(whole.eval()(probe)[:, ::2], plain.eval()(probe)[:, ::2])


def test_joint_clipping_and_unknown_layers_are_refused() -> None:
    data = random_data()
    with pytest.raises(CourseError, match="clip"):
        train_side_by_side(members(CELLS[0], [0]), data, replace(RECIPE, clip=5.0), [0])
    with pytest.raises(CourseError, match="LayerNorm"):
        grouped([nn.Sequential(nn.LayerNorm(3)), nn.Sequential(nn.LayerNorm(3))])
