"""Who is alive: individuals with their fitness, and what the four steps of evolution do with unusual fitness.

A population is a list in the order of birth, the oldest first. Higher fitness is better. For every operator:

* **Failed** (NaN or infinite): nobody who failed is selected while anyone did not; if all failed, all are equal.
  When the worst has to go, who failed goes first.
* **Equal**: equal fitness is an equal chance. When the worst or the best is named, the older of two equals is meant.
* **Zero**: counts as any other number. Under fitness-proportional selection it is never drawn, unless all are zero:
  then all are equal.
* **Negative**: counts as any other number for rank and tournament, which only compare. Fitness-proportional
  selection refuses it: a share of a sum with negative parts is no probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...spaces.base import A


@dataclass(frozen=True, slots=True)
class Individual(Generic[A]):
    """An evaluated architecture. number: of its trial, so lower is older; fitness: NaN where the evaluation failed."""

    number: int
    arch: A
    fitness: float

    @property
    def failed(self) -> bool:
        return not math.isfinite(self.fitness)


def eligible(fitness: ArrayLike) -> NDArray[np.float64]:
    """``(individuals,)``: the fitness where it counts, NaN for who cannot be selected. Where all failed, all get 0."""
    values = np.asarray(fitness, dtype=float)
    counts = np.isfinite(values)
    return np.where(counts, values, np.nan) if counts.any() else np.zeros(len(values))


def worst(population: Sequence[Individual[A]]) -> Individual[A]:
    """Who failed, else who has the lowest fitness; the older of equals."""
    return min(population, key=lambda one: (-math.inf if one.failed else one.fitness, one.number))


def best(population: Sequence[Individual[A]], n: int = 1) -> list[Individual[A]]:
    """The ``n`` best, the older of equals, in the order of birth."""
    ranked = sorted(population, key=lambda one: (math.inf if one.failed else -one.fitness, one.number))
    return sorted(ranked[:n], key=lambda one: one.number)
