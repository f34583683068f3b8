"""What a handful of seeds can show: intervals, tests and effect sizes. SciPy does the work.

A sample is one number a seed, shape ``(seeds,)``. Two arms that used the same seeds in the same order are paired:
then what is studied is the difference within each seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from ..errors import CourseError, bad_input

Sample = NDArray[np.float64]

RESAMPLES = 9999


class TooFew(CourseError):
    """More seeds are needed before anything can be said at the level that was asked for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval. n: how many values of each arm it stands on."""

    estimate: float
    low: float
    high: float
    confidence: float
    n: tuple[int, ...]

    def __str__(self) -> str:
        sizes = " + ".join(map(str, self.n))
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.confidence:.0%}, n = {sizes})"


def smallest_p(n: int, m: int | None = None) -> float:
    """The smallest two-sided p-value that a permutation test can give: of two samples of ``n`` and ``m`` values,
    2 / C(n + m, n); of ``n`` pairs (``m`` None), 2 / 2^n. With three seeds 0.10 and 0.25: no significance at 0.05,
    whatever the data."""
    return 2 / 2**n if m is None else 2 / comb(n + m, n)


def _enough(level: float, n: int, m: int | None = None) -> None:
    if (p := smallest_p(n, m)) > level or m == 1 or n == 1:
        given = f"{n} pairs" if m is None else f"{n} and {m} values"
        given += f", whose smallest possible p is {p:.2g}"
        needed = next(k for k in range(2, 100) if smallest_p(k, None if m is None else k) <= level)
        raise TooFew(*bad_input(given, f"enough for p <= {level:.2g}", f"take {needed} seeds an arm").args)


def _sample(values: ArrayLike, least: int = 1) -> Sample:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or len(sample) < least or not np.isfinite(sample).all():
        raise bad_input(
            sample.tolist(), f"at least {least} finite numbers, one a seed", "leave failed seeds out, and say so"
        )
    return sample


def _pair(a: ArrayLike, b: ArrayLike, paired: bool) -> tuple[Sample, Sample]:
    first, second = _sample(a), _sample(b)
    if paired and len(first) != len(second):
        raise bad_input(f"{len(first)} and {len(second)} values", "pairs", "give the same seeds to both arms")
    return first, second


_STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}


def _bootstrap(samples: tuple[Sample, ...], statistic: Callable[..., Any], confidence: float, seed: int) -> Interval:
    estimate = float(statistic(*samples, axis=-1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BCa is undefined on degenerate data: NaN, seen below
        for method in ("BCa", "percentile"):
            interval = stats.bootstrap(
                samples,
                statistic,
                n_resamples=RESAMPLES,
                vectorized=True,
                confidence_level=confidence,
                method=method,
                random_state=np.random.default_rng(seed),
            ).confidence_interval
            if np.isfinite([interval.low, interval.high]).all():
                break
    n = tuple(len(sample) for sample in samples)
    return Interval(estimate, float(interval.low), float(interval.high), confidence, n)


def average(
    values: ArrayLike, statistic: Literal["mean", "median"] = "mean", confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The mean or median with its bootstrap interval (bias-corrected and accelerated, Efron 1987; percentiles where
    that is undefined). Warns where so few values make it too narrow."""
    sample = _sample(values, 2)
    if smallest_p(len(sample)) > 1 - confidence:
        warnings.warn(f"an interval from {len(sample)} values is narrower than it claims", stacklevel=2)
    return _bootstrap((sample,), _STATISTICS[statistic], confidence, seed)


def difference(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Literal["mean", "median"] = "mean",
    paired: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """How much ``a`` exceeds ``b``, with its bootstrap interval (BCa as in `average`): the difference of their means
    or medians, or, of pairs, the mean or median of the differences. Raises `TooFew`."""
    first, second = _pair(a, b, paired)
    center = _STATISTICS[statistic]
    if paired:
        _enough(1 - confidence, len(first))
        return _bootstrap((first - second,), center, confidence, seed)
    _enough(1 - confidence, len(first), len(second))
    return _bootstrap((first, second), lambda x, y, axis: center(x, axis=axis) - center(y, axis=axis), confidence, seed)


def permutation_p(a: ArrayLike, b: ArrayLike, paired: bool = False, level: float = 0.05, seed: int = 0) -> float:
    """Two-sided p-value of a difference of means, by permuting labels (paired: signs): exact while there are at most
    9,999 arrangements, else from as many random ones. Raises `TooFew` where ``level`` cannot be reached."""
    first, second = _pair(a, b, paired)
    _enough(level, len(first), None if paired else len(second))
    return float(
        stats.permutation_test(
            (first, second),
            lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
            permutation_type="samples" if paired else "independent",
            vectorized=True,
            n_resamples=RESAMPLES,
            random_state=np.random.default_rng(seed),
        ).pvalue
    )


def mann_whitney_p(a: ArrayLike, b: ArrayLike, level: float = 0.05) -> float:
    """Two-sided p-value of the Mann-Whitney U test (unpaired; exact for small samples without ties). Raises `TooFew`
    where ``level`` cannot be reached."""
    first, second = _pair(a, b, False)
    _enough(level, len(first), len(second))
    return float(stats.mannwhitneyu(first, second).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of several tests (Holm 1979): below the level where the step-down procedure rejects. The k-th
    smallest of m is multiplied by m - k + 1, and is no smaller than the one before."""
    p = _sample(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return [float(value) for value in adjusted]


def a12(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Interval:
    """The chance that a value of ``a`` exceeds one of ``b``, ties counting half (Vargha & Delaney 2000); 0.5: no
    effect.

    The interval inverts the score of Hanley & McNeil's (1982) variance, with the mean of both sample sizes
    (Newcombe 2006): unlike a bootstrap it is no point where the samples do not overlap.
    """
    first, second = _pair(a, b, False)
    m, n = len(first), len(second)
    estimate = float(stats.mannwhitneyu(first, second).statistic / (m * n))
    z = stats.norm.ppf((1 + confidence) / 2)
    others = (m + n) / 2 - 1

    def distance(theta: float) -> float:
        """In squares, less what the level allows: negative inside the interval."""
        spread = 1 + others * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (theta - estimate) ** 2 - z**2 * theta * (1 - theta) * spread / (m * n)

    low = 0.0 if estimate == 0 else optimize.brentq(distance, 0, estimate if estimate < 1 else 1 - 1e-12)
    high = 1.0 if estimate == 1 else optimize.brentq(distance, estimate if estimate > 0 else 1e-12, 1)
    return Interval(estimate, float(low), float(high), confidence, (m, n))


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """How alike two orders of the same things are (tau-b, which allows for ties): 1 equal, 0 unrelated, -1 reversed;
    NaN where one of them is constant."""
    first, second = _pair(a, b, paired=True)
    return float(stats.kendalltau(first, second).statistic)
