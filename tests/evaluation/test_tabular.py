"""Look-ups, ranks, regrets and noise of a table whose answers are known in closed form."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.evaluation.table_file import TABLE, TableFile
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.lessons.lesson_12.landscape import neighbour_correlations
from nascourse.making.table_pack import pack
from nascourse.networks.build import count
from nascourse.runs.executors import process_pool
from nascourse.search.base import Proposal, Strategy
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search, trial_seed
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import SearchSpace, Trial
from nascourse.spaces.functions import canonical, distinct_classes
from nascourse.spaces.micro import MicroCell, MicroSpace
from nascourse.spaces.published import DARTS_V2
from tests.evaluation import tables
from tests.evaluation.tables import (
    DESIGN,
    EPOCHS,
    OFFSETS,
    ROWS,
    cell_of_rank,
    judged_right,
    one_line,
    packed,
    rank,
    right,
    row_of_rank,
    write_judges,
)

SPACE = MicroSpace()
VALID = DESIGN.valid_images
Arrays = dict[str, Any]


def changed(change: Callable[[Arrays], None]) -> TabularBenchmark:
    """The table after a change of its arrays."""
    return TabularBenchmark(tables.changed(change))


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> TabularBenchmark:
    """Seed 0 of 30 cells, seeds 1 and 2 of the first 10."""
    file = tmp_path_factory.mktemp("partial") / TABLE
    file.write_bytes(packed(30, 10))
    return TabularBenchmark.load(file)


# -- looking up -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("wanted", [1, 2, 777, ROWS])
def test_a_stored_training_after_any_epoch(table: TabularBenchmark, wanted: int, seed: int) -> None:
    row, cell = row_of_rank(wanted), cell_of_rank(wanted)
    for fidelity in (None, 1, 2, 3, 4):
        epoch = fidelity or EPOCHS
        found = table.evaluate(cell, seed, fidelity)
        assert found.accuracy == right(row, seed, epoch) / VALID
        assert found.fidelity == fidelity
        assert found.extra["seed"] == seed
        assert found.extra["seconds"] == pytest.approx((10 + wanted / 1000) * epoch / EPOCHS, abs=1e-3)
    assert table.curve(cell, seed) == tuple(right(row, seed, epoch) / VALID for epoch in range(1, 5))
    assert table.test_accuracy(cell, seed) == (right(row, seed) + 1000) / DESIGN.test_images


def test_without_a_seed_it_is_the_mean(table: TabularBenchmark) -> None:
    for wanted in (1, 50, 5000):
        row, cell = row_of_rank(wanted), cell_of_rank(wanted)
        assert table.evaluate(cell).accuracy == pytest.approx(right(row) / VALID)  # the offsets add up to 0
        assert table.evaluate(cell, fidelity=2).accuracy == pytest.approx(right(row, epoch=2) / VALID)
        assert table.test_accuracy(cell) == pytest.approx((right(row) + 1000) / DESIGN.test_images)


def test_every_cell_as_written_finds_its_function_and_its_own_cost(table: TabularBenchmark) -> None:
    rng = np.random.default_rng(0)
    for cell in [*(SPACE.sample(rng) for _ in range(60)), MicroCell(("none",) * 6)]:
        assert table.evaluate(cell, 1).accuracy == table.evaluate(canonical(cell), 1).accuracy
        counted = count(cell, (1, 14, 14), **DESIGN.net())
        found = table.evaluate(cell, 0)
        assert (found.params, found.macs) == (counted.params, counted.macs)
    everywhere = table.everywhere()
    cells = list(SPACE.all_cells())
    for place in rng.integers(len(cells), size=60):
        assert everywhere[place] == table.evaluate(cells[place]).accuracy


def test_a_trial_meets_each_stored_training_equally_often_and_no_other(table: TabularBenchmark) -> None:
    cell, row = cell_of_rank(100), row_of_rank(100)
    seen = [table(Trial(n, cell, trial_seed(4, n))) for n in range(3000)]
    accuracies, counts = np.unique([result.accuracy for result in seen], return_counts=True)
    assert accuracies.tolist() == sorted(right(row, seed) / VALID for seed in range(3))
    assert stats.chisquare(counts).pvalue > 0.001
    assert seen[7] == table.evaluate(cell, seen[7].extra["seed"])


@dataclass(frozen=True)
class Alike:
    """What looks like a micro cell to its space, and is none."""

    ops: tuple[str, ...]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.evaluate(cell_of_rank(1), 3), ("seed=3", "0..2")),
        (lambda t: t.evaluate(cell_of_rank(1), -1), ("seed=-1",)),
        (lambda t: t.evaluate(cell_of_rank(1), 0, 5), ("fidelity=5", "1..4")),
        (lambda t: t.evaluate(cell_of_rank(1), 0, 0), ("fidelity=0",)),
        (lambda t: t.evaluate(cell_of_rank(1), 0, 1.5), ("fidelity=1.5",)),
        (lambda t: t.evaluate("|none~0|", 0), ("an architecture of the space micro",)),
        (lambda t: t.evaluate(DARTS_V2, 0), ("Genotype", "an architecture of the space micro")),
        (lambda t: t.evaluate(["none"] * 6, 0), ("an architecture of the space micro",)),
        (lambda t: t.evaluate(Alike(("none",) * 6), 0), ("Alike", "an architecture of the space micro")),
        (lambda t: t.curve(cell_of_rank(1), 9), ("seed=9",)),
    ],
)
def test_what_is_not_stored_is_told_in_a_line(
    table: TabularBenchmark, call: Callable[[TabularBenchmark], Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(CourseError) as caught:
        call(table)
    one_line(caught, *words)


def test_a_training_that_diverged_fails_from_that_epoch_and_is_left_out_of_the_mean() -> None:
    row = row_of_rank(1)

    def diverge(mine: Arrays) -> None:
        mine["diverged"][row, 1] = 3

    table, cell = changed(diverge), cell_of_rank(1)
    assert table.evaluate(cell, 1, 2).accuracy == right(row, 1, 2) / VALID
    for fidelity in (3, 4, None):
        found = table.evaluate(cell, 1, fidelity)
        assert found.failed
        assert "diverged" in found.extra["failed"]
    assert np.isnan(table.curve(cell, 1)).tolist() == [False, False, True, True]
    assert math.isnan(table.test_accuracy(cell, 1))
    assert table.evaluate(cell).accuracy == pytest.approx((right(row, 0) + right(row, 2)) / 2 / VALID)
    assert table.test_accuracy(cell) == pytest.approx((right(row, 0) + right(row, 2) + 2000) / 2 / DESIGN.test_images)


def test_a_cell_has_one_price_and_a_busy_machine_does_not_raise_it() -> None:
    def busy(mine: Arrays) -> None:
        mine["seconds"][row_of_rank(1)] = 50, 7, np.nan

    table = changed(busy)
    for seed in (0, 1, 2, None):
        assert table.evaluate(cell_of_rank(1), seed).extra["seconds"] == 7


def test_lost_seconds_are_told_as_the_median_of_the_others() -> None:
    def lose(mine: Arrays) -> None:
        mine["seconds"][row_of_rank(1)] = np.nan

    found = changed(lose).evaluate(cell_of_rank(1), 0)
    assert found.extra["seconds"] == pytest.approx(10 + (2 + ROWS) / 2 / 1000, abs=2e-3)


# -- best, ranks, regrets ---------------------------------------------------------------------------------------------


def test_best_rank_and_regret(table: TabularBenchmark) -> None:
    assert table.best == cell_of_rank(1)
    for wanted in (1, 2, 3, 100, ROWS):
        assert table.rank(cell_of_rank(wanted)) == wanted
        assert table.regret(cell_of_rank(wanted)) == pytest.approx(3 * (wanted - 1) / VALID)


def test_a_cell_whose_trainings_all_diverged_is_last() -> None:
    def diverge(mine: Arrays) -> None:
        mine["diverged"][row_of_rank(1)] = 2

    table = changed(diverge)
    assert table.rank(cell_of_rank(1)) == ROWS
    assert math.isnan(table.regret(cell_of_rank(1)))
    assert (table.rank(cell_of_rank(2)), table.rank(cell_of_rank(ROWS))) == (1, ROWS - 1)


def test_equal_cells_share_a_rank() -> None:
    def equal(mine: Arrays) -> None:
        for wanted in (2, 3):
            mine["valid"][row_of_rank(wanted)] = mine["valid"][row_of_rank(1)]

    table = changed(equal)
    assert [table.rank(cell_of_rank(wanted)) for wanted in (1, 2, 3, 4)] == [1, 1, 1, 4]
    assert table.regret(cell_of_rank(3)) == 0


class Listed(Strategy[MicroCell]):
    name = "listed"

    def __init__(self, cells: list[MicroCell]) -> None:
        super().__init__(SPACE)
        self.cells = cells

    def start(self, rng: np.random.Generator) -> None:
        super().start(rng)
        self.left = list(self.cells)

    def propose(self) -> Proposal[MicroCell] | None:
        return Proposal(self.left.pop(0)) if self.left else None


def test_a_search_chooses_by_what_it_saw_and_is_judged_by_the_mean(table: TabularBenchmark) -> None:
    ranks = [500, 8, 5, 9, 500, 2, 1]  # 60 images between luckiest and unluckiest seed: 20 ranks
    history = search(Listed([cell_of_rank(r) for r in ranks]), table, 99, seed=0)
    seen = [right(row_of_rank(r), row.result.extra["seed"]) for r, row in zip(ranks, history, strict=True)]
    assert [row.result.accuracy for row in history] == [count / VALID for count in seen]
    chosen = [ranks[int(np.argmax(seen[: n + 1]))] for n in range(len(ranks))]
    assert table.regrets(history) == pytest.approx([3 * (r - 1) / VALID for r in chosen])
    assert chosen[-1] != 1  # fooled by a lucky training
    cost = [10 + r / 1000 for r in ranks]
    cost[4] = 0.0  # answered by the cache
    assert table.clock(history) == pytest.approx(np.cumsum(cost), abs=1e-2)


def test_regret_is_unknown_until_an_evaluation_succeeds(partial: TabularBenchmark) -> None:
    there, missing = partial.cell(3), partial.cell(4000)
    with pytest.warns(UserWarning, match="1 of 2 evaluations failed; the first: CourseError"):
        history = search(Listed([missing, there]), partial, 2)
    assert np.isnan(partial.regrets(history)).tolist() == [True, False]
    assert partial.clock(history)[0] == 0


# -- the judges -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(path: Path, table: TabularBenchmark, tmp_path_factory: pytest.TempPathFactory) -> TabularBenchmark:
    """The table with judges of its best 20, who put them into the reversed order."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "table.npz").write_bytes(path.read_bytes())
    pack(write_judges(folder / "table_judges", table))
    return TabularBenchmark.load(folder / "table.npz")


