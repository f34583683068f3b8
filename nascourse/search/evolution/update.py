"""Step 4, update: who stays in the population once children were born. Fitness in unusual cases: see `population`.

Every rule is a callable ``(population, children, rng) -> population``, in the order of birth.
(He, Zhao & Chu, *AutoML: A Survey of the State-of-the-Art*, section on evolution)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numpy.random import Generator

from ...errors import bad_input
from ...spaces.base import A
from .population import Individual, best, worst


@dataclass(frozen=True)
class Update(ABC):
    @abstractmethod
    def __call__(
        self, population: Sequence[Individual[A]], children: Sequence[Individual[A]], rng: Generator
    ) -> list[Individual[A]]: ...

    def describe(self) -> dict[str, Any]:
        return {"name": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class DropRule(Update):
    """The children join, then one after the other is dropped until there are as many as before."""

    def __call__(
        self, population: Sequence[Individual[A]], children: Sequence[Individual[A]], rng: Generator
    ) -> list[Individual[A]]:
        alive = [*population, *children]
        while len(alive) > len(population):
            alive.remove(self.victim(alive, rng))
        return alive

    @abstractmethod
    def victim(self, alive: Sequence[Individual[A]], rng: Generator) -> Individual[A]:
        """Who has to go next."""


@dataclass(frozen=True)
class DropOldest(DropRule):
    """Aging, the rule of regularized evolution (Real et al. 2019): age decides, and fitness does not matter."""

    def victim(self, alive: Sequence[Individual[A]], rng: Generator) -> Individual[A]:
        return min(alive, key=lambda one: one.number)


@dataclass(frozen=True)
class DropWorst(DropRule):
    """The worst of all, or of ``among`` drawn at random (Real et al. 2017 killed the worse of two)."""

    among: int | None = None

    def __post_init__(self) -> None:
        if self.among is not None and self.among < 1:
            raise bad_input(f"among={self.among!r}", "at least one, or None for all", "change among")

    def victim(self, alive: Sequence[Individual[A]], rng: Generator) -> Individual[A]:
        if self.among is not None:
            drawn = rng.choice(len(alive), min(self.among, len(alive)), replace=False)
            alive = [alive[place] for place in drawn]
        return worst(alive)


@dataclass(frozen=True)
class DropWorstOrOldest(DropRule):
    """The mixed rule: the worst with probability λ, otherwise the oldest. lam: λ in 0..1."""

    lam: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.lam <= 1:
            raise bad_input(f"lam={self.lam!r}", "a probability in 0..1", "change lam")

    def victim(self, alive: Sequence[Individual[A]], rng: Generator) -> Individual[A]:
        rule: DropRule = DropWorst() if rng.random() < self.lam else DropOldest()
        return rule.victim(alive, rng)


@dataclass(frozen=True)
class Generational(Update):
    """All are discarded and the children take their place. elite: how many of the best stay nevertheless, in place of
    as many of the worst children."""

    elite: int = 0

    def __post_init__(self) -> None:
        if self.elite < 0:
            raise bad_input(f"elite={self.elite!r}", "a number of at least 0", "change elite")

    def __call__(
        self, population: Sequence[Individual[A]], children: Sequence[Individual[A]], rng: Generator
    ) -> list[Individual[A]]:
        stay = best(population, self.elite)
        return [*stay, *best(children, max(len(children) - len(stay), 0))]


@dataclass(frozen=True)
class KeepAll(Update):
    """Nobody is dropped: the population grows."""

    def __call__(
        self, population: Sequence[Individual[A]], children: Sequence[Individual[A]], rng: Generator
    ) -> list[Individual[A]]:
        return [*population, *children]
