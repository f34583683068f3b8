"""The evaluation phase: schedules in closed form, one step by hand, and stopped anywhere it ends the same."""

from __future__ import annotations

import importlib
import json
import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from nascourse.data import load
from nascourse.errors import CourseError
from nascourse.evaluation.retrain import PROGRAM, RECORD, Retrained, objective, retrain
from nascourse.evaluation.retrain_plan import PRESETS, RetrainData, Retraining, retrain_data
from nascourse.evaluation.training import accuracy
from nascourse.networks.build import build, build_seeded, count
from nascourse.networks.cells import CellNetwork
from nascourse.networks.export import build_design
from nascourse.runs import checkpoint
from nascourse.runs.runner import CHECKPOINT
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import DARTS_V1, DARTS_V2
from tests.children import Child

module = importlib.import_module("nascourse.evaluation.retrain")  # the room's face has the function of that name
CELL = MicroCell(("nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "skip_connect"))
PLAN = Retraining(
    channels=2, cells=3, epochs=3, batch_size=16, auxiliary=0, hold_out=1 / 3, images=50, shrink=2, drop_path=0.5
)
"""Four batches an epoch, the last of two images."""


@pytest.fixture(scope="module")
def tiny() -> RetrainData:
    return retrain_data("fashion_mnist", PLAN)


def a_run(data: RetrainData, folder: Path | None = None, seed: int = 1, **keywords: Any) -> Retrained:
    return retrain(DARTS_V2, data, PLAN, seed, folder, **keywords)


@pytest.fixture(scope="module")
def whole(tiny: RetrainData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted training."""
    folder = tmp_path_factory.mktemp("whole")
    assert a_run(tiny, folder).finished
    return folder


def stored(folder: Path) -> dict[str, Any]:
    """What a training left, without what no two runs share."""
    config = torch.load(folder / CHECKPOINT, weights_only=True)["config"]
    state = checkpoint.load(folder / CHECKPOINT, config)
    del state["sittings"], state["seconds"]
    for row in state["rows"]:
        del row["seconds"]
    return state


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


# -- settings and schedules ---------------------------------------------------------------------------------------


def test_the_paper_s_network_has_the_published_parameters() -> None:
    net = PRESETS["paper"].net(DARTS_V2, (3, 32, 32), 10)
    assert net["auxiliary"]
    assert count(DARTS_V2, **(net | {"auxiliary": False})).params == 3_349_342


def test_the_learning_rate_is_torch_s_cosine_stepped_once_an_epoch() -> None:
    plan = PRESETS["paper"]
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.025)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 600)
    for epoch in range(600):
        assert plan.lr_at(epoch) == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
        sgd.step()
        schedule.step()
    assert [plan.lr_at(epoch) for epoch in (0, 200, 300, 400)] == pytest.approx([0.025, 0.01875, 0.0125, 0.00625])


def test_drop_path_rises_as_in_the_authors_code() -> None:
    plan = PRESETS["paper"]
    assert [plan.drop_path_at(epoch) for epoch in (0, 1, 300, 599)] == pytest.approx(
        [0, 0.2 / 600, 0.1, 0.2 * 599 / 600]
    )


def test_augmentation_has_the_paper_s_pixels() -> None:
    """On images of ones: a crop by (y, x) leaves |y| rows and |x| columns of zeros, at most 4; the square has 16."""
    train = load().train[:1]
    white = replace(
        train, pixels=torch.full((2000, 3, 32, 32), 255, dtype=torch.uint8), mean=(0.0,) * 3, std=(1.0,) * 3
    )
    draws = torch.Generator().manual_seed(0)
    zeros = (replace(PRESETS["paper"], cutout=0).augmented(white, draws)[:, 0] == 0).sum((1, 2))
    assert int(zeros.max()) == 32**2 - 28**2
    zeros = (replace(PRESETS["paper"], crop=0).augmented(white, draws)[:, 0] == 0).sum((1, 2))
    assert int(zeros.max()) == 16**2


def test_a_micro_cell_s_stages_end_where_darts_reduces() -> None:
    for cells, stages in ((20, (6, 7, 7)), (8, (2, 3, 3))):
        net = Retraining(channels=4, cells=cells).net(CELL, (3, 32, 32), 10)
        assert count(CELL, **net) == count(CELL, **(net | {"cells": stages}))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 1}, {"drop_path": 1.0}, {"hold_out": -0.1}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CourseError):
        Retraining(**wrong)


def test_held_out_images_are_not_trained_on_and_none_is_lost() -> None:
    split, together = (retrain_data("fashion_mnist", Retraining(hold_out=part)) for part in (1 / 3, 0))
    assert together.valid is None
    assert split.valid is not None
    assert (len(split.train), len(split.valid), len(together.train)) == (8000, 4000, 12_000)
    ink = [int(images.pixels.long().sum()) for images in (split.train, split.valid, together.train)]
    assert ink[0] + ink[1] == ink[2]


# -- one step ------------------------------------------------------------------------------------------------------


def test_the_auxiliary_loss_enters_with_its_weight() -> None:
    """Cross entropies known by hand: ln 2 of equal logits, ln 4 where the label has one of four parts."""
    logits, second = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    label = torch.tensor([1])
    assert float(objective((logits, second), label, 0.4)) == pytest.approx(math.log(2) + 0.4 * math.log(4))
    assert float(objective(logits, label, 0.4)) == pytest.approx(math.log(2))


def test_a_step_is_darts_step_by_hand() -> None:
    """One batch, one epoch: w - lr * (g * 5 / |g| + wd * w) with g the gradient of the two weighted losses."""
    plan = Retraining(channels=2, cells=3, epochs=1, batch_size=10, crop=0, flip=False, cutout=0, images=10, clip=0.5)
    data = retrain_data("fashion_mnist", plan)
    done = retrain(DARTS_V2, data, plan, seed=2)
    by_hand = build_seeded(DARTS_V2, 2, channels=2, cells=3, in_channels=1, auxiliary=True)
    logits, second = by_hand.train()(data.train.standardized())
    loss = cross_entropy(logits, data.train.labels) + 0.4 * cross_entropy(second, data.train.labels)
    parameters = list(by_hand.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
    assert norm > 0.5
    assert done.rows[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert done.rows[0]["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    for trained, before, g in zip(done.network.parameters(), parameters, gradients, strict=True):
        after = before - 0.025 * (g * 0.5 / norm + 3e-4 * before)
        torch.testing.assert_close(trained, after, rtol=1e-4, atol=1e-6)


def test_paths_drop_in_training_more_and_more_and_never_in_a_measurement(
    tiny: RetrainData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, float]] = []
    forward = CellNetwork.forward

    def watched(network: CellNetwork, x: torch.Tensor) -> Any:
        seen.append((network.training, network.drop_path))
        return forward(network, x)

    monkeypatch.setattr(CellNetwork, "forward", watched)
    done = a_run(tiny)
    assert [p for training, p in seen if training] == pytest.approx([0] * 4 + [0.5 / 3] * 4 + [1 / 3] * 4)
    measured = [training for training, _ in seen[1:]]  # the very first pass counts multiply-adds
    assert measured == ([True] * 4 + [False]) * 3 + [False]  # the held out images after each epoch, then the test
    assert [row["drop_path"] for row in done.rows] == pytest.approx([0, 0.5 / 3, 1 / 3])


@pytest.mark.parametrize(("images", "steps"), [(32, 2), (33, 2), (34, 3)])
def test_a_rest_is_trained_on_unless_it_is_a_single_image(
    tiny: RetrainData, monkeypatch: pytest.MonkeyPatch, images: int, steps: int
) -> None:
    sizes: list[int] = []

    def noted(output: Any, labels: torch.Tensor, auxiliary: float) -> torch.Tensor:
        sizes.append(len(labels))
        return objective(output, labels, auxiliary)

    monkeypatch.setattr(module, "objective", noted)
    retrain(CELL, replace(tiny, train=tiny.train.subset(images)), replace(PLAN, epochs=1), 0)
    assert len(sizes) == steps
    assert sum(sizes) == images - (images == 33)


def test_it_learns(tiny: RetrainData) -> None:
    plan = Retraining(channels=4, cells=3, epochs=30, batch_size=25, lr=0.1, auxiliary=0, crop=0, cutout=0, flip=False)
    done = retrain(CELL, tiny, plan, 0)
    assert done.rows[-1]["train"] > 0.8
    assert done.rows[-1]["loss"] < 0.5 < done.rows[0]["loss"]


# -- stopped and continued ----------------------------------------------------------------------------------------


def test_the_global_generator_plays_no_part(tiny: RetrainData, whole: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    state = torch.get_rng_state()
    a_run(tiny, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert equal(stored(tmp_path), stored(whole))
    assert not equal(a_run(tiny, seed=2).rows[0]["loss"], stored(whole)["rows"][0]["loss"])


def test_in_slices_it_is_the_same_bit_for_bit(tiny: RetrainData, whole: Path, tmp_path: Path) -> None:
    slices = 0
    while not (done := a_run(tiny, tmp_path, minutes=0)).finished:  # one batch each
        slices += 1
    assert slices == 3 * 4 - 1
    assert equal(stored(tmp_path), stored(whole))
    assert done.test == stored(whole)["test"]
    record = json.loads((tmp_path / RECORD).read_text())
    assert len(record["sittings"]) == 12
    again = a_run(tiny, tmp_path)  # finished: nothing is trained any more
    assert equal([dict(row) for row in again.rows], [dict(row) for row in done.rows])
    assert equal(again.network.state_dict(), done.network.state_dict())


def test_the_work_since_the_last_checkpoint_is_done_again_the_same(
    tiny: RetrainData, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in(monkeypatch, 7, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        a_run(tiny, tmp_path)
    monkeypatch.undo()
    assert stored(tmp_path)["epoch"] == 1
    a_run(tiny, tmp_path)
    assert equal(stored(tmp_path), stored(whole))


def to_be_killed(folder: Path, threads: int) -> None:
    torch.set_num_threads(threads)  # as many as in the run it is compared with: sums of floats depend on their number
    a_run(retrain_data("fashion_mnist", PLAN), folder, save_every=0)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.long)])
def test_killed_at_once_it_goes_on_bit_for_bit(tiny: RetrainData, whole: Path, tmp_path: Path, kills: int) -> None:
    file, seen = tmp_path / CHECKPOINT, 0
    for _ in range(kills):
        child = Child.begin(to_be_killed, tmp_path, torch.get_num_threads())
        child.kill_when(lambda seen=seen: file.exists() and file.stat().st_mtime_ns > seen)
        assert child.was_killed
        seen = file.stat().st_mtime_ns
    state = stored(tmp_path)
    assert (state["epoch"], state["place"]) < (3, 0)
    assert a_run(tiny, tmp_path).finished
    assert equal(stored(tmp_path), stored(whole))


# -- what goes wrong ----------------------------------------------------------------------------------------------


def stop_in(monkeypatch: pytest.MonkeyPatch, batch: int, error: type[BaseException], *told: str) -> None:
    """Let the loss of the ``batch``-th batch (from 1) raise."""
    batches = iter(range(1, 1000))

    def interrupted(output: Any, labels: torch.Tensor, auxiliary: float) -> torch.Tensor:
        if next(batches) == batch:
            raise error(*told)
        return objective(output, labels, auxiliary)

    monkeypatch.setattr(module, "objective", interrupted)


def one_line(call: Callable[[], object], folder: Path) -> str:
    before = (folder / CHECKPOINT).read_bytes()
    with pytest.raises(CourseError) as refused:
        call()
    assert "\n" not in str(refused.value)
    assert str(folder) not in str(refused.value)
    assert (folder / CHECKPOINT).read_bytes() == before
    return str(refused.value)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ..."),
        (RuntimeError, "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you ..."),
        (MemoryError, ""),
    ],
)
def test_out_of_memory_is_a_line(
    tiny: RetrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], told: str
) -> None:
    a_run(tiny, tmp_path, minutes=0)
    stop_in(monkeypatch, 2, error, told)
    assert "batches of 16" in one_line(lambda: a_run(tiny, tmp_path), tmp_path)


def test_other_errors_are_not_taken_for_it(tiny: RetrainData, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_in(monkeypatch, 2, RuntimeError, "shapes differ")
    with pytest.raises(RuntimeError, match="shapes differ"):
        a_run(tiny)


def test_a_loss_that_is_not_finite_ends_it(
    tiny: RetrainData, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(tiny, tmp_path, minutes=0)
    monkeypatch.setattr(module, "objective", lambda *given: objective(*given) * float("nan"))
    assert "not finite by batch 2" in one_line(lambda: a_run(tiny, tmp_path, save_every=0), tmp_path)
    monkeypatch.undo()
    a_run(tiny, tmp_path)
    assert equal(stored(tmp_path), stored(whole))


def test_weights_that_are_not_finite_are_not_saved(tiny: RetrainData, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="not finite by batch 1"):
        retrain(DARTS_V2, tiny, replace(PLAN, lr=1e39), 0, tmp_path, save_every=0)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_checkpoint_of_another_training_is_refused(tiny: RetrainData, tmp_path: Path) -> None:
    a_run(tiny, tmp_path, minutes=0)
    other = replace(tiny, train=tiny.train[1:])
    for call, named in (
        (lambda: a_run(tiny, tmp_path, seed=2), "seed=1"),
        (lambda: retrain(DARTS_V1, tiny, PLAN, 1, tmp_path), "architecture.normal"),
        (lambda: retrain(DARTS_V2, tiny, replace(PLAN, lr=0.1), 1, tmp_path), "settings.lr=0.025"),
        (lambda: a_run(other, tmp_path), "images.train.number=50"),
    ):
        assert named in one_line(call, tmp_path)


def test_a_truncated_checkpoint_is_a_line(tiny: RetrainData, tmp_path: Path) -> None:
    a_run(tiny, tmp_path, minutes=0)
    data = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(data[: len(data) // 2])
    assert "cut short" in one_line(lambda: a_run(tiny, tmp_path), tmp_path)


def test_a_folder_that_cannot_be_is_a_line(tiny: RetrainData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="file: File exists"):
        a_run(tiny, tmp_path / "file")


# -- what is left --------------------------------------------------------------------------------------------------


def test_the_exported_network_computes_what_was_tested(tiny: RetrainData, whole: Path) -> None:
    network = build_design(whole / "design.json")
    network.load_state_dict(stored(whole)["network"])
    program = torch.export.load(whole / PROGRAM).module()
    images = tiny.test.standardized()
    with torch.no_grad():
        found = program(images)
        torch.testing.assert_close(found, network.eval()(images))
    right = (found.argmax(1) == tiny.test.labels).float().mean()
    assert stored(whole)["test"] == pytest.approx(float(right)) == pytest.approx(accuracy(network, tiny.test))


def test_the_record_says_where_its_numbers_come_from(tiny: RetrainData, whole: Path) -> None:
    text = (whole / RECORD).read_text()
    record = json.loads(text)
    assert record["finished"]
    assert [row["epoch"] for row in record["rows"]] == [1, 2, 3]
    assert record["rows"][1].keys() >= {"lr", "loss", "train", "valid", "seconds"}
    assert record["labels"] == [int((tiny.train.labels == label).sum()) for label in range(10)]
    network = build(DARTS_V2, channels=2, cells=3, in_channels=1)
    assert record["params"] == sum(p.numel() for p in network.parameters())
    (sitting,) = record["sittings"]
    assert {"commit", "versions", "hardware", "date", "device", "command"} <= sitting.keys()
    assert str(whole) not in text


def test_test_images_change_nothing_but_the_last_number(tiny: RetrainData) -> None:
    wrong = replace(tiny.test, labels=(tiny.test.labels + 1) % 10)
    seen, blind = a_run(tiny), a_run(replace(tiny, test=wrong))
    assert equal(seen.network.state_dict(), blind.network.state_dict())
    assert seen.test != blind.test
