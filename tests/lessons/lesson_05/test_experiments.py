"""Lesson 05's experiments: on a table whose answers are known in closed form, and with real training that is killed."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
from scipy.stats import chisquare

from nascourse import evidence
from nascourse.bootstrap import ROOT
from nascourse.data import Images, SearchData, checksums, load
from nascourse.errors import CourseError
from nascourse.evaluation.tabular import TABLE, TabularBenchmark
from nascourse.evaluation.training import TrainFromScratch
from nascourse.lessons.lesson_05 import experiments as lesson_05
from nascourse.lessons.lesson_05.experiments import (
    ARMS,
    curves,
    full_run,
    history_of,
    journal_path,
    on_the_table,
    real_search,
)
from nascourse.runs.executors import local_cluster, process_pool
from nascourse.search.evolution.evolution import Evolution, regularized_evolution
from nascourse.search.evolution.selection import FitnessProportional, LinearRank, Tournament
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search, strategy_rng
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.cell import CellSpace, Genotype
from nascourse.spaces.functions import canonical
from nascourse.spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from tests.evaluation.tables import ROWS, one_line, packed
from tests.lessons.helpers import killed_after

ON_THE_TABLE = ("05_exact", "05_noisy", "05_held_out")
TINY: dict[str, Any] = {
    "trials": 5,
    "images": 50,
    "valid": 50,
    "epochs": 1,
    "channels": 2,
    "cells": 3,
    "population": 3,
    "sample": 2,
    "window": 2,
}


def use_table(monkeypatch: pytest.MonkeyPatch, folder: Path, **rows: int) -> TabularBenchmark:
    file = folder / "table.npz"
    file.write_bytes(packed(**rows))
    table = TabularBenchmark.load(file)
    monkeypatch.setattr(lesson_05, "_table", lambda: table)
    return table


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TabularBenchmark:
    return use_table(monkeypatch, tmp_path)


# -- on the table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_without_noise_what_looks_best_is_the_best_that_was_seen(arm: str, table: TabularBenchmark) -> None:
    found = on_the_table(arm, 3, 120, noisy=False)
    seen = search(ARMS[arm](MicroSpace()), lesson_05.exact, 120, seed=3)
    ranks = [table.rank(told.trial.arch) for told in seen]
    assert found["rank"] == min(ranks)
    assert found["luck"] == 0
    # one rank is three images of 20,000
    assert found["regret"] == pytest.approx(3 / 20_000 * (min(ranks) - 1), abs=1e-6)
    assert found["regrets"] == sorted(found["regrets"], reverse=True)


def test_a_curve_is_the_regret_after_every_trial(table: TabularBenchmark) -> None:
    budget = {"evaluations": 80}
    rows = [evidence.Row("local", seed, 0.0, on_the_table("local", seed, 80, noisy=True)) for seed in range(4)]
    recorded = evidence.Evidence("x", "", ("local",), 4, budget, (), tuple(rows))
    for seed, curve in enumerate(curves(recorded, "local")):
        history = search(LocalSearch(MicroSpace()), table, 80, seed=seed, cache=False)
        np.testing.assert_allclose(curve, table.regrets(history), atol=1e-6)


def test_noise_is_that_of_the_stored_trainings_and_repeats_draw_it_anew(table: TabularBenchmark) -> None:
    lucks = {on_the_table("aging", seed, 150, noisy=True)["luck"] for seed in range(12)}
    assert lucks <= {0.0, 0.0015, -0.0015}  # 30 images of 20,000
    assert 0.0015 in lucks  # who takes the best takes luck along
    history = search(ARMS["aging"](MicroSpace()), table, 150, seed=0, cache=False)
    answers: dict[Any, set[float]] = {}
    for told in history:
        answers.setdefault(told.trial.arch, set()).add(told.result.accuracy)
    assert max(map(len, answers.values())) > 1


def test_a_table_of_one_seed_is_refused_with_noise_and_welcome_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_table(monkeypatch, tmp_path, rows_12=0)
    with pytest.raises(CourseError) as caught:
        lesson_05.with_noise("aging", 0, 60)
    one_line(caught, "seed 0 alone", "nascourse bench build")
    assert 1 <= lesson_05.without_noise("aging", 0, 60)["rank"] <= ROWS


@pytest.mark.parametrize("judge", [0, 1, 2])
def test_the_judge_has_not_been_seen_by_the_search(judge: int, table: TabularBenchmark) -> None:
    """On a table whose trainings are known: the judge's own count of right images decides nothing."""
    found = lesson_05.held_out("local", judge, evaluations=60, searches=3)
    seen = [seed for seed in table.seeds if seed != judge]
    handed_over = []
    for number in range(3):
        history = search(
            LocalSearch(MicroSpace()),
            lambda trial: Result(sum(table.evaluate(trial.arch, seed).accuracy for seed in seen) / 2),
            60,
            seed=number,
        )
        handed_over.append(history.best.trial.arch)
    assert found["held"] == pytest.approx(
        np.mean([table.evaluate(cell, judge).accuracy for cell in handed_over]), abs=1e-6
    )
    looked = [table.evaluate(cell, seed).accuracy for cell in handed_over for seed in seen]
    assert found["looked"] == pytest.approx(np.mean(looked), abs=1e-6)
    assert found["functions"] == len({canonical(cell) for cell in handed_over})


