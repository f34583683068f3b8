from __future__ import annotations

from itertools import combinations, product
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.evidence.statistics import (
    TooFew,
    a12,
    average,
    difference,
    holm,
    kendall_tau,
    mann_whitney_p,
    permutation_p,
    smallest_p,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def exact_p(a: list[float], b: list[float]) -> float:
    """Unpaired, by going through every relabelling."""
    pool, n = np.array([*a, *b]), len(a)
    found = [pool[list(c)].mean() - np.delete(pool, list(c)).mean() for c in combinations(range(len(pool)), n)]
    seen = np.mean(a) - np.mean(b)
    return min(1, 2 * min(np.mean(np.array(found) >= seen - 1e-12), np.mean(np.array(found) <= seen + 1e-12)))


def exact_paired_p(a: list[float], b: list[float]) -> float:
    d = np.array(a) - np.array(b)
    found = np.array([(d * signs).mean() for signs in product((-1, 1), repeat=len(d))])
    return min(1, 2 * min(np.mean(found >= d.mean() - 1e-12), np.mean(found <= d.mean() + 1e-12)))


def test_permutation_p_is_that_of_all_arrangements(rng: np.random.Generator) -> None:
    for _ in range(5):
        a, b = rng.normal(0.5, 1, 5).tolist(), rng.normal(0, 1, 4).tolist()
        assert permutation_p(a, b) == pytest.approx(exact_p(a, b))
        a, b = rng.normal(0.5, 1, 7).tolist(), rng.normal(0, 1, 7).tolist()
        assert permutation_p(a, b, paired=True) == pytest.approx(exact_paired_p(a, b))


def test_smallest_p_is_reached_by_samples_that_do_not_overlap() -> None:
    assert (smallest_p(3, 3), smallest_p(3)) == (pytest.approx(0.1), 0.25)
    low, high = [0.1, 0.2, 0.3, 0.4], [0.6, 0.7, 0.8, 0.9, 1.0]
    assert permutation_p(high, low) == pytest.approx(smallest_p(5, 4)) == pytest.approx(mann_whitney_p(high, low))
    assert permutation_p(range(1, 8), [0] * 7, paired=True) == pytest.approx(smallest_p(7))


def test_three_seeds_are_refused_in_one_line() -> None:
    a, b = [0.9, 0.8, 0.85], [0.5, 0.6, 0.55]
    for ask in (permutation_p, mann_whitney_p, difference):
        with pytest.raises(TooFew, match=r"smallest possible p is 0\.1.*take 4 seeds an arm"):
            ask(a, b)
    with pytest.raises(TooFew, match=r"smallest possible p is 0\.25.*take 6 seeds an arm"):
        difference(a, b, paired=True)
    with pytest.warns(UserWarning, match="3 values"):
        average(a)
    assert permutation_p(a, b, level=0.1) == pytest.approx(0.1)


def test_a_single_value_is_refused_beside_any_number() -> None:
    many = np.linspace(0, 1, 100)
    for a, b in ((many, [0.5]), ([0.5], many)):
        for ask in (permutation_p, mann_whitney_p, difference):
            with pytest.raises(TooFew, match="take 4 seeds an arm"):
                ask(a, b)


def test_pairs_that_move_together_have_a_narrow_difference(rng: np.random.Generator) -> None:
    common = rng.normal(0, 1, 60)
    a, b = common + rng.normal(0.1, 0.05, 60), common + rng.normal(0, 0.05, 60)
    found, exact = difference(a, b, paired=True), stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.high - found.low == pytest.approx(exact.high - exact.low, rel=0.15)
    assert difference(a, b).high - difference(a, b).low > 5 * (found.high - found.low)


def test_mann_whitney_of_many_with_ties_agrees_with_permutations(rng: np.random.Generator) -> None:
    """The normal approximation that large samples get, with its correction for ties."""
    a, b = rng.integers(0, 6, 60).astype(float), rng.integers(0, 6, 60) + 0.0 + (rng.random(60) < 0.35)
    ranks, n = stats.rankdata([*a, *b]), 20_000
    center = ranks.sum() / 2
    sums = np.array([rng.permutation(ranks)[:60].sum() for _ in range(n)])
    expected = (np.abs(sums - center) >= abs(ranks[:60].sum() - center)).mean()
    assert 0.001 < expected < 0.5
    assert mann_whitney_p(a, b) == pytest.approx(expected, abs=4 * np.sqrt(expected / n) + 0.002)


def test_mann_whitney_agrees_with_enumeration(rng: np.random.Generator) -> None:
    a, b = rng.normal(1, 1, 5), rng.normal(0, 1, 5)
    ranks = stats.rankdata([*a, *b])
    sums = np.array([ranks[list(c)].sum() for c in combinations(range(10), 5)])
    seen = ranks[:5].sum()
    assert mann_whitney_p(a, b) == pytest.approx(min(1, 2 * min((sums >= seen).mean(), (sums <= seen).mean())))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_difference_agrees_with_the_t_interval_on_normal_data(
    paired: bool, confidence: float, rng: np.random.Generator
) -> None:
    ratios, shifts = [], []
    for _ in range(20):
        a, b = rng.normal(3, 1, 60), rng.normal(1, 2, 60)
        ours = difference(a, b, paired=paired, confidence=confidence)
        test = stats.ttest_rel(a, b) if paired else stats.ttest_ind(a, b, equal_var=False)
        exact = test.confidence_interval(confidence)
        ratios.append((ours.high - ours.low) / (exact.high - exact.low))
        shifts.append((ours.high + ours.low - exact.high - exact.low) / (exact.high - exact.low))
        assert ours.estimate == pytest.approx(a.mean() - b.mean())
    assert np.mean(ratios) == pytest.approx(1, abs=0.04)  # an interval of 90 % for 95 % would be 0.84 as wide
    assert np.mean(shifts) == pytest.approx(0, abs=0.05)


def test_median_and_mean_are_told_apart() -> None:
    a, b = [0.0] * 9 + [100.0], [0.0] * 10
    assert difference(a, b).estimate == 10
    assert difference(a, b, "median").estimate == 0
    assert average([1, 2, 3, 4, 5, 60], "median").estimate == 3.5


def test_equal_values_have_an_interval_without_width() -> None:
    interval = difference([0.3] * 5, [0.1] * 5)
    assert (interval.low, interval.high) == pytest.approx((0.2, 0.2))


def test_intervals_are_the_same_every_time_and_turn_with_the_sign(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=20), rng.normal(size=20)
    assert difference(a, b) == difference(a, b)
    there, back = difference(a, b), difference(b, a)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.05)
    assert str(there).endswith("(95%, n = 20 + 20)")


