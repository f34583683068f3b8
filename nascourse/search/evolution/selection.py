"""Step 1, selection: who becomes a parent. What unusual fitness means is told in `population`.

Every selection is a callable ``(population, n, rng) -> n individuals``, and tells the chances it draws by.
(He, Zhao & Chu, *AutoML: A Survey of the State-of-the-Art*, section on evolution; formulas: Blickle & Thiele 1996,
"A Comparison of Selection Schemes used in Evolutionary Algorithms")
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, rankdata

from ...errors import bad_input
from ...spaces.base import A
from .population import Individual, eligible

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Selection(ABC):
    """replace: whether who was drawn may be drawn again. If not, the next is drawn as if they had never been there,
    and nobody comes a second time before everybody came once."""

    replace: bool = True

    def __call__(self, population: Sequence[Individual[A]], n: int, rng: Generator) -> list[Individual[A]]:
        """Draw ``n`` parents. Raises `CourseError` for a population without anyone."""
        return [population[place] for place in self.draw([one.fitness for one in population], n, rng)]

    def draw(self, fitness: ArrayLike, n: int, rng: Generator) -> list[int]:
        """The same on numbers alone: the places of the ``n`` drawn. fitness: ``(individuals,)``."""
        values = eligible(fitness)
        if not len(values):
            raise bad_input("an empty population", "at least one individual", "evaluate some architectures first")
        pool: list[int] = []
        chosen: list[int] = []
        while len(chosen) < n:
            pool = pool or np.flatnonzero(~np.isnan(values)).tolist()
            drawn = self._draw(values[pool], rng)
            chosen.append(pool[drawn] if self.replace else pool.pop(drawn))
        return chosen

    def chances(self, fitness: ArrayLike) -> Floats:
        """For each fitness in ``(individuals,)`` the probability that its owner is drawn first."""
        chances = eligible(fitness)
        counts = ~np.isnan(chances)
        chances[counts] = self._chances(chances[counts])
        return np.nan_to_num(chances)

    def describe(self) -> dict[str, Any]:
        return {"name": type(self).__name__, **asdict(self)}

    @abstractmethod
    def _chances(self, fitness: Floats) -> Floats:
        """`chances` for numbers that are all finite."""

    def _draw(self, fitness: Floats, rng: Generator) -> int:
        return int(rng.choice(len(fitness), p=self._chances(fitness)))


@dataclass(frozen=True)
class Uniform(Selection):
    """Everyone alike: no selection pressure."""

    def _chances(self, fitness: Floats) -> Floats:
        return np.full(len(fitness), 1 / len(fitness))


@dataclass(frozen=True)
class FitnessProportional(Selection):
    """P(h_i) = f_i / Σ f_j, also called roulette wheel. Raises `CourseError` for negative fitness."""

    def _chances(self, fitness: Floats) -> Floats:
        if (fitness < 0).any():
            raise bad_input(
                f"fitness {fitness.min():g}", "fitness of at least 0 to share out", "use LinearRank or Tournament"
            )
        if not fitness.any():
            return np.full(len(fitness), 1 / len(fitness))
        shares = fitness / fitness.max()  # so that the sum of huge numbers stays finite
        return np.asarray(shares / shares.sum())


@dataclass(frozen=True)
class LinearRank(Selection):
    """P(h_i) = (η⁻ + (η⁺ − η⁻)(r_i − 1)/(N − 1)) / N with rank r_i = 1 for the worst and N for the best, and
    η⁻ = 2 − η⁺. Equals share the mean of their ranks.

    pressure: η⁺ in 1..2, how often the best of N is expected in N draws; 1: no pressure.
    """

    pressure: float = 1.5

    def __post_init__(self) -> None:
        if not 1 <= self.pressure <= 2:
            raise bad_input(f"pressure={self.pressure!r}", "a pressure in 1..2", "use Tournament for more pressure")

    def _chances(self, fitness: Floats) -> Floats:
        n = len(fitness)
        least = 2 - self.pressure
        above = (rankdata(fitness) - 1) / (n - 1) if n > 1 else np.array([0.5])
        return np.asarray((least + (self.pressure - least) * above) / n)


@dataclass(frozen=True)
class Tournament(Selection):
    """Draw ``size`` contestants uniformly, sort them, take the best with probability p, the second with p(1 − p),
    the third with p(1 − p)², …; the last takes the remainder (1 − p)^(size − 1). Lots decide between equals.

    distinct: whether the contestants of one tournament are all different (then no more of them than there are
    individuals); if not, one individual may stand for several, as in Real et al. 2019.
    """

    size: int = 2
    p: float = 1.0
    distinct: bool = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise bad_input(f"size={self.size!r}", "a tournament of at least one", "raise size")
        if not 0 < self.p <= 1:
            raise bad_input(f"p={self.p!r}", "a probability above 0, at most 1", "change p")

    def places(self, size: int) -> Floats:
        """The probability of each place of a tournament of ``size``, the best first."""
        places: Floats = self.p * (1.0 - self.p) ** np.arange(size, dtype=np.float64)
        places[-1] = (1 - self.p) ** (size - 1)
        return places

    def _draw(self, fitness: Floats, rng: Generator) -> int:
        size = min(self.size, len(fitness)) if self.distinct else self.size
        contestants = rng.choice(len(fitness), size, replace=not self.distinct)
        # they came in random order and the sort is stable, so lots decide between equals
        ranked = contestants[np.argsort(-fitness[contestants], kind="stable")]
        return int(ranked[0 if self.p == 1 else rng.choice(size, p=self.places(size))])

    def _chances(self, fitness: Floats) -> Floats:
        n = len(fitness)
        if self.distinct:
            k = min(self.size, n)
            places = self.places(k)
            by_rank = [  # j of the k contestants are better, the other k - 1 - j are worse
                sum(q * (comb(r, j) * comb(n - 1 - r, k - 1 - j) / comb(n, k)) for j, q in enumerate(places))
                for r in range(n)
            ]
        else:
            k = self.size
            places = self.places(k)
            better = np.arange(n + 1)[:, None] / n  # j-th place or better is filled out of the best r: a binomial tail
            by_rank = (np.diff(binom.sf(np.arange(k), k, better), axis=0) @ places).tolist()
        chances = np.empty(n)
        chances[np.argsort(-fitness, kind="stable")] = by_rank
        for value in np.unique(fitness):
            chances[fitness == value] = chances[fitness == value].mean()
        return chances