def test_aging_and_its_rival_differ_in_the_update_alone() -> None:
    aging, rival = (ARMS[arm](MicroSpace()).describe() for arm in ("aging", "drop worst"))
    assert aging.pop("update") == {"name": "DropOldest"}
    assert rival.pop("update")["name"] == "DropWorst"
    assert aging == rival
    roulette, tournament = (ARMS[f"GA, {name}"](MicroSpace()).describe() for name in ("roulette", "tournament"))
    assert roulette.pop("selection") != tournament.pop("selection")
    assert roulette == tournament


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noisy"])
@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_spends_its_budget_to_the_last_trial_and_no_look_up_more(
    arm: str, noisy: bool, table: TabularBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without noise a repeated cell is answered from before, and still counts; with noise it is drawn anew."""
    asked: list[Any] = []
    histories: list[Any] = []
    answer = TabularBenchmark.__call__ if noisy else lesson_05.exact

    def noted(*arguments: Any) -> Result:
        asked.append(arguments[-1])
        return answer(*arguments)

    def watched(*arguments: Any, **keywords: Any) -> Any:
        histories.append(search(*arguments, **keywords))
        return histories[-1]

    monkeypatch.setattr(TabularBenchmark if noisy else lesson_05, "__call__" if noisy else "exact", noted)
    monkeypatch.setattr(lesson_05, "search", watched)
    found = on_the_table(arm, 2, 61, noisy)
    (history,) = histories
    trials = [told.trial for told in history]
    first = {trial.arch: trial for trial in reversed(trials)}
    assert [trial.number for trial in trials] == list(range(61))
    assert asked == (trials if noisy else [trial for trial in trials if first[trial.arch] is trial])
    assert found["at"][-1] < 61
    assert found["functions"] == len({canonical(trial.arch) for trial in asked}) > 10


@pytest.mark.parametrize("name", ON_THE_TABLE)
def test_what_is_recorded_was_recorded_on_the_table_that_ships(name: str) -> None:
    assert {row.values["table"] for row in evidence.load(name).rows} == {checksums()[TABLE][:12]}, f"record {name} anew"


@pytest.mark.parametrize("name", [*ON_THE_TABLE, "05_full_run"])
def test_what_is_recorded_has_the_present_design(name: str) -> None:
    found, recorded = evidence.find(name), evidence.load(name)
    assert (recorded.arms, recorded.seeds, recorded.budget) == (found.arms, found.seeds, found.budget)
    assert recorded.missing == 0


@pytest.mark.parametrize("name", ON_THE_TABLE)
def test_a_slice_run_again_is_as_recorded(name: str) -> None:
    slices = evidence.find(name).slice
    assert slices
    for arm, seed in slices:
        assert evidence.differences(name, arm, seed) == []


# -- the lesson's own functions ---------------------------------------------------------------------------------------

SOURCE = ROOT / "notebooks" / "src" / "05_evolution.py"
DEFINED = ("spin", "tournament", "rank", "all_children", "change_one", "replaced", "switch", "resize", "by_hand")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """The cells of the lesson that define functions of its own, run by themselves."""
    names: dict[str, Any] = {"np": np, "space": MicroSpace(), "MicroCell": MicroCell, "MICRO_OPS": MICRO_OPS}
    for cell in jupytext.read(SOURCE).cells:
        if cell.cell_type == "code" and any(f"def {name}(" in cell.source for name in DEFINED):
            exec(cell.source, names)
    assert set(DEFINED) <= set(names)
    return names


def test_the_lessons_selections_draw_by_the_packages_chances(lesson: dict[str, Any]) -> None:
    fitness = np.array([0.2, 0.9, 0.5, 0.5, 0.7])  # with a tie
    for draw, selection in (
        (lambda rng: lesson["spin"](fitness, rng), FitnessProportional()),
        (lambda rng: lesson["rank"](fitness, 1.6, rng), LinearRank(1.6)),
        (lambda rng: lesson["tournament"](fitness, 4, 0.6, rng), Tournament(4, 0.6)),
    ):
        rng = np.random.default_rng(11)
        seen = np.bincount([draw(rng) for _ in range(8000)], minlength=5)
        assert chisquare(seen, 8000 * selection.chances(fitness)).pvalue > 1e-3


@pytest.mark.parametrize(("size", "sample"), [(5, 2), (20, 20), (10, 1)])
def test_the_lessons_loop_is_regularized_evolution(lesson: dict[str, Any], size: int, sample: int) -> None:
    def many_ties(cell: MicroCell) -> float:
        return float(cell.ops.count("nor_conv_3x3"))

    theirs = search(
        regularized_evolution(MicroSpace(), size, sample), lambda t: Result(many_ties(t.arch)), 150, seed=size
    )
    ours = lesson["by_hand"](many_ties, size, sample, 150, strategy_rng(size))
    assert ours == [told.trial.arch for told in theirs]


def test_the_lessons_mutations_change_what_their_names_say(lesson: dict[str, Any]) -> None:
    space, rng = MicroSpace(), np.random.default_rng(12)
    for cell in (space.sample(rng) for _ in range(300)):
        for name in ("switch", "resize"):
            mutant = lesson[name](space, cell, rng)
            changes = [{old, new} for old, new in zip(cell.ops, mutant.ops, strict=True) if old != new]
            if name == "switch":
                assert len(changes) == 1
                assert "none" in changes[0]
            elif {"nor_conv_1x1", "nor_conv_3x3"} & set(cell.ops):
                assert changes == [{"nor_conv_1x1", "nor_conv_3x3"}]
            else:
                assert mutant == cell


def test_the_lessons_children_are_what_crossover_can_make(lesson: dict[str, Any]) -> None:
    space, rng = MicroSpace(), np.random.default_rng(13)
    a, b = space.sample(rng), space.sample(rng)
    assert {space.crossover(a, b, rng) for _ in range(1000)} == set(lesson["all_children"](a, b))


# -- with real training -----------------------------------------------------------------------------------------------


def forty_trials(journal: Path) -> None:
    real_search("evolution", 7, **TINY | {"trials": 40}, journal=journal)


def test_a_killed_search_goes_on_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    killed_after(4, killed, forty_trials)
    done = killed.read_bytes().count(b"\n") - 1
    assert done < 40
    trials = TINY | {"trials": done + 3}
    real_search("evolution", 7, **trials, journal=killed)
    real_search("evolution", 7, **trials, journal=whole)
    assert killed.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize("workers", ["processes", pytest.param("dask", marks=pytest.mark.long)])
def test_a_search_on_workers_is_the_search_in_this_process(workers: str, tmp_path: Path) -> None:
    if workers == "dask":
        pytest.importorskip("distributed")
    with local_cluster(2) if workers == "dask" else nullcontext(process_pool(2)) as executor:
        apart = real_search("evolution", 7, **TINY, executor=executor, journal=tmp_path / "apart.jsonl")
    here = real_search("evolution", 7, **TINY, journal=tmp_path / "here.jsonl")
    assert [(told.trial, told.result, told.same_as) for told in apart] == [
        (told.trial, told.result, told.same_as) for told in here
    ]
    assert (tmp_path / "apart.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()
    assert any(told.trial.parents for told in here)


def test_a_row_of_the_full_run_survives_a_failure_after_its_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few = SearchData(load().train.subset(200), load().valid.subset(100))
    monkeypatch.setattr(lesson_05, "load", lambda: few)
    monkeypatch.setattr(lesson_05, "load_test", lambda: few.valid)
    monkeypatch.setenv("NASCOURSE_DATA", str(tmp_path))
    with monkeypatch.context() as broken:
        broken.setattr(lesson_05, "train", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit):
            full_run("evolution", 1, final_epochs=1, **TINY)
    journal = journal_path("evolution", 1)
    assert journal.read_bytes().count(b"\n") == 1 + TINY["trials"]

    with monkeypatch.context() as spent:
        spent.setattr("nascourse.evaluation.training.TrainFromScratch.__call__", lambda *_: pytest.fail("trained anew"))
        values = full_run("evolution", 1, final_epochs=1, **TINY)
    tidy = evidence.find("05_full_run").tidy
    assert journal.exists()  # until the row is on the disk
    assert tidy is not None
    tidy("evolution", 1)
    assert list(journal.parent.iterdir()) == []
    assert 0 <= values["test"] <= 1
    assert values["valid"] == np.nanmax(values["accuracies"])

    history = history_of(evidence.Row("evolution", 1, 0.0, values))
    assert history.best.trial.number == values["winner"]
    again = real_search("evolution", 1, **TINY, part=Images.first)
    assert [told.trial for told in history] == [told.trial for told in again]
    assert all(isinstance(told.trial.arch, Genotype) for told in history)


def test_the_stored_run_begins_as_it_does_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both arms have the same founders: what the first has trained is not trained again for the second."""
    trained: dict[Any, Result] = {}
    train = TrainFromScratch.__call__

    def once(evaluation: TrainFromScratch, trial: Trial[Any]) -> Result:
        key = (str(evaluation.describe()), trial.arch, trial.seed)
        if key not in trained:
            trained[key] = train(evaluation, trial)
        return trained[key]

    monkeypatch.setattr(TrainFromScratch, "__call__", once)
    recorded = evidence.load("05_full_run")
    budget = {key: value for key, value in recorded.budget.items() if key != "final_epochs"}
    tolerance = evidence.find("05_full_run").tolerance
    for arm in lesson_05.REAL_ARMS:
        begun = real_search(arm, 0, **budget | {"trials": 2}, part=Images.first)  # as it was recorded
        stored = next(row for row in recorded.of(arm) if row.seed == 0).values
        found = [list(CellSpace().encode(evaluated.trial.arch)) for evaluated in begun]
        assert found == [list(genotype) for genotype in stored["genotypes"][:2]]
        assert begun.accuracies == pytest.approx(stored["accuracies"][:2], abs=tolerance)
    assert len(trained) == 2


def test_the_arms_of_the_full_run_are_evolution_and_chance() -> None:
    # founders only: the same strategy generator draws the same genotypes in both arms
    founders = [
        [told.trial.arch for told in real_search(arm, 2, **TINY | {"trials": 3})] for arm in lesson_05.REAL_ARMS
    ]
    assert founders[0] == founders[1]
    assert not any(told.trial.parents for told in real_search("random", 2, **TINY))
    assert any(told.trial.parents for told in real_search("evolution", 2, **TINY))
    space = CellSpace()
    assert isinstance(ARMS["aging"](space), Evolution)
    with pytest.raises(CourseError):
        real_search("evolutoin", 2, **TINY)
