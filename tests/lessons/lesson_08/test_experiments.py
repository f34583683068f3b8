"""Lesson 08's experiments: each arm keeps the cell it should, the judge is exact and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nascourse.data import SearchData
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.evidence.ledger import Evidence, Row
from nascourse.lessons.lesson_08 import experiments as lesson_08
from nascourse.lessons.lesson_08.experiments import ARMS, ESTIMATORS, final_accuracies, judge, truth
from nascourse.search.gradient import darts_step as darts
from nascourse.search.gradient.darts import DartsSearch
from nascourse.spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from tests.evaluation.tables import packed

CELLS = [str(MicroCell((op,) * 6)) for op in MICRO_OPS]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TabularBenchmark:
    file = tmp_path / "table.npz"
    file.write_bytes(packed())
    table = TabularBenchmark.load(file)
    monkeypatch.setattr(lesson_08, "_table", lambda: table)
    return table


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchData]:
    """64 images in each half, and one thread as before."""
    data = lesson_08._micro_images()
    data = SearchData(data.train.subset(64), data.valid.subset(64))
    monkeypatch.setattr(lesson_08, "_micro_images", lambda: data)
    threads = torch.get_num_threads()
    yield data
    torch.set_num_threads(threads)


def searched(cells: list[str], skips: list[int], eigenvalues: list[float]) -> dict[str, Any]:
    return {"cell": cells, "skips": skips, "loss": [1.0] * len(cells), "eigenvalue": eigenvalues, "perturbed": CELLS[3]}


def test_what_each_arm_keeps(table: TabularBenchmark) -> None:
    """Ten epochs: three skips from epoch 4 on, curvature that doubles in epoch 7."""
    cells = [CELLS[epoch % 5] for epoch in range(10)]
    row = searched(cells, [0] * 4 + [3] * 6, [1.0] * 7 + [9.0] * 3)
    kept = {name: keep(row) for name, (arm, keep) in ARMS.items() if arm == "DARTS"}
    assert kept["DARTS, at the end"] == cells[9]
    assert kept["stop by skips"] == cells[4]
    assert kept["stop by eigenvalue"] == cells[4]  # five epochs before the first two whole windows that differ
    assert kept["perturbation"] == CELLS[3]
    random = ARMS["random search"][1]({"cells": CELLS})
    accuracies = [table.evaluate(MicroCell.from_string(cell), table.seeds[0]).accuracy for cell in CELLS]
    assert random == CELLS[int(np.argmax(accuracies))]


def test_accuracies_are_the_tables_in_the_order_of_seeds(table: TabularBenchmark) -> None:
    row = searched(CELLS, [0] * 5, [1.0] * 5)
    rows = [Row(arm, 0, 0.0, row) for arm in ("DARTS", "partial channels", "α regularization")]
    rows.append(Row("random search", 0, 0.0, {"cells": CELLS[:1]}))
    found = final_accuracies(Evidence("x", "", tuple({arm for arm, _ in ARMS.values()}), 1, {}, (), tuple(rows)))
    assert list(found) == list(ARMS)
    assert found["DARTS, at the end"] == [table.test_accuracy(MicroCell.from_string(CELLS[4]))]
    assert found["random search"] == [truth(CELLS[0])]


def test_a_search_records_every_epoch_and_comes_out_again(few: SearchData) -> None:
    budget = {"epochs": 2, "alpha_lr": 0.1, "curvature_images": 4, "tune_steps": 1, "draws": 3}
    row = lesson_08.collapse("partial channels", 1, **budget)
    assert {len(row[name]) for name in ("cell", "skips", "loss", "eigenvalue")} == {2}
    assert row["skips"] == [cell.count("skip_connect") for cell in row["cell"]]
    assert all(np.isfinite(row["eigenvalue"]))
    assert min(row["eigenvalue"]) > -1e-6
    MicroCell.from_string(row["perturbed"])
    assert lesson_08.collapse("partial channels", 1, **budget) == row


def test_random_search_draws_different_cells_for_each_seed() -> None:
    first, second = (lesson_08.collapse("random search", seed, 1, 0.1, 1, 1, draws=40)["cells"] for seed in (0, 1))
    assert len(first) == 40
    assert first != second


def test_the_judge_leaves_the_search_as_it_was(few: SearchData) -> None:
    search = DartsSearch(MicroSpace(), lesson_08.micro_config(1, 0.01), few, seed=0)
    search.run()
    before = {name: value.clone() for name, value in search.net.state_dict().items()}
    momentum = [state["momentum_buffer"].clone() for state in search.w_optimizer.state.values()]
    judge(search)
    assert all(torch.equal(before[name], value) for name, value in search.net.state_dict().items())
    after = [state["momentum_buffer"] for state in search.w_optimizer.state.values()]
    assert all(torch.equal(a, b) for a, b in zip(momentum, after, strict=True))


def test_the_judge_is_the_exact_second_order_gradient(few: SearchData) -> None:
    """A tiny ε in float64 crosses no kink: its product is the exact one, and so is the norm of its gradient."""
    search = DartsSearch(MicroSpace(), lesson_08.micro_config(1, 0.01), few, seed=0)
    found = judge(search)
    assert found["product"]["ε / 10⁶"] > 0.999
    assert found["cosine"]["ε / 10⁶"] > 0.9999
    assert set(found["cosine"]) == set(found["norm"]) == set(ESTIMATORS)
    batches = [lesson_08._batch(part[:64]) for part in (few.train, few.valid)]
    single = darts.second_order(search.net, search.alphas, *batches, search.w_optimizer, scale=None)[1]["cell"]
    first = darts.first_order(search.net, search.alphas, batches[1])[1]["cell"]
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), single.flatten(), dim=0)
    assert found["cosine"]["first order"] == pytest.approx(float(cosine), abs=1e-3)


def test_t1_is_first_order_at_the_virtual_step(few: SearchData) -> None:
    """Multiplied by ε the second-order term is gone: what is left has the direct term's direction."""
    search = DartsSearch(MicroSpace(), lesson_08.micro_config(1, 0.01), few, seed=0)
    found = judge(search)
    direct = 1 / np.hypot(1, found["share"])  # of the exact gradient and the direct term, if they were at right angles
    assert found["cosine"]["times ε (T1)"] < 0.99999
    assert found["cosine"]["times ε (T1)"] == pytest.approx(direct, abs=found["share"])
    size, xi = search.config.batch_size, float(search.w_optimizer.param_groups[0]["lr"])
    train, valid = (lesson_08._batch(part[:size]) for part in (few.train, few.valid))
    search.net.train()
    _, parts, _ = darts.look_ahead(search.net, search.alphas, train, valid, search.w_optimizer, xi)
    expected = torch.nn.functional.cosine_similarity(parts["cell"].flatten(), exact(search, train, valid, xi), dim=0)
    assert found["cosine"]["times ε (T1)"] == pytest.approx(float(expected), abs=1e-4)


def exact(search: DartsSearch, train: darts.Batch, valid: darts.Batch, xi: float) -> torch.Tensor:
    optimizer = search.w_optimizer
    return darts.second_order(search.net, search.alphas, train, valid, optimizer, xi, scale=None)[1]["cell"].flatten()