def test_the_judges_judge_the_best_and_change_nothing_else(judged: TabularBenchmark, table: TabularBenchmark) -> None:
    assert (table.judges, judged.judges) == ((), tuple(range(3, 12)))
    for wanted in (1, 7, 20):
        row, cell = row_of_rank(wanted), cell_of_rank(wanted)
        assert judged.judge_accuracies(cell) == tuple(judged_right(row, seed) / VALID for seed in range(3, 12))
        assert judged.judged(cell) == pytest.approx(judged_right(row, 7) / VALID)
        assert judged.rank(cell) == wanted
        assert judged.evaluate(cell) == table.evaluate(cell)
        assert math.isnan(table.judged(cell))
    best = [judged.judged(judged.cell(int(row))) for row in judged.best_rows(20)]
    assert best == sorted(best)  # by rank the best first, by the judges the last
    assert judged.judge_accuracies(cell_of_rank(21)) == ()
    assert math.isnan(judged.judged(cell_of_rank(21)))
    assert judged.describe() == table.describe()
    assert judged.noise(20) == table.noise(20)


def test_every_cell_of_a_function_has_its_judges(judged: TabularBenchmark) -> None:
    (alike,) = (cells for cells in distinct_classes().values() if cells[0] == cell_of_rank(3))
    assert {judged.judge_accuracies(cell) for cell in alike} == {judged.judge_accuracies(cell_of_rank(3))}


