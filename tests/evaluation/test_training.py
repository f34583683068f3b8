"""Training: repeatable, honest about divergence, able to learn, and blind to test images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nascourse import data as data_module
from nascourse.data import SearchData, batches, load
from nascourse.errors import CourseError
from nascourse.evaluation.training import Recipe, TrainFromScratch, accuracy, train
from nascourse.networks.build import build_seeded, count
from nascourse.search.base import Proposal
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

NET = {"channels": 4, "cells": (1,), "in_channels": 1, "stem_stride": 2}
CELL = MicroCell(("nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "skip_connect"))


@pytest.fixture(scope="module")
def tiny() -> SearchData:
    whole = load().shrunk(2)
    return SearchData(whole.train.subset(256), whole.valid.subset(300))


def evaluation_on(tiny: SearchData, **recipe: object) -> TrainFromScratch:
    return TrainFromScratch(tiny, Recipe(**{"epochs": 1, "batch_size": 32} | recipe), NET)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny: SearchData) -> None:
    def trained(seed: int) -> tuple[tuple[float, ...], list[torch.Tensor]]:
        network = build_seeded(CELL, seed, **NET)
        done = train(network, tiny, Recipe(epochs=2, batch_size=32), seed)
        return done.losses + done.accuracies, [p.detach() for p in network.parameters()]

    (numbers, weights), (again, same), (other, _) = trained(1), trained(1), trained(2)
    assert numbers == again
    assert all(torch.equal(a, b) for a, b in zip(weights, same, strict=True))
    assert numbers != other


def test_the_global_generator_plays_no_part(tiny: SearchData) -> None:
    evaluation = evaluation_on(tiny)
    torch.manual_seed(1)
    first = evaluation(Trial(0, CELL, 5))
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    assert evaluation(Trial(7, CELL, 5)).extra == first.extra
    assert torch.equal(torch.random.get_rng_state(), state)


def test_it_learns(tiny: SearchData) -> None:
    images = SearchData(tiny.train.subset(64), tiny.valid)
    done = train(build_seeded(CELL, 0, **NET), images, Recipe(epochs=40, batch_size=32), seed=0)
    assert done.losses[0] > 1.5  # ln 10 = 2.30 is a guess
    assert done.losses[-1] < 0.6 * done.losses[0]
    assert done.diverged is None
    assert done.accuracy == done.accuracies[-1]
    assert len(done.losses) == len(done.accuracies) == 40


def test_divergence_is_reported(tiny: SearchData) -> None:
    done = train(build_seeded(CELL, 0, **NET), tiny, Recipe(epochs=5, batch_size=32, lr=1e6, clip=None), seed=0)
    assert done.diverged is not None
    assert math.isnan(done.accuracy)
    assert len(done.accuracies) == done.diverged - 1
    result = evaluation_on(tiny, lr=1e6, clip=None, epochs=5)(Trial(0, CELL, 0))
    assert result.failed
    assert result.extra["diverged"] == done.diverged


def test_a_search_says_that_a_training_diverged(tiny: SearchData) -> None:
    evaluation = evaluation_on(tiny, lr=1e6, clip=None, epochs=5)

    class Same(RandomSearch[MicroCell]):
        def propose(self) -> Proposal[MicroCell]:
            return Proposal(CELL)

    with pytest.warns(UserWarning, match="1 of 1 evaluations failed; the first: the training diverged in epoch 1"):
        history = search(Same(MicroSpace()), evaluation, 1)
    assert np.isnan(history.best_so_far).all()
    assert len(history.failures) == 1


def test_accuracy_is_a_count(tiny: SearchData) -> None:
    network = build_seeded(CELL, 3, **NET)
    network.train()
    got = accuracy(network, tiny.valid, batch_size=77)
    pixels = (tiny.valid.pixels.double() / 255 - tiny.valid.mean[0]) / tiny.valid.std[0]
    right = 0
    with torch.no_grad():
        for image, label in zip(pixels.float(), tiny.valid.labels, strict=True):  # network is in evaluation mode now
            right += int(network(image[None]).argmax()) == int(label)
    assert not network.training
    assert got == right / 300


def test_the_accuracy_of_a_constant_answer_is_the_share_of_its_class() -> None:
    network = build_seeded(MicroCell(("none",) * 6), 0, **NET)
    assert accuracy(network, load().shrunk(2).valid) == 0.1


def test_the_learning_rate_falls_from_lr_to_0_by_a_cosine() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer, schedule = Recipe(lr=0.4).optimizer([weight], steps=20)
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    expected = [0.2 * (1 + math.cos(math.pi * step / 20)) for step in range(20)]
    assert rates == pytest.approx(expected)
    assert schedule.get_last_lr()[0] == pytest.approx(0, abs=1e-12)


def test_the_gradient_is_clipped_and_weights_decay(tiny: SearchData) -> None:
    """One step from one batch, written out: v = g·min(1, c/‖g‖) + λw, w' = w − lr·(1 + μ)·v (Nesterov, first step)."""
    images = SearchData(tiny.train.subset(32), tiny.valid)
    recipe = Recipe(epochs=1, batch_size=32, lr=0.1, momentum=0.9, weight_decay=0.01, clip=0.2)
    network, twin = build_seeded(CELL, 0, **NET), build_seeded(CELL, 0, **NET)
    train(network, images, recipe, seed=4)

    twin.train()
    ((pixels, labels),) = batches(images.train, 32, torch.Generator().manual_seed(4))
    torch.nn.functional.cross_entropy(twin(pixels), labels).backward()
    parameters = list(twin.parameters())
    norm = math.sqrt(sum(float(p.grad.double().square().sum()) for p in parameters if p.grad is not None))
    assert norm > 0.2
    for got, w in zip(network.parameters(), parameters, strict=True):
        assert w.grad is not None
        expected = w - 0.1 * 1.9 * (w.grad * (0.2 / norm) + 0.01 * w)
        assert torch.allclose(got, expected, atol=1e-6)


