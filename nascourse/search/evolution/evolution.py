"""Evolution: initialization, then selection → crossover → mutation → update until the budget is spent.

The four steps are operators (see `selection`, `variation`, `update`); the known algorithms are a line each below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from ...errors import bad_input
from ...runs.plain import identity
from ...spaces.base import A, Result, SearchSpace, Trial
from ..base import Proposal, Strategy
from .population import Individual
from .selection import FitnessProportional, Selection, Tournament, Uniform
from .update import DropOldest, DropWorst, Generational, Update
from .variation import Crossover, Mutation, half_of_each, one_decision


@dataclass(frozen=True, slots=True)
class Generation:
    """What one update did, as numbers of trials: who was born and who was dropped. The founders are the first."""

    born: tuple[int, ...]
    dropped: tuple[int, ...] = ()


class Evolution(Strategy[A]):
    """``population`` random founders; then children, and an update after every ``children`` of them were told.

    With probability ``crossover_rate`` a child has two parents that ``crossover`` joins, otherwise one. ``mutation``
    changes it with probability ``mutation_rate``. With a window above 1 the next parents are selected while some
    children are not known yet: from who is known by then, or at random where nobody is.

    Afterwards ``population`` and ``generations`` tell who is alive and how it came about. Raises `CourseError` at
    once where an operator does not fit the space.
    """

    name = "evolution"

    def __init__(
        self,
        space: SearchSpace[A],
        size: int,
        children: int = 1,
        *,
        selection: Selection,
        crossover: Crossover[A] | None = None,
        crossover_rate: float = 1.0,
        mutation: Mutation[A] = one_decision,
        mutation_rate: float = 1.0,
        update: Update,
    ) -> None:
        super().__init__(space)
        for name, count in (("size", size), ("children", children)):
            if count < 1:
                raise bad_input(f"{name}={count!r}", "at least one", f"raise {name}")
        for name, rate in (("crossover_rate", crossover_rate), ("mutation_rate", mutation_rate)):
            if not 0 <= rate <= 1:
                raise bad_input(f"{name}={rate!r}", "a probability in 0..1", f"change {name}")
        if isinstance(update, Generational) and update.elite >= children:
            raise bad_input(
                f"elite={update.elite} and children={children}", "fewer elite than children", "or no child ever joins"
            )
        self.size, self.children = size, children
        self.selection, self.update = selection, update
        self.crossover, self.crossover_rate = crossover, crossover_rate
        self.mutation, self.mutation_rate = mutation, mutation_rate
        self._try_operators()

    def _try_operators(self) -> None:
        """A space that cannot do what is asked says so now, not after the founders were trained."""
        rng = np.random.default_rng(0)
        a, b = self.space.sample(rng), self.space.sample(rng)
        if self.crossover is not None and self.crossover_rate:
            self.crossover(self.space, a, b, rng)
        if self.mutation_rate:
            self.mutation(self.space, a, rng)

    def start(self, rng: Generator) -> None:
        super().start(rng)
        self.population: list[Individual[A]] = []
        self.generations: list[Generation] = []
        self._asked = 0
        self._newborn: list[Individual[A]] = []  # since the last update

    def propose(self) -> Proposal[A]:
        self._asked += 1
        if self._asked <= self.size or not (known := self.population or self._newborn):
            return Proposal(self.space.sample(self.rng))
        crossed = self.crossover is not None and self.rng.random() < self.crossover_rate
        parents = self.selection(known, 2 if crossed else 1, self.rng)
        numbers = tuple(dict.fromkeys(parent.number for parent in parents))
        return Proposal(self.breed([parent.arch for parent in parents]), parents=numbers)

    def breed(self, parents: Sequence[A]) -> A:
        """A child of one parent or of two."""
        child = parents[0]
        if self.crossover is not None and len(parents) == 2:
            child = self.crossover(self.space, parents[0], parents[1], self.rng)
        return self.mutation(self.space, child, self.rng) if self.rng.random() < self.mutation_rate else child

    def tell(self, trial: Trial[A], result: Result) -> None:
        self._newborn.append(Individual(trial.number, trial.arch, result.accuracy))
        if len(self._newborn) < (self.children if self.generations else self.size):
            return
        before, children = self.population, self._newborn
        self.population = self.update(before, children, self.rng) if self.generations else children
        alive = {one.number for one in self.population}
        born = tuple(one.number for one in children)
        dropped = tuple(one.number for one in (*before, *children) if one.number not in alive)
        self.generations.append(Generation(born, dropped))
        self._newborn = []

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "size": self.size,
            "children": self.children,
            "selection": identity(self.selection),
            "crossover": self.crossover and identity(self.crossover),
            "crossover_rate": self.crossover_rate,
            "mutation": identity(self.mutation),
            "mutation_rate": self.mutation_rate,
            "update": identity(self.update),
        }


def regularized_evolution(
    space: SearchSpace[A], size: int = 100, sample: int = 25, mutation: Mutation[A] = one_decision
) -> Evolution[A]:
    """Mutate the best of a sample; the oldest goes. (Real et al. 2019, "Regularized Evolution for Image Classifier
    Architecture Search", algorithm 1 and its settings.)"""
    return Evolution(space, size, selection=Tournament(sample, distinct=False), mutation=mutation, update=DropOldest())


def mu_plus_lambda(
    space: SearchSpace[A], mu: int = 20, lam: int = 20, mutation: Mutation[A] = one_decision
) -> Evolution[A]:
    """λ mutated children of μ parents; the best μ of all stay. (Beyer & Schwefel 2002, "Evolution Strategies")"""
    return Evolution(space, mu, lam, selection=Uniform(), mutation=mutation, update=DropWorst())


def classical_ga(
    space: SearchSpace[A],
    size: int = 50,
    crossover: Crossover[A] = half_of_each,
    mutation: Mutation[A] = one_decision,
    *,
    crossover_rate: float = 0.9,
    mutation_rate: float = 0.5,
    elite: int = 1,
) -> Evolution[A]:
    """Two parents drawn by their fitness, crossed, sometimes mutated; the children replace all but the best. (Holland
    1975, *Adaptation in Natural and Artificial Systems*; the elite: De Jong 1975)"""
    return Evolution(
        space,
        size,
        size,
        selection=FitnessProportional(replace=False),
        crossover=crossover,
        crossover_rate=crossover_rate,
        mutation=mutation,
        mutation_rate=mutation_rate,
        update=Generational(elite),
    )
