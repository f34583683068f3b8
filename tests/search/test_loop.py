from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.search.base import Proposal, Strategy
from nascourse.search.history import History
from nascourse.search.loop import search, trial_seed
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.toys import conv_share

CELLS = tuple(MicroSpace().all_cells())


class Scripted(Strategy[MicroCell]):
    """Proposes the cells of a list and writes down what happens."""

    name = "scripted"

    def __init__(self, cells: Sequence[MicroCell]) -> None:
        super().__init__(MicroSpace())
        self.cells = cells

    def start(self, rng: np.random.Generator) -> None:
        super().start(rng)
        self.log: list[tuple[str, int]] = []
        self.told: list[tuple[Trial[MicroCell], Result]] = []

    def propose(self) -> Proposal[MicroCell] | None:
        number = sum(what == "ask" for what, _ in self.log)
        if number == len(self.cells):
            return None
        self.log.append(("ask", number))
        return Proposal(self.cells[number], parents=(number - 1,) if number else (), fidelity=3)

    def tell(self, trial: Trial[MicroCell], result: Result) -> None:
        self.log.append(("tell", trial.number))
        self.told.append((trial, result))


def test_random_search_draws_every_operation_equally_often_on_every_edge() -> None:
    history = search(RandomSearch(MicroSpace()), conv_share, 3000, seed=1)
    decisions = np.array([MicroSpace().encode(row.trial.arch) for row in history])
    counts = np.array([np.bincount(decisions[:, edge], minlength=5) for edge in range(6)])
    assert stats.chisquare(counts, axis=1).pvalue.min() > 0.001 / 6
    pairs = np.bincount(decisions[:, 0] * 5 + decisions[:, 5], minlength=25)
    assert stats.chisquare(pairs).pvalue > 0.001


@pytest.mark.parametrize("window", [1, 3])
def test_trial_n_is_asked_once_trial_n_minus_window_was_told(window: int) -> None:
    strategy = Scripted(CELLS[:7])
    search(strategy, conv_share, 7, window=window)
    expected = [("ask", n) for n in range(window)]
    for n in range(7):
        expected += [("tell", n)] + ([("ask", n + window)] if n + window < 7 else [])
    assert strategy.log == expected


def test_trials_carry_number_parents_and_fidelity() -> None:
    history = search(Scripted(CELLS[:3]), conv_share, 3)
    assert [(row.trial.number, row.trial.parents, row.trial.fidelity) for row in history] == [
        (0, (), 3),
        (1, (0,), 3),
        (2, (1,), 3),
    ]


def test_seeds_depend_on_the_run_and_the_number_only() -> None:
    runs = [
        search(RandomSearch(MicroSpace()), conv_share, 20, seed=7, window=w, cache=c) for w in (1, 5) for c in (0, 1)
    ]
    seeds = [[row.trial.seed for row in run] for run in runs]
    assert seeds == [[trial_seed(7, n) for n in range(20)]] * 4
    many = [trial_seed(seed, n) for seed in range(100) for n in range(100)]
    assert len(set(many)) > 9990  # of 2^32 seeds, 10,000 draws collide 0.01 times
    assert stats.kstest(np.array(many) / 2**32, "uniform").pvalue > 0.001


def test_one_strategy_object_serves_many_runs() -> None:
    strategy = RandomSearch(MicroSpace())
    first, other, again = (search(strategy, conv_share, 10, seed=seed) for seed in (0, 1, 0))
    assert list(first) != list(other)
    assert [row.trial for row in first] == [row.trial for row in again]


def test_a_duplicate_is_answered_by_the_first_result_or_evaluated_with_its_own_seed() -> None:
    cells = [CELLS[5], CELLS[6], CELLS[5], CELLS[5]]
    for window in (1, 4):  # told already, and still in flight
        cached = search(Scripted(cells), conv_share, 4, window=window)
        assert [row.same_as for row in cached] == [None, None, 0, 0]
        assert len({row.result.accuracy for row in cached}) == 2
    fresh = search(Scripted(cells), conv_share, 4, cache=False)
    assert [row.same_as for row in fresh] == [None] * 4
    assert len({row.result.accuracy for row in fresh}) == 4
    assert [row.result.accuracy for row in fresh] == [conv_share(row.trial).accuracy for row in fresh]


def test_another_fidelity_is_no_duplicate() -> None:
    class Rising(Scripted):
        def propose(self) -> Proposal[MicroCell] | None:
            proposal = super().propose()
            return proposal and Proposal(proposal.arch, fidelity=len(self.log))

    history = search(Rising([CELLS[0]] * 3), conv_share, 3)
    assert [row.same_as for row in history] == [None] * 3


