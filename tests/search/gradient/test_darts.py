"""A whole search: what a step is, schedules, hooks, errors in one line; killed anywhere and resumed, the same bits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nascourse.data import Images, SearchData
from nascourse.errors import CourseError
from nascourse.networks.supernet import supernet_seeded
from nascourse.runs import checkpoint
from nascourse.runs.runner import CHECKPOINT
from nascourse.search.gradient import darts as darts_run
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.search.gradient.darts import GENOTYPE, HISTORY, DartsSearch
from nascourse.search.gradient.darts_config import DartsConfig
from nascourse.search.gradient.darts_step import first_order, mixture, supernet_score, weight_step
from nascourse.spaces.cell import CellSpace, Genotype
from nascourse.spaces.micro import MicroSpace
from tests.children import Child

CONFIG = DartsConfig({"channels": 4, "cells": (1,)}, "first", epochs=2, batch_size=16, alpha_lr=0.1)


def images(n: int, seed: int) -> Images:
    """Noise with a bright stripe at the place that the label says, so that there is something to learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (n,), generator=generator)
    pixels = torch.randint(100, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(n), 0, 2 * labels] += 150
    return Images(pixels, labels, (0.27,), (0.22,), ("a", "b", "c", "d"))


DATA = SearchData(images(70, 0), images(50, 1))


def search(config: DartsConfig = CONFIG, data: SearchData = DATA, seed: int = 0, **hooks) -> DartsSearch:  # type: ignore[no-untyped-def]
    return DartsSearch(MicroSpace(), config, data, seed, **hooks)


def same(a: AlphaHistory, b: AlphaHistory) -> None:
    """Every record of α, both losses and every epoch's row, bit for bit."""
    assert a.steps.tolist() == b.steps.tolist()
    for kind in a.kinds:
        assert a.alphas[kind].tobytes() == b.alphas[kind].tobytes()
    for name in a.curves:
        assert a.curves[name].tobytes() == b.curves[name].tobytes()
    assert a.epochs == b.epochs


@pytest.fixture(scope="module")
def whole() -> AlphaHistory:
    return search().run()


# -- what a search does -----------------------------------------------------------------------------------------------


def test_a_first_order_search_is_adam_on_alpha_and_sgd_on_the_weights(whole: AlphaHistory) -> None:
    """The plain loop of algorithm 1, its batches taken from the search's own streams."""
    streams = search()
    net = supernet_seeded(MicroSpace(), 0, channels=4, cells=(1,), classes=4, in_channels=1)
    net.to(memory_format=torch.channels_last)
    alphas = {kind: torch.from_numpy(whole.alphas[kind][0]).clone().requires_grad_() for kind in whole.kinds}
    adam = torch.optim.Adam(alphas.values(), 0.1, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=2, eta_min=0.001)
    for epoch in range(2):
        for step in range(4):
            net.train()
            train, valid = next(streams.train_batches), next(streams.valid_batches)
            _, gradient = first_order(net, alphas, valid)
            alphas["cell"].grad = gradient["cell"]
            adam.step()
            weight_step(net, alphas, train, sgd, clip=5.0)
            place = 4 * epoch + step + 1
            torch.testing.assert_close(torch.from_numpy(whole.alphas["cell"][place]), alphas["cell"].detach())
        schedule.step()
        accuracy, loss = supernet_score(net, mixture(alphas), DATA.valid)
        assert whole.epochs[epoch]["accuracy"] == pytest.approx(accuracy, abs=0.03)
        assert whole.epochs[epoch]["loss"] == pytest.approx(loss, rel=1e-3)


def test_alpha_starts_near_zero_and_every_edge_moves(whole: AlphaHistory) -> None:
    start = whole.alphas["cell"][0]
    assert 0 < np.abs(start).max() < 5e-3  # five standard deviations
    assert (np.abs(whole.alphas["cell"][-1] - start).max(1) > 0.1).all()
    assert whole.steps.tolist() == list(range(9))  # 70 images in batches of 16: four steps an epoch
    assert math.isnan(whole.curves["train_loss"][0])
    assert np.isfinite(whole.curves["train_loss"][1:]).all()


def test_the_learning_rate_is_torchs_cosine_and_the_papers_ends() -> None:
    config = DartsConfig()
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], config.w_lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=50, eta_min=0.001)
    for epoch in range(50):
        assert config.learning_rate(epoch) == pytest.approx(schedule.get_last_lr()[0], rel=1e-6)
        sgd.step()
        schedule.step()
    assert config.learning_rate(0) == 0.025


def test_it_learns() -> None:
    longer = search(replace(CONFIG, epochs=8, w_lr=0.1, alpha_lr=3e-3), SearchData(images(300, 2), images(100, 3)))
    history = longer.run()
    assert history.epochs[-1]["accuracy"] > 0.9  # 0.25 by chance