def test_a12_counts_pairs() -> None:
    a, b = [1, 2, 2, 5], [0, 2, 3]
    wins = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    assert a12(a, b).estimate == pytest.approx(wins)
    assert a12(b, a).estimate == pytest.approx(1 - wins)
    assert (a12(b, a).low, a12(b, a).high) == pytest.approx((1 - a12(a, b).high, 1 - a12(a, b).low))


@pytest.mark.parametrize("shift", [0.0, 0.8, 2.0])
def test_a12_covers_the_closed_form(shift: float, rng: np.random.Generator) -> None:
    """Of two normal distributions the chance is Phi(shift / sqrt 2)."""
    truth = stats.norm.cdf(shift / sqrt(2))
    intervals = [a12(rng.normal(shift, 1, 12), rng.normal(0, 1, 15)) for _ in range(1000)]
    assert 0.93 < np.mean([i.low <= truth <= i.high for i in intervals]) < 0.98


def test_a12_of_separate_samples_still_has_an_interval() -> None:
    interval = a12([5, 6, 7, 8, 9], [0, 1, 2, 3, 4])
    assert (interval.estimate, interval.high) == (1, 1)
    assert 0.5 < interval.low < 0.9
    below = a12([0, 1, 2, 3, 4], [5, 6, 7, 8, 9])
    assert (below.low, below.estimate) == (0, 0)
    assert below.high == pytest.approx(1 - interval.low)


def test_holm_rejects_what_the_step_down_procedure_rejects(rng: np.random.Generator) -> None:
    for _ in range(50):
        p = rng.uniform(0, 0.1, 5)
        rejected: set[int] = set()
        for step, index in enumerate(np.argsort(p)):
            if p[index] > 0.05 / (5 - step):
                break
            rejected.add(int(index))
        assert {i for i, adjusted in enumerate(holm(p.tolist())) if adjusted <= 0.05} == rejected
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]


def test_kendall_tau_counts_concordant_pairs(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=12), rng.normal(size=12)
    pairs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in combinations(range(12), 2)]
    assert kendall_tau(a, b) == pytest.approx(np.mean(pairs))
    assert kendall_tau(a, a) == pytest.approx(1)
    assert kendall_tau(a, -a) == pytest.approx(-1)


def test_bad_samples_are_refused() -> None:
    with pytest.raises(CourseError, match="finite numbers"):
        average([0.5, float("nan"), 0.6])
    with pytest.raises(CourseError, match="pairs"):
        difference([1, 2, 3, 4, 5, 6], [1, 2, 3], paired=True)