@dataclass
class Failing:
    """Fails in every way an evaluation can within its process."""

    def __call__(self, trial: Trial[MicroCell]) -> Any:
        match trial.number:
            case 1:
                raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")
            case 2:
                return Result(math.nan, 30, 400, 2, extra={"loss": [1.0, math.inf], "reason": "too steep"})
            case 3:
                return 0.9
            case 4:
                raise MemoryError
            case 5:
                return Result(0.5, extra={"module": object()})
        return conv_share(trial)


def test_failures_are_recorded_told_and_survived() -> None:
    strategy = Scripted(CELLS[:7])
    with pytest.warns(UserWarning, match=r"5 of 7 evaluations failed; the first: RuntimeError: CUDA out of memory"):
        history = search(strategy, Failing(), 7)
    assert [row.result.failed for row in history] == [False, True, True, True, True, True, False]
    assert [result.failed for _, result in strategy.told] == [row.result.failed for row in history]
    reasons = [row.result.extra["failed"] for row in history.failures]
    assert reasons[1] == "accuracy nan"
    assert history[2].result.extra == {"loss": [1.0, None], "reason": "too steep", "failed": "accuracy nan"}
    assert (history[2].result.params, history[2].result.macs, history[2].result.fidelity) == (30, 400, 2)
    assert "a Result from the evaluation" in reasons[2]
    assert reasons[3].startswith("MemoryError")
    assert not any("\n" in reason for reason in reasons)
    assert history.best.trial.number in (0, 6)
    assert np.isnan(history.accuracies).sum() == 5


def test_no_success_has_no_best() -> None:
    with pytest.warns(UserWarning, match="1 of 1"):
        history = search(Scripted(CELLS[:1]), lambda trial: Result(math.nan), 1)
    with pytest.raises(CourseError, match="none of them a success"):
        _ = history.best
    assert np.isnan(history.best_so_far).all()


def test_an_exhausted_strategy_ends_the_search() -> None:
    assert len(search(Scripted(CELLS[:5]), conv_share, 100, window=3)) == 5


def test_batches_are_as_wide_as_the_window_and_change_nothing() -> None:
    class Batched:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def __call__(self, trial: Trial[MicroCell]) -> Result:
            return conv_share(trial)

        def evaluate_many(self, trials: list[Trial[MicroCell]]) -> list[Result]:
            self.sizes.append(len(trials))
            return [conv_share(trial) for trial in trials]

    batched = Batched()
    history = search(RandomSearch(MicroSpace()), batched, 10, window=4)
    single = search(RandomSearch(MicroSpace()), conv_share, 10, window=4)
    assert [row[:3] for row in history] == [row[:3] for row in single]
    assert batched.sizes == [4, 4, 2]


def test_a_batch_that_fails_is_repeated_one_by_one() -> None:
    class OneBad:
        def __call__(self, trial: Trial[MicroCell]) -> Result:
            if trial.number == 1:
                raise RuntimeError("diverged")
            return conv_share(trial)

        def evaluate_many(self, trials: list[Trial[MicroCell]]) -> list[Result]:
            return [self(trial) for trial in trials]

    with pytest.warns(UserWarning, match="diverged"):
        history = search(Scripted(CELLS[:3]), OneBad(), 3, window=3)
    assert [row.result.failed for row in history] == [False, True, False]


def test_time_that_is_up_stops_asking() -> None:
    assert len(search(RandomSearch(MicroSpace()), conv_share, 10**9, seconds=0.05)) < 10**6


def test_a_history_is_read_back_from_its_journal(tmp_path: Path) -> None:
    history = search(Scripted([CELLS[5], CELLS[6], CELLS[5]]), conv_share, 3, journal=tmp_path / "j.jsonl")
    loaded = History.load(tmp_path / "j.jsonl", MicroCell.from_json)
    assert [row[:3] for row in loaded] == [row[:3] for row in history]
    assert history.best_so_far.tolist() == [max(history.accuracies[: n + 1]) for n in range(3)]


def test_torch_is_not_imported_for_a_search() -> None:
    code = "import sys; import tests.search.toys; print({'torch', 'dask', 'tqdm'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("bad", [{"budget": 0}, {"budget": 2.5}, {"seed": -1}, {"window": 0}])
def test_bad_settings_are_refused_by_name(bad: dict[str, Any]) -> None:
    settings = {"budget": 3} | bad
    with pytest.raises(CourseError, match=next(iter(bad))):
        search(RandomSearch(MicroSpace()), conv_share, settings.pop("budget"), **settings)


def test_progress_bar_counts_trials(capfd: pytest.CaptureFixture[str]) -> None:
    search(RandomSearch(MicroSpace()), conv_share, 5, progress=True)
    assert "5/5" in capfd.readouterr().err