@pytest.mark.parametrize("order", ["second", "exact"])
def test_the_other_orders_take_another_path(whole: AlphaHistory, order: str) -> None:
    other = search(replace(CONFIG, order=order)).run()  # type: ignore[arg-type]
    assert np.isfinite(other.alphas["cell"]).all()
    np.testing.assert_array_equal(other.alphas["cell"][0], whole.alphas["cell"][0])
    assert np.abs(other.alphas["cell"][-1] - whole.alphas["cell"][-1]).max() > 1e-3


def test_genotypes_are_searched_as_well() -> None:
    config = replace(CONFIG, net={"channels": 4, "cells": 3}, epochs=1, batch_size=35)
    found = DartsSearch(CellSpace(), config, DATA)
    history = found.run()
    assert isinstance(found.derived(), Genotype)
    assert history.derived(-1) == found.derived()
    for kind in ("normal", "reduce"):
        moved = np.abs(history.alphas[kind][-1] - history.alphas[kind][0])
        assert history.alphas[kind].shape == (3, 14, 8)
        assert (moved.max(1) > 0.01).all()


def test_the_global_generators_play_no_part(whole: AlphaHistory) -> None:
    torch.manual_seed(123)
    state = torch.get_rng_state()
    same(search().run(), whole)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.abs(search(seed=1).alphas["cell"].detach().numpy() - whole.alphas["cell"][0]).max() > 0


def test_fewer_records_are_a_part_of_all_of_them(whole: AlphaHistory) -> None:
    history = search(replace(CONFIG, record_every=3)).run()
    assert history.steps.tolist() == [0, 3, 4, 6, 8]
    np.testing.assert_array_equal(history.alphas["cell"], whole.alphas["cell"][history.steps])


# -- hooks ------------------------------------------------------------------------------------------------------------


def test_alpha_waits_where_it_is_told_to() -> None:
    history = search(replace(CONFIG, alpha_from=1)).run()
    moved = np.abs(history.alphas["cell"] - history.alphas["cell"][0]).max((1, 2))
    assert (moved[:5] == 0).all()
    assert (moved[5:] > 0).all()
    assert np.isnan(history.curves["valid_loss"][:5]).all()


def test_the_regularizer_is_added_to_alphas_loss() -> None:
    told: list[float] = []

    def pull(alphas: Mapping[str, Tensor], progress: float) -> Tensor:
        told.append(progress)
        return -1e4 * alphas["cell"][:, 1].sum()  # so strong that Adam steps by its learning rate every time

    history = search(regularizer=pull).run()
    assert told == [step / 8 for step in range(8)]
    np.testing.assert_allclose(history.alphas["cell"][-1, :, 1], 0.8, atol=0.02)
    assert set(history.derived(-1).ops) == {"skip_connect"}


def test_a_hook_adds_numbers_and_stops(tmp_path: Path) -> None:
    def after(running: DartsSearch) -> str | None:
        running.epochs[-1]["twice"] = 2 * running.step
        return "enough" if running.step >= 4 else None

    first = search(after_epoch=after)
    history = first.run(tmp_path)
    assert (first.stopped, first.finished, first.step) == ("enough", True, 4)
    assert [row["twice"] for row in history.epochs] == [8]
    assert history.meta["stopped"] == "enough"
    again = search(after_epoch=after)
    same(again.run(tmp_path), history)
    assert again.stopped == "enough"


# -- killed and resumed -----------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


@pytest.mark.parametrize("order", ["first", "second"])
def test_stopped_after_every_step_and_resumed_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    config = replace(CONFIG, order=order, augment=True)  # type: ignore[arg-type]
    expected = search(config).run()
    step = DartsSearch._step
    for every in (1, 3):
        folder, taken = tmp_path / f"{every}", 0

        def dies(running: DartsSearch, every: int = every) -> None:
            nonlocal taken
            if taken and taken % every == 0:
                taken = 0
                raise Killed
            step(running)
            taken += 1

        with monkeypatch.context() as patch:
            patch.setattr(DartsSearch, "_step", dies)
            for _ in range(20):
                running = search(config)
                try:
                    history = running.run(folder, save_every=0)
                    break
                except Killed:
                    continue
        assert running.finished
        assert len(history.meta["sittings"]) > 2
        same(history, expected)