def test_an_evaluation_reports_the_last_accuracy_and_what_the_network_costs(tiny: SearchData) -> None:
    result = evaluation_on(tiny, epochs=3)(Trial(0, CELL, 1))
    costs = count(CELL, tiny.train.shape, **NET)
    assert (result.params, result.macs) == (costs.params, costs.macs)
    assert result.accuracy == result.extra["accuracies"][-1]
    assert len(result.extra["accuracies"]) == 3


def test_fidelity_is_the_number_of_epochs(tiny: SearchData) -> None:
    asked = evaluation_on(tiny, epochs=9)(Trial(0, CELL, 1, fidelity=2))
    assert asked.fidelity == 2
    assert asked.extra == evaluation_on(tiny, epochs=2)(Trial(0, CELL, 1)).extra


def test_a_search_never_opens_the_test_set(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Arrays(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            opened.append(key)
            return super().__getitem__(key)

    arrays = Arrays(data_module._arrays("fashion_mnist", False))
    monkeypatch.setattr(data_module, "_arrays", lambda *_: arrays)
    monkeypatch.setattr(data_module, "load_test", lambda *_: pytest.fail("a search opened the test set"))
    whole = load().shrunk(2)
    small = SearchData(whole.train.subset(128), whole.valid.subset(100))
    history = search(RandomSearch(MicroSpace()), TrainFromScratch(small, Recipe(epochs=1), NET), 2)
    assert np.isfinite(history.accuracies).all()
    assert "train_images" in opened
    assert not [key for key in opened if "test" in key]


def test_the_journal_of_other_images_is_refused_in_one_line(tiny: SearchData, tmp_path: Path) -> None:
    """They are as many and of the same shape: their digest tells them apart."""
    path = tmp_path / "journal.jsonl"
    search(RandomSearch(MicroSpace()), evaluation_on(tiny), 1, journal=path)
    before = path.read_bytes()
    brighter = replace(tiny.valid, pixels=tiny.valid.pixels // 2 + 100)
    relabelled = replace(tiny.train, labels=tiny.train.labels.flip(0))
    for other in (replace(tiny, valid=brighter), replace(tiny, train=relabelled)):
        with pytest.raises(CourseError, match=r"got 'evaluation .* as in journal\.jsonl") as caught:
            search(RandomSearch(MicroSpace()), evaluation_on(other), 2, journal=path)
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == before
    copied = SearchData(*(replace(images, pixels=images.pixels.clone()) for images in (tiny.train, tiny.valid)))
    assert len(search(RandomSearch(MicroSpace()), evaluation_on(copied), 2, journal=path)) == 2


def test_images_are_read_for_their_digest_once(tiny: SearchData, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def digest(images: data_module.Images) -> str:
        read.append(len(images))
        return "0"

    monkeypatch.setattr(data_module.Images, "digest", digest)
    evaluation = evaluation_on(tiny)
    evaluation(Trial(0, CELL, 1))
    assert read == []
    assert evaluation.describe() == evaluation.describe()
    assert read == [256, 300]


def test_the_kind_of_device_is_part_of_what_it_is_and_its_number_is_not(tiny: SearchData) -> None:
    described = [TrainFromScratch(tiny, Recipe(), NET, device).describe() for device in ("cpu", "cuda", "cuda:1")]
    assert [one["device"] for one in described] == ["cpu", "cuda", "cuda"]
    assert described[1] == described[2]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"epochs": -1}])
def test_a_recipe_that_trains_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(CourseError, match="at least one epoch and one image") as caught:
        Recipe(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