def test_no_search_meets_a_judge(judged: TabularBenchmark) -> None:
    assert judged.seeds == (0, 1, 2)
    cell = cell_of_rank(1)
    seen = {judged(Trial(n, cell, trial_seed(4, n))).accuracy for n in range(300)}
    assert not seen & set(judged.judge_accuracies(cell))
    for call in (judged.evaluate, judged.curve, judged.test_accuracy):
        with pytest.raises(CourseError) as caught:
            call(cell, 7)
        one_line(caught, "seed=7, which only judges", "one of 0, 1, 2", "judged()", "tau 1.00 to 1.00")
    with pytest.raises(CourseError) as caught:
        judged.evaluate(cell, 12)
    one_line(caught, "seed=12", "0..2")


def test_a_judge_that_diverged_is_left_out(table: TabularBenchmark) -> None:
    cell, best = cell_of_rank(1), table.best_rows(20)
    arrays = {
        "row": np.array(best, np.int16),
        "valid": np.full((20, 2, EPOCHS), 100, np.int16),
        "diverged": np.zeros((20, 2), np.int8),
    }
    arrays["valid"][0, 1], arrays["diverged"][0, 1] = 900, 2
    judges = TableFile(arrays, {"seeds": [3, 4], "table": "0", "design": {"valid_images": 1000}}, "1")
    judged = TabularBenchmark(tables.changed(lambda mine: None), judges=judges)
    assert judged.judged(cell) == 0.1
    assert np.isnan(judged.judge_accuracies(cell)).tolist() == [False, True]