def to_be_killed(folder: Path, epochs: int) -> None:
    torch.set_num_threads(1)
    search(replace(CONFIG, epochs=epochs)).run(folder, save_every=0)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_killed_for_real_at_a_random_moment_it_resumes(tmp_path: Path, kills: int) -> None:
    config = replace(CONFIG, epochs=10 * kills)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = search(config).run()
    rng = np.random.default_rng(0)
    for _ in range(kills):
        child = Child.begin(to_be_killed, tmp_path, config.epochs)
        child.kill_when((tmp_path / CHECKPOINT).exists, pause=float(rng.uniform(0, 0.1)))
        assert child.was_killed  # it had not come to its end
    assert 0 < checkpoint.load(tmp_path / CHECKPOINT, search(config).describe())["step"] < 4 * config.epochs
    resumed = search(config)
    same(resumed.run(tmp_path), expected)
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert names == {CHECKPOINT, HISTORY, GENOTYPE}
    torch.set_num_threads(threads)


def test_a_slice_of_minutes_ends_with_a_checkpoint_and_goes_on(tmp_path: Path, whole: AlphaHistory) -> None:
    slices = 0
    while not (running := search()).finished:
        history = running.run(tmp_path, minutes=0)
        slices += 1
        if running.finished:
            break
    assert slices == 10  # eight steps and two ends of epochs, one thing at a time
    same(history, whole)
    assert sum(sitting["steps"] for sitting in history.meta["sittings"]) == 8


def test_genotypes_in_slices_are_those_of_one_run(tmp_path: Path) -> None:
    """Two kinds of cells, second order; after each slice, what lies beside the checkpoint is what α stands for."""
    data = SearchData(images(40, 0), images(40, 1))  # two steps
    config = DartsConfig({"channels": 2, "cells": 3}, "second", epochs=1, batch_size=16, alpha_lr=0.1)
    expected = DartsSearch(CellSpace(), config, data, 3).run()
    while not (running := DartsSearch(CellSpace(), config, data, 3)).finished:
        history = running.run(tmp_path, minutes=0)
        same(AlphaHistory.load(tmp_path / HISTORY), history)
        assert json.loads((tmp_path / GENOTYPE).read_text(encoding="utf-8")) == running.derived().to_json()
        if running.finished:
            break
    same(history, expected)


def test_interrupted_within_a_step_it_goes_back_to_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: AlphaHistory
) -> None:
    """As when a cell of a notebook is stopped, and run again with the same search."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with_folder, without = search(), search()
    with_folder.run(tmp_path, minutes=0)
    for running, folder in ((with_folder, tmp_path), (without, None)):
        with monkeypatch.context() as patch:
            patch.setattr(darts_run, "weight_step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                running.run(folder)
    same(with_folder.run(tmp_path), whole)
    with pytest.raises(CourseError, match="within a step"):
        without.run()


# -- errors -----------------------------------------------------------------------------------------------------------


def refused(running: DartsSearch, folder: Path) -> str:
    """The one line; and the checkpoint stays what it was."""
    before = (folder / CHECKPOINT).read_bytes()
    with pytest.raises(CourseError) as told:
        running.run(folder, save_every=0)
    assert (folder / CHECKPOINT).read_bytes() == before
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    search().run(tmp_path, minutes=0)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"config": replace(CONFIG, order="second")}, "config.order"),
        ({"config": replace(CONFIG, alpha_lr=0.2)}, "config.alpha_lr"),
        ({"seed": 1}, "seed"),
        ({"data": SearchData(images(70, 5), images(50, 1))}, "images.train"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused(begun: Path, changed: dict, setting: str) -> None:  # type: ignore[type-arg]
    assert setting in refused(search(**changed), begun)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match="file"):
        search().run(tmp_path / "file")


def test_a_truncated_checkpoint_is_refused(begun: Path) -> None:
    path = begun / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    assert CHECKPOINT in refused(search(), begun)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_loss_that_is_not_finite_is_refused_and_not_saved(
    begun: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    running = search()
    running._restore(checkpoint.load(begun / CHECKPOINT, running.describe()))
    nan = torch.tensor(math.nan)
    if part == "training":
        monkeypatch.setattr(darts_run, "weight_step", lambda *_: (nan, nan))
    else:
        monkeypatch.setattr(darts_run, "first_order", lambda *_: (nan, {"cell": torch.zeros(6, 5)}))
    assert f"{part} loss or gradient of nan" in refused(running, begun)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 9 bytes")],
)
def test_out_of_memory_is_one_line(begun: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(darts_run, "weight_step", fails)
    assert "out of memory with batch_size=16" in refused(search(), begun)


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a mistake in the code")

    monkeypatch.setattr(darts_run, "weight_step", fails)
    with pytest.raises(RuntimeError, match="a mistake"):
        search().run()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(CourseError, match="zeroth"):
        replace(CONFIG, order="zeroth")  # type: ignore[arg-type]
    with pytest.raises(CourseError, match="epoch"):
        replace(CONFIG, epochs=0)
