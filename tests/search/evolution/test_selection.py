"""Selection against enumeration, closed forms and theory; frequencies by chi-square with fixed seeds at 1e-3."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.lessons.lesson_05.analysis import takeover_time
from nascourse.search.evolution.population import Individual
from nascourse.search.evolution.selection import (
    FitnessProportional,
    LinearRank,
    Selection,
    Tournament,
    Uniform,
)
from nascourse.spaces.micro import MicroCell

ARCH = MicroCell(("none",) * 6)
FITNESS = [0.2, 0.9, 0.5, 0.7, 0.4]
NAN = math.nan

SELECTIONS = [
    Uniform(),
    FitnessProportional(),
    LinearRank(1.0),
    LinearRank(1.3),
    LinearRank(2.0),
    *(Tournament(k, p, distinct) for k in (1, 2, 3) for p in (1.0, 0.6) for distinct in (True, False)),
]


def frequencies_fit(counts: Counter, expected: dict, draws: int) -> bool:
    """Chi-square at 1e-3; nothing of probability 0 was seen."""
    assert set(counts) <= {key for key, p in expected.items() if p > 0}
    keys = [key for key, p in expected.items() if p > 0]
    if len(keys) == 1:
        return True
    return stats.chisquare([counts[key] for key in keys], [draws * expected[key] for key in keys]).pvalue > 1e-3


def enumerated_tournament(fitness: list[float], size: int, p: float, distinct: bool) -> np.ndarray:
    """By going through every possible set (or sequence) of contestants, equals sharing their places."""
    n = len(fitness)
    groups = list(combinations(range(n), min(size, n))) if distinct else list(product(range(n), repeat=size))
    wins = np.zeros(n)
    for group in groups:
        orders = [o for o in set(permutations(group)) if all(fitness[a] >= fitness[b] for a, b in pairwise(o))]
        for order in orders:
            for place, one in enumerate(order):
                last = place == len(order) - 1
                wins[one] += (1 - p) ** place * (1 if last else p) / len(orders)
    return wins / len(groups)


@pytest.mark.parametrize("fitness", [FITNESS, [0.3, 0.3, 0.8, 0.3], [0.5, 0.5], [-1.0, 0.0, 2.0], [0.7]], ids=str)
@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("p", [1.0, 0.6])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_tournaments_chances_are_those_of_its_enumeration(
    fitness: list[float], distinct: bool, p: float, size: int
) -> None:
    if size == 7 and not distinct:
        size = 4  # 7 contestants with repeats are too many to enumerate
    by_enumeration = enumerated_tournament(fitness, size, p, distinct)
    assert Tournament(size, p, distinct).chances(fitness) == pytest.approx(by_enumeration)


def test_the_last_takes_the_remainder() -> None:
    assert Tournament(3, 0.5).places(3) == pytest.approx([0.5, 0.25, 0.25])  # not 0.125: they add up to 1


def test_chances_of_proportional_and_rank_by_hand() -> None:
    assert FitnessProportional().chances([1, 2, 5]) == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert LinearRank(1.5).chances([3, 1, 9]) == pytest.approx([1 / 3, 0.5 / 3, 1.5 / 3])
    assert LinearRank(2.0).chances([0.1, 0.2, 0.9]) == pytest.approx([0, 1 / 3, 2 / 3])
    assert LinearRank(2.0).chances([0.1, 0.1, 0.9]) == pytest.approx([1 / 6, 1 / 6, 2 / 3])  # equals share their ranks


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_frequencies_with_replacement(selection: Selection) -> None:
    draws = 1500
    drawn = Counter(selection.draw(FITNESS, draws, np.random.default_rng(1)))
    assert frequencies_fit(drawn, dict(enumerate(selection.chances(FITNESS))), draws)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_frequencies_of_pairs_without_replacement(selection: Selection) -> None:
    """P(i then j) is P(i) in all times P(j) in those that are left."""
    once = type(selection)(**{**selection.__dict__, "replace": False})
    expected = {}
    for i, first in enumerate(selection.chances(FITNESS)):
        left = [k for k in range(len(FITNESS)) if k != i]
        for j, second in zip(left, selection.chances([FITNESS[k] for k in left]), strict=True):
            expected[i, j] = first * second
    assert sum(expected.values()) == pytest.approx(1)
    rng, draws = np.random.default_rng(2), 1500
    drawn = Counter(tuple(once.draw(FITNESS, 2, rng)) for _ in range(draws))
    assert frequencies_fit(drawn, expected, draws)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_who_failed_is_not_selected_while_another_is_there(selection: Selection) -> None:
    rng = np.random.default_rng(0)
    assert set(selection.draw([NAN, 0.2, math.inf, 0.4, -math.inf], 200, rng)) <= {1, 3}
    assert selection.chances([NAN, 0.2, NAN, 0.4])[[0, 2]] == pytest.approx(0)
    assert selection.chances([NAN, 0.2, NAN, 0.4])[[1, 3]] == pytest.approx(selection.chances([0.2, 0.4]))
    once = type(selection)(**{**selection.__dict__, "replace": False})
    assert sorted(once.draw([NAN, 0.2, 0.4], 4, rng)) == [1, 1, 2, 2]  # everybody comes before anybody comes again


@pytest.mark.parametrize("fitness", [[NAN] * 4, [0.0] * 4, [0.6] * 4, [NAN, -math.inf, math.inf, NAN]], ids=str)
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_equals_have_equal_chances(selection: Selection, fitness: list[float]) -> None:
    assert selection.chances(fitness) == pytest.approx([0.25] * 4)
    drawn = Counter(selection.draw(fitness, 800, np.random.default_rng(3)))
    assert frequencies_fit(drawn, dict.fromkeys(range(4), 0.25), 800)


def test_negative_and_zero_fitness() -> None:
    with pytest.raises(CourseError, match=r"-0\.1.*use LinearRank or Tournament"):
        FitnessProportional().draw([0.5, -0.1], 1, np.random.default_rng(0))
    assert FitnessProportional().chances([0, 0.5, 0]) == pytest.approx([0, 1, 0])
    assert FitnessProportional().chances([1e308, 1e308]) == pytest.approx([0.5, 0.5])
    for selection in (LinearRank(1.7), Tournament(2)):  # they compare, so a shift changes nothing
        assert selection.chances([-3, -2, 0]) == pytest.approx(selection.chances([0, 1, 3]))


def test_it_gives_individuals_back_and_refuses_what_makes_no_sense() -> None:
    rng = np.random.default_rng(0)
    people = [Individual(7, ARCH, 0.1), Individual(9, ARCH, 0.8)]
    assert Tournament(2)(people, 3, rng) == [people[1]] * 3
    with pytest.raises(CourseError, match="empty population"):
        Uniform()([], 1, rng)
    for wrong in (lambda: LinearRank(2.5), lambda: Tournament(0), lambda: Tournament(2, 0.0), lambda: Tournament(2, 2)):
        with pytest.raises(CourseError):
            wrong()


def test_more_pressure_leaves_fewer_parents_as_many_as_theory_says() -> None:
    """Of N individuals, 1 − (1 − p_i)^N are expected among N parents for each: pressure costs diversity."""
    n, rng = 60, np.random.default_rng(4)
    fitness = rng.random(n)
    ladders: list[list[Selection]] = [
        [Tournament(k) for k in (1, 2, 4, 8, 16)],
        [Tournament(4, p) for p in (0.4, 0.6, 1.0)],
        [LinearRank(pressure) for pressure in (1.0, 1.5, 2.0)],
    ]
    for ladder in ladders:
        left = [np.mean([len(set(s.draw(fitness, n, rng))) for _ in range(40)]) for s in ladder]
        assert left == sorted(left, reverse=True)
        expected = [np.sum(1 - (1 - s.chances(fitness)) ** n) for s in ladder]
        assert left == pytest.approx(expected, abs=1.5)  # a standard error is below 0.5


def exact_takeover(k: int, n: int) -> tuple[float, float, float]:
    """Mean and standard deviation of the takeover time of a tournament of k, and the chance that the best is lost.

    With i copies of the best among n, each of the n parents is one with 1 − (1 − i/n)^k: a Markov chain on i.
    """
    share, generations = np.arange(n + 1) / n, np.arange(1, 81)
    step = stats.binom.pmf(np.arange(n + 1), n, (1 - (1 - share) ** k)[:, None])
    at = np.eye(n + 1)[1]
    full = [0.0]
    for _ in generations:
        at = at @ step
        full.append(at[n])
    times = np.diff(full) / at[n]
    mean = float(times @ generations)
    return mean, math.sqrt(times @ generations**2 - mean**2), float(at[0])


@pytest.mark.parametrize(("k", "runs"), [(2, 60), (4, 60), (8, 200)])
def test_the_takeover_time_of_tournaments(k: int, runs: int) -> None:
    n, rng = 128, np.random.default_rng(5)
    found = [takeover_time(Tournament(k, distinct=False), n, rng) for _ in range(runs)]
    times = [run for run in found if run is not None]

    def fits(size: int) -> bool:
        """By a z-test at 1e-3."""
        mean, deviation, _ = exact_takeover(size, n)
        return abs(np.mean(times) - mean) < stats.norm.ppf(1 - 5e-4) * deviation / math.sqrt(len(times))

    assert [size for size in range(1, 12) if fits(size)] == [k]  # so many runs that no neighbour fits
    mean, _, lost = exact_takeover(k, n)
    assert stats.binomtest(runs - len(times), runs, lost).pvalue > 1e-3
    # (ln N + ln ln N)/ln k, Goldberg & Deb 1991, counts no luck and no whole generations
    assert 0 < mean - (math.log(n) + math.log(math.log(n))) / math.log(k) < 1


def test_the_takeover_time_that_lesson_05_tells() -> None:
    assert round(exact_takeover(2, 128)[0]) == 10  # "about ten generations"


def test_large_tournaments_have_chances_too() -> None:
    chances = Tournament(500).chances(range(2000))
    assert chances.sum() == pytest.approx(1)
    assert chances[-1] == pytest.approx(500 / 2000)  # it wins whenever it takes part
    assert chances[-2] == pytest.approx(1500 / 2000 * 500 / 1999)


def test_linear_rank_of_pressure_2_takes_over_like_a_tournament_of_two() -> None:
    assert LinearRank(2.0).chances(range(50)) == pytest.approx(Tournament(2).chances(range(50)))
    with pytest.raises(CourseError, match="replace"):
        takeover_time(Tournament(2, replace=False), 8, np.random.default_rng(0))