def test_judges_of_another_table_are_refused(judged: TabularBenchmark, path: Path, tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(packed(30, 10))
    assert judged.path is not None
    (tmp_path / "t_judges.npz").write_bytes(Path(judged.path).with_name("table_judges.npz").read_bytes())
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(tmp_path / "t.npz")
    one_line(caught, f"judges of the table {judged.digest[:12]}", "nascourse bench judges")
    (tmp_path / "t_judges.npz").write_bytes(b"PK")
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(tmp_path / "t.npz")
    one_line(caught, "t_judges.npz, damaged or cut short")


def test_a_worker_has_the_judges_too(judged: TabularBenchmark) -> None:
    cell = cell_of_rank(2)
    assert pickle.loads(pickle.dumps(judged)).judge_accuracies(cell) == judged.judge_accuracies(cell)


# -- noise ------------------------------------------------------------------------------------------------------------


def test_noise_is_that_of_the_seeds(table: TabularBenchmark) -> None:
    for top in (None, 100):
        noise = table.noise(top)
        assert noise.training == pytest.approx(np.std(OFFSETS, ddof=1) / VALID)
        assert noise.floor == pytest.approx(noise.training / math.sqrt(3))
        assert noise.cells == (top or ROWS)


def test_tau_between_seeds_overall_and_among_the_top() -> None:
    def reverse_top(mine: Arrays) -> None:
        top = [row_of_rank(r) for r in range(1, 101)]
        mine["valid"][top, 2] = mine["valid"][top[::-1], 2]

    table = changed(reverse_top)
    assert [table.tau(0, 1), table.tau(0, 1, top=100)] == pytest.approx([1, 1])
    assert table.tau(0, 2, top=100) == pytest.approx(-1)
    assert table.tau(0, 2) == pytest.approx(1 - 2 * math.comb(100, 2) / math.comb(ROWS, 2))


def test_tau_among_the_top_of_equally_good_cells_is_about_zero() -> None:
    """The best by the mean of the seeds that are compared would seem to be ranked in opposite orders."""

    def luck_alone(mine: Arrays) -> None:
        mine["valid"][:, :, -1] = np.random.default_rng(0).normal(15_000, 300, (ROWS, 3)).round()

    table, pairs = changed(luck_alone), ((0, 1), (0, 2), (1, 2))
    best = table.curves[table.best_rows(100), :, -1]
    assert abs(np.mean([table.tau(a, b, top=100) for a, b in pairs])) < 0.15  # a standard deviation is 0.07 for each
    assert np.mean([stats.kendalltau(best[:, a], best[:, b]).statistic for a, b in pairs]) < -0.2


def test_with_two_seeds_the_top_is_that_of_their_mean() -> None:
    def without_the_third(mine: Arrays) -> None:
        mine["valid"][:, 2], mine["test"][:, 2] = -1, -1

    table = changed(without_the_third)
    assert table.seeds == (0, 1)
    assert table.rows_chosen_apart(0, 1, 20).tolist() == table.best_rows(20).tolist()
    assert table.rows_chosen_apart(0, 0, 20).tolist() == [row_of_rank(place) for place in range(1, 21)]


# -- the landscape ----------------------------------------------------------------------------------------------------


def test_neighbours_of_an_additive_function_correlate_by_a_straight_line() -> None:
    """Each of the d changed edges loses its share, and as it must change, a quarter of a share more: 1 - 5d/24."""
    worth = np.random.default_rng(0).permuted(np.tile(np.arange(5.0), (6, 1)), axis=1)
    codes = np.array([SPACE.encode(cell) for cell in SPACE.all_cells()])
    additive = worth[np.arange(6), codes].sum(axis=1)
    assert neighbour_correlations(additive.reshape([5] * 6)) == pytest.approx([1 - 5 * d / 24 for d in range(1, 7)])


def test_neighbours_are_those_of_enumeration_where_cells_are_missing() -> None:
    rng = np.random.default_rng(1)
    codes = np.array([SPACE.encode(cell) for cell in SPACE.all_cells()])
    known = rng.choice(len(codes), 400, replace=False)
    accuracies = np.full(len(codes), np.nan)
    accuracies[known] = rng.normal(codes[known, 0] == 3, 0.5)
    distance = (codes[known][:, None] != codes[known][None]).sum(axis=2)
    for d, found in enumerate(neighbour_correlations(accuracies.reshape([5] * 6)), start=1):
        a, b = np.nonzero(distance == d)
        assert found == pytest.approx(np.corrcoef(accuracies[known[a]], accuracies[known[b]])[0, 1])


# -- any space --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Of a space of 2 x 3 architectures: those with the same sum are one function."""

    kind = "pair"
    a: int
    b: int

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "a": self.a, "b": self.b}


