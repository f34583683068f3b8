"""Looking at evolution: how fast a selection takes over, how diverse a population is, what a recorded search did."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.random import Generator

from ...errors import bad_input
from ...search.evolution.evolution import Evolution, Generation
from ...search.evolution.population import Individual
from ...search.evolution.selection import Selection
from ...search.history import History
from ...search.loop import search
from ...spaces.base import A, Result, SearchSpace, Trial


def takeover_time(selection: Selection, size: int, rng: Generator) -> int | None:
    """Selection and nothing else: in how many generations the one best of ``size`` individuals fills the whole
    population, or None where it is lost on the way.

    For a tournament of k theory says (ln N + ln ln N) / ln k (Goldberg & Deb 1991): a copy of the best loses only
    where none is among the contestants, so the others' share x becomes x^k, and (1 − 1/N)^(k^t) = 1/N gives t.
    """
    if not selection.replace:
        raise bad_input("replace=False", "a selection that may draw one individual twice", "set replace=True")
    fitness = np.arange(1.0, size + 1)
    generations = 0
    while size in fitness:
        if (fitness == size).all():
            return generations
        fitness = fitness[selection.draw(fitness, size, rng)]
        generations += 1
    return None


def diversity(space: SearchSpace[A], population: Sequence[Individual[A]]) -> float:
    """In how many of their decisions two individuals differ, as a share, on average over all pairs; 0 for one alone.

    For spaces whose architectures have equally many decisions.
    """
    decisions = [space.encode(one.arch) for one in population]
    pairs = [np.mean(np.not_equal(a, b)) for a, b in combinations(decisions, 2)]
    return float(np.mean(pairs)) if pairs else 0.0


def replay(strategy: Evolution[A], history: History[A], seed: int, window: int = 1) -> tuple[Generation, ...]:
    """The generations of a recorded search: ``strategy`` lives through it again, and nothing is evaluated.

    Raises `CourseError` where the history is that of another strategy, seed or window.
    """

    def recorded(trial: Trial[A]) -> Result:
        return history[trial.number].result

    with warnings.catch_warnings(action="ignore"):  # failures were told when they were recorded
        evaluated = search(strategy, recorded, len(history), seed=seed, window=window, cache=False)
    if [row.trial for row in evaluated] != [row.trial for row in history]:
        raise bad_input("this history", "one of the same strategy, seed and window", "replay what was recorded")
    return tuple(strategy.generations)


def populations(generations: Sequence[Generation]) -> Iterator[tuple[int, ...]]:
    """Who is alive after each generation, as numbers of trials in the order of birth."""
    alive: list[int] = []
    for generation in generations:
        gone = set(generation.dropped)
        alive = [number for number in (*alive, *generation.born) if number not in gone]
        yield tuple(alive)
