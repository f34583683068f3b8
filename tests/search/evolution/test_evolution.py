"""Evolution whole: who is dropped, who crosses, what a failed founder does, resuming, and that it finds the optimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.lessons.lesson_05.analysis import diversity, populations, replay
from nascourse.lessons.lesson_05.mutators import change_operation, rewire_input, swap_cells
from nascourse.search.evolution.evolution import (
    Evolution,
    Generation,
    classical_ga,
    mu_plus_lambda,
    regularized_evolution,
)
from nascourse.search.evolution.population import Individual, best, worst
from nascourse.search.evolution.selection import LinearRank, Tournament, Uniform
from nascourse.search.evolution.update import DropOldest, DropWorst, DropWorstOrOldest, Generational, KeepAll, Update
from nascourse.search.evolution.variation import AnyOf, half_of_each, one_decision
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroCell, MicroSpace

SPACE = MicroSpace()
ALGORITHMS: dict[str, Callable[[], Evolution[MicroCell]]] = {
    "regularized": lambda: regularized_evolution(SPACE, size=8, sample=3),
    "mu + lambda": lambda: mu_plus_lambda(SPACE, mu=5, lam=3),
    "classical GA": lambda: classical_ga(SPACE, size=6),
    "mixed rule": lambda: Evolution(
        SPACE, 6, 2, selection=LinearRank(1.8, replace=False), crossover=half_of_each, update=DropWorstOrOldest(0.5)
    ),
    "worst of some": lambda: Evolution(SPACE, 6, selection=Tournament(2, 0.7), update=DropWorst(among=2)),
    "nobody goes": lambda: Evolution(SPACE, 6, 2, selection=Tournament(3), update=KeepAll()),
}
every_algorithm = pytest.mark.parametrize("make", ALGORITHMS.values(), ids=ALGORITHMS)


def smooth(trial: Trial[MicroCell]) -> Result:
    return Result(sum(SPACE.encode(trial.arch)) / 24)


def people(*fitness: float) -> list[Individual[MicroCell]]:
    return [Individual(n, MicroCell(("none",) * 6), value) for n, value in enumerate(fitness)]


def numbers(population: list[Individual[MicroCell]]) -> list[int]:
    return [one.number for one in population]


@pytest.mark.parametrize(
    ("update", "stay"),
    [
        (DropOldest(), [2, 3, 4, 5]),
        (DropWorst(), [0, 2, 3, 4]),
        (DropWorstOrOldest(0.0), [2, 3, 4, 5]),
        (DropWorstOrOldest(1.0), [0, 2, 3, 4]),
        (Generational(), [4, 5]),
        (Generational(elite=1), [2, 4]),
        (KeepAll(), [0, 1, 2, 3, 4, 5]),
    ],
    ids=str,
)
def test_who_stays(update: Update, stay: list[int]) -> None:
    alive = people(0.5, math.nan, 0.9, 0.4, 0.6, 0.1)
    assert numbers(update(alive[:4], alive[4:], np.random.default_rng(0))) == stay


def test_among_equals_the_older_is_the_best_and_the_worst() -> None:
    equals = people(0.5, 0.5, 0.5, math.nan, math.nan)
    assert numbers(best(equals, 2)) == [0, 1]
    assert worst(equals).number == 3
    assert worst(equals[:3]).number == 0


def test_the_mixed_rule_drops_the_worst_with_probability_lambda() -> None:
    alive, rng, lam = people(0.5, 0.9, 0.4), np.random.default_rng(1), 0.3
    gone = [numbers(DropWorstOrOldest(lam)(alive[:2], alive[2:], rng)) == [0, 1] for _ in range(1000)]
    assert stats.binomtest(sum(gone), 1000, lam).pvalue > 1e-3


def test_the_worse_of_two_goes_as_often_as_the_lots_say() -> None:
    """Of n = 4, the r-th best is the worse of two different ones with (r − 1)/C(4, 2)."""
    alive, rng = people(0.9, 0.8, 0.7, 0.6), np.random.default_rng(2)
    gone = [6 - sum(numbers(DropWorst(among=2)(alive[:3], alive[3:], rng))) for _ in range(1200)]
    counts = np.bincount(gone, minlength=4)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:], [200, 400, 600]).pvalue > 1e-3


def test_aging_drops_the_oldest_though_it_is_the_best() -> None:
    """Fitness falls with every trial, so the rule that aging is mistaken for, to drop the worst, keeps the founders."""
    falling = lambda trial: Result(1 / (1 + trial.number))  # noqa: E731
    aging, greedy = regularized_evolution(SPACE, size=8, sample=3), mu_plus_lambda(SPACE, mu=8, lam=1)
    for strategy in (aging, greedy):
        search(strategy, falling, 30, cache=False)
    founders, *generations = aging.generations
    assert founders == Generation(tuple(range(8)))
    assert generations == [Generation((8 + age,), (age,)) for age in range(22)]
    assert numbers(aging.population) == list(range(22, 30))  # each lived for as many trials as the population is large
    assert numbers(greedy.population) == list(range(8))


def test_a_regularized_parent_is_the_best_of_a_sample() -> None:
    """The parent's rank follows the tournament's closed form, a new population for each draw."""
    ranks = []
    for seed in range(400):
        history = search(regularized_evolution(SPACE, size=5, sample=3), smooth_with_number, 6, seed=seed)
        (parent,) = history[5].trial.parents
        ranks.append(int((history.accuracies[:5] > history.accuracies[parent]).sum()))
    expected = [((5 - r) ** 3 - (4 - r) ** 3) / 5**3 for r in range(5)]  # all of 3 draws among the 5 − r lowest
    assert stats.chisquare(np.bincount(ranks, minlength=5), 400 * np.array(expected)).pvalue > 1e-3


def smooth_with_number(trial: Trial[MicroCell]) -> Result:
    return Result(smooth(trial).accuracy + trial.number * 1e-6)  # no two equal


@every_algorithm
@pytest.mark.parametrize("window", [1, 5, 9])
def test_the_population_keeps_its_size_and_only_the_living_have_children(
    make: Callable[[], Evolution[MicroCell]], window: int
) -> None:
    strategy = make()
    history = search(strategy, smooth, 60, seed=1, window=window)
    alive = list(populations(strategy.generations))
    growth = strategy.children if isinstance(strategy.update, KeepAll) else 0
    assert [len(population) for population in alive] == [strategy.size + growth * age for age in range(len(alive))]
    assert set(alive[-1]) == set(numbers(strategy.population))
    born = [number for generation in strategy.generations for number in generation.born]
    assert born == list(range(len(born)))
    known = {}  # from how many told trials on which population is alive
    told = 0
    for generation, population in zip(strategy.generations, alive, strict=True):
        told += len(generation.born)
        known[told] = set(population)
    for row in list(history)[strategy.size + window - 1 :]:
        told_then = row.trial.number - window + 1
        latest = known[max(told for told in known if told <= told_then)]
        assert row.trial.parents
        assert set(row.trial.parents) <= latest


@every_algorithm
def test_same_seed_same_trajectory_and_interrupted_equals_uninterrupted(
    make: Callable[[], Evolution[MicroCell]], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    search(make(), smooth, 40, seed=3, window=4, journal=whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:23]))
    resumed = make()
    search(resumed, smooth, 40, seed=3, window=4, journal=cut)
    assert cut.read_bytes() == whole.read_bytes()
    recorded = History.load(whole, MicroCell.from_json)
    assert replay(make(), recorded, seed=3, window=4) == tuple(resumed.generations)
    with pytest.raises(CourseError, match="same strategy, seed and window"):
        replay(make(), recorded, seed=4, window=4)


@every_algorithm
def test_it_lives_through_failures(make: Callable[[], Evolution[MicroCell]]) -> None:
    fails = lambda trial: Result(math.nan) if trial.number < 20 or trial.number % 3 == 0 else smooth(trial)  # noqa: E731
    with pytest.warns(UserWarning, match="of 80 evaluations failed"):
        history = search(make(), fails, 80, window=3)
    assert len(history) == 80
    late = {parent for row in list(history)[60:] for parent in row.trial.parents}
    assert not any(history[parent].result.failed for parent in late)


def test_rates_of_crossover_and_mutation() -> None:
    space, trials = CellSpace(nodes=2), 420
    strategy = Evolution(
        space,
        20,
        20,
        selection=Uniform(replace=False),
        crossover=swap_cells,
        crossover_rate=0.7,
        mutation_rate=0.4,
        update=DropOldest(),
    )
    history = search(strategy, lambda trial: Result(0.5), trials)
    children = list(history)[20:]
    crossed = [row for row in children if len(row.trial.parents) == 2]
    assert stats.binomtest(len(crossed), len(children), 0.7).pvalue > 1e-3
    changed = 0
    for row in children:
        first, last = (history[parent].trial.arch for parent in (row.trial.parents[0], row.trial.parents[-1]))
        changed += (row.trial.arch.normal, row.trial.arch.reduce) != (first.normal, last.reduce)
    assert stats.binomtest(changed, len(children), 0.4).pvalue > 1e-3


@pytest.mark.parametrize(("crossover", "mutation"), [(swap_cells, one_decision), (half_of_each, rewire_input)])
def test_an_operator_that_does_not_fit_is_refused_before_anything_is_evaluated(crossover, mutation) -> None:
    with pytest.raises(CourseError, match=r"got 'micro\."):
        classical_ga(SPACE, 10, crossover, mutation)
    with pytest.raises(CourseError, match=r"got 'micro\.rewire an input"):
        regularized_evolution(SPACE, mutation=AnyOf(change_operation, rewire_input))


def test_an_elite_that_leaves_no_place_for_a_child_is_refused() -> None:
    with pytest.raises(CourseError, match="fewer elite than children"):
        Evolution(SPACE, 10, 1, selection=Uniform(), update=Generational(1))
    Evolution(SPACE, 10, 2, selection=Uniform(), update=Generational(1))


def test_any_of_picks_among_those_that_change_something() -> None:
    cell = MicroCell(("none",) * 6)
    first = lambda space, arch, rng: MicroCell(("skip_connect", *arch.ops[1:]))  # noqa: E731
    last = lambda space, arch, rng: MicroCell((*arch.ops[:-1], "avg_pool_3x3"))  # noqa: E731
    nothing = lambda space, arch, rng: arch  # noqa: E731
    rng = np.random.default_rng(0)
    mutants = [AnyOf(first, nothing, last)(SPACE, cell, rng) for _ in range(400)]
    assert set(mutants) == {first(SPACE, cell, rng), last(SPACE, cell, rng)}
    assert stats.binomtest(mutants.count(mutants[0]), 400, 0.5).pvalue > 1e-3
    assert AnyOf(nothing)(SPACE, cell, rng) == cell
    with pytest.raises(CourseError, match="no mutation"):
        AnyOf()


def test_every_setting_is_part_of_what_identifies_a_search() -> None:
    base = ALGORITHMS["worst of some"]
    described = [base().describe()]
    for change in (
        {"size": 7},
        {"children": 2},
        {"selection": Tournament(3, 0.7)},
        {"crossover": half_of_each},
        {"crossover_rate": 0.5},
        {"mutation": AnyOf(one_decision)},
        {"mutation_rate": 0.5},
        {"update": DropWorst()},
    ):
        changed = base()
        for name, value in change.items():
            setattr(changed, name, value)
        described.append(changed.describe())
    assert all(a != b for k, a in enumerate(described) for b in described[:k])


def test_diversity_is_the_mean_share_of_decisions_that_differ() -> None:
    cells = [SPACE.decode(decisions) for decisions in ((0,) * 6, (0, 0, 0, 1, 1, 1), (1,) * 6)]
    crowd = [Individual(n, cell, 0.5) for n, cell in enumerate(cells)]
    assert diversity(SPACE, crowd) == pytest.approx((3 / 6 + 6 / 6 + 3 / 6) / 3)
    assert diversity(SPACE, crowd[:1]) == 0


def test_it_finds_the_optimum_far_sooner_than_random_search() -> None:
    """One cell of 15,625 is best. Mann-Whitney on when it is found, 20 seeds each: no distribution assumed."""
    budget = 400

    def found(strategy: RandomSearch[MicroCell] | Evolution[MicroCell], seed: int) -> int:
        accuracies = search(strategy, smooth, budget, seed=seed).accuracies
        return int(np.argmax(accuracies)) if accuracies.max() == 1.0 else budget

    by_chance = [found(RandomSearch(SPACE), seed) for seed in range(20)]
    for strategy in (
        regularized_evolution(SPACE, size=20, sample=5),
        mu_plus_lambda(SPACE, mu=5, lam=5),
        classical_ga(SPACE, size=20, elite=2),
    ):
        evolved = [found(strategy, seed) for seed in range(20)]
        assert stats.mannwhitneyu(evolved, by_chance, alternative="less").pvalue < 1e-3