class PairSpace(SearchSpace[Pair]):
    name = "tabular_test_pairs"
    size = 6

    def choices(self, prefix: Sequence[int]) -> int:
        return (2, 3, 0)[len(prefix)]

    def encode(self, arch: Pair) -> tuple[int, ...]:
        return arch.a, arch.b

    def decode(self, decisions: Sequence[int]) -> Pair:
        return Pair(*decisions)


def test_a_table_of_another_space() -> None:
    arrays = {
        "cells": np.array([(0, 0), (0, 1), (0, 2), (1, 2)], np.uint8),
        "row": np.array([0, 1, 2, 1, 2, 3], np.int16),
        "params": np.arange(6, dtype=np.int32),
        "macs": 10 * np.arange(6, dtype=np.int32),
        "valid": np.array([[[10]], [[20]], [[30]], [[40]]], np.int16),
        "test": np.zeros((4, 1), np.int16),
        "diverged": np.zeros((4, 1), np.int8),
        "seconds": np.ones((4, 1), np.float32),
    }
    table = TabularBenchmark(TableFile(arrays, {"design": {"valid_images": 100}}, "0"), PairSpace())
    assert table.shape == (2, 3)
    for a in range(2):
        for b in range(3):
            found = table.evaluate(Pair(a, b))
            assert (found.accuracy, found.params, found.macs) == ((1 + a + b) / 10, 3 * a + b, 10 * (3 * a + b))
    assert table.best == Pair(1, 2)
    assert table.everywhere().reshape(table.shape).tolist() == [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]]
    with pytest.raises(CourseError) as caught:
        table.evaluate(MicroCell(("none",) * 6))
    one_line(caught, "an architecture of the space tabular_test_pairs")


# -- as an evaluation -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize("strategy", [RandomSearch(SPACE), LocalSearch(SPACE)])
def test_a_search_on_it_is_the_same_in_workers_and_resumed(
    strategy: Strategy[MicroCell], table: TabularBenchmark, tmp_path: Path
) -> None:
    serial, parallel = tmp_path / "serial.jsonl", tmp_path / "parallel.jsonl"
    search(strategy, table, 30, window=4, journal=serial)
    search(strategy, table, 12, window=4, journal=parallel)
    search(strategy, table, 30, window=4, journal=parallel, executor=process_pool(2))
    assert parallel.read_bytes() == serial.read_bytes()
    header = json.loads(serial.read_text().splitlines()[0])
    assert header["evaluation"] == {"evaluation": "tabular", "sha256": table.digest, "seeds": [0, 1, 2]}


def test_the_journal_of_another_table_is_refused(
    table: TabularBenchmark, partial: TabularBenchmark, tmp_path: Path
) -> None:
    search(RandomSearch(SPACE), table, 3, journal=tmp_path / "j.jsonl")
    with pytest.raises(CourseError) as caught:
        search(RandomSearch(SPACE), partial, 3, journal=tmp_path / "j.jsonl")
    one_line(caught, "evaluation", "j.jsonl")


def test_a_worker_gets_the_name_and_the_digest(table: TabularBenchmark, path: Path, tmp_path: Path) -> None:
    sent = pickle.dumps(table)
    assert len(sent) < 1000
    there = pickle.loads(sent)
    assert there.evaluate(cell_of_rank(9), 2) == table.evaluate(cell_of_rank(9), 2)
    assert pickle.loads(sent) is there
    moved = TabularBenchmark.load(path)
    moved.path, moved.digest = str(path), "0" * 64
    with pytest.raises(CourseError) as caught:
        pickle.loads(pickle.dumps(moved))
    one_line(caught, "000000000000", table.digest[:12])


# -- part of a table --------------------------------------------------------------------------------


def test_a_part_answers_what_it_has_and_refuses_the_rest(partial: TabularBenchmark) -> None:
    assert partial.seeds == (0,)
    assert partial.rows_in.sum() == 30
    row = min(range(30), key=rank)
    assert partial.best == partial.cell(row)
    assert partial.evaluate(partial.cell(7)).accuracy == right(7) / VALID
    assert partial.evaluate(partial.cell(7), 2).accuracy == right(7, 2) / VALID
    assert partial.rank(partial.cell(7)) == 1 + sum(rank(other) < rank(7) for other in range(30))
    assert partial.noise().cells == 10
    assert partial.noise().floor == partial.noise().training == pytest.approx(30 / VALID)
    assert partial.tau(0, 1) == pytest.approx(1)
    for call, words in (
        (lambda: partial.evaluate(partial.cell(20), 1), ("seed 1 of", "bench build")),
        (lambda: partial.evaluate(partial.cell(31)), ("any seed of", "bench build")),
        (lambda: partial.rank(partial.cell(31)), ("bench build",)),
        (lambda: partial.tau(0, 1, top=1), ("seeds 0 and 1",)),
    ):
        with pytest.raises(CourseError) as caught:
            call()
        one_line(caught, *words)


def test_one_seed_has_no_noise_to_tell(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(packed(30, 0))
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(tmp_path / TABLE).noise()
    one_line(caught, "two trainings")
