"""Lesson 05: the three selections, how fast one takes over, a crossover, and an aging that does not age."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from ...search.evolution.selection import LinearRank, Tournament
from ..exercise import exercise, question

# One noisy training went very well, and an architecture is the best of a population of 50 by luck. Each new child
# replaces the oldest. When is the lucky one gone?
#   a) never, while it is the best    b) after 50 more children    c) once a child is better
question(
    "05.1",
    title="How long luck lives",
    answer="b",
    wrong={
        "a": "That is so where the worst is dropped. Aging does not look at fitness: the oldest goes, good or bad.",
        "c": "Nobody is compared with it when it is dropped. Aging asks for its age, and for nothing else.",
    },
    why="Everybody lives for as many children as the population is large. What is really good stays by its children, "
    "which are trained anew and have to be good again; luck is not inherited.",
    hints=("What does the rule look at when it chooses who goes?",),
)


# -- 05.2 --------------------------------------------------------------------------------------------------------------


def _proportional_cases(rng: Generator) -> list[tuple[Any, ...]]:
    draws = [rng.uniform(0.1, 0.9, int(n)).round(2).tolist() for n in (2, 3, 5)]
    unfit = [0.0, 0.6, 0.2], [0.0, 0.0, 0.0], [0.5, -0.25, 0.75], [-0.2, -0.5, -1.0], [-1.0, 1.0]
    return [(fitness,) for fitness in (*draws, *unfit)]


def _refusing(shares: Callable[[Sequence[float]], list[float]]) -> Callable[[Sequence[float]], list[float]]:
    """The refusal and the even shares are right, what is done with other fitness is not."""

    def proportional(fitness: Sequence[float]) -> list[float]:
        if min(fitness) < 0 or sum(fitness) == 0:
            return fitness_proportional(fitness)
        return shares(fitness)

    return proportional


def _shares(fitness: Sequence[float]) -> list[float]:
    return [f / sum(fitness) for f in fitness]


def _unchecked(fitness: Sequence[float]) -> list[float]:
    return _shares(fitness) if any(fitness) else fitness_proportional(fitness)


def _after_dividing(fitness: Sequence[float]) -> list[float]:
    if sum(fitness) == 0:
        return [1 / len(fitness)] * len(fitness)
    return _shares(fitness) if max(fitness) < 0 else fitness_proportional(fitness)


def _no_care_for_zero(fitness: Sequence[float]) -> list[float]:
    return fitness_proportional(fitness) if min(fitness) < 0 else _shares(fitness)


@exercise(
    "05.2",
    title="Fitness selection, and what it cannot take",
    cases=_proportional_cases,
    solution="""
def fitness_proportional(fitness):
    if min(fitness) < 0:
        raise ValueError("no probability comes of negative fitness")
    total = sum(fitness)
    if total == 0:
        return [1 / len(fitness)] * len(fitness)
    return [f / total for f in fitness]
""",
    mistakes=(
        ("A negative fitness gets a negative probability, without a word. Raise a ValueError instead.", _unchecked),
        (
            "You turn negative fitness into 0. That hides that this selection does not fit: raise a ValueError.",
            lambda fitness: fitness_proportional([max(f, 0.0) for f in fitness]),
        ),
        (
            "Where all are negative your shares are positive: two minus signs cancel, and the worst has the best "
            "chance. Look at the fitness itself, before you add it up or divide.",
            _after_dividing,
        ),
        ("Where all fitness is 0 you divide by 0. Nobody is better then: equal chances.", _no_care_for_zero),
        ("That is the formula. Two cases are left, without probabilities: some negative, and all zero.", _shares),
        (
            "You move all fitness up until none is negative. Then the chances depend on the worst: raise a ValueError.",
            lambda fitness: _shares([f - min(fitness) for f in fitness]),
        ),
        (
            "You divide by the highest fitness: your numbers do not add up to 1. Divide by the sum.",
            _refusing(lambda fitness: [f / max(fitness) for f in fitness]),
        ),
        (
            "That is a softmax. Fitness selection shares out the fitness itself: f / sum of all f.",
            _refusing(lambda fitness: [math.exp(f) / sum(map(math.exp, fitness)) for f in fitness]),
        ),
    ),
    hints=(
        "P(i) = f_i / (f_1 + ... + f_n), once you know that this is a probability.",
        "Look at two cases first: some fitness is negative (raise ValueError), and all of it is 0 (equal chances).",
    ),
)
def fitness_proportional(fitness: Sequence[float]) -> list[float]:
    """The probability of each to be selected by its share of the fitness; all zero: equal chances. Raises ValueError
    for negative fitness."""
    if min(fitness) < 0:
        raise ValueError("negative fitness")
    share = np.array(fitness)
    return (share / share.sum() if share.any() else np.full(len(share), 1 / len(share))).tolist()


# -- 05.3 --------------------------------------------------------------------------------------------------------------


def _rank_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (rng.permutation(np.arange(1, 20))[:n].tolist(), pressure)
        for n, pressure in ((3, 1.5), (4, 2.0), (5, 1.2), (2, 1.0))
    ]


def _ranked(places: Sequence[float], pressure: float) -> list[float]:
    n, least = len(places), 2 - pressure
    return [(least + (pressure - least) * float(place) / (n - 1)) / n for place in places]


def _rank_with(place: Callable[[Sequence[float], float], int]) -> Callable[[Sequence[float], float], list[float]]:
    return lambda fitness, pressure: _ranked([place(fitness, f) for f in fitness], pressure)


@exercise(
    "05.3",
    title="Rank selection",
    cases=_rank_cases,
    solution="""
def linear_rank(fitness, pressure):
    n = len(fitness)
    least = 2 - pressure
    chances = []
    for f in fitness:
        worse = sum(other < f for other in fitness)
        chances.append((least + (pressure - least) * worse / (n - 1)) / n)
    return chances
""",
    mistakes=(
        (
            "Your best one has the smallest chance: count how many are worse, not how many are better.",
            _rank_with(lambda fitness, f: sum(other > f for other in fitness)),
        ),
        (
            "You use the place in the list as the rank. The rank comes of the fitness: how many are worse?",
            _rank_with(lambda fitness, f: list(fitness).index(f)),
        ),
        (
            "One argsort says who is on each place, not who has which place: count how many are worse, or sort twice.",
            lambda fitness, pressure: _ranked(np.argsort(fitness).tolist(), pressure),
        ),
        (
            "Your ranks run from 1 to n: the chances add up to more than 1. Count 0 for the worst, n - 1 for the best.",
            _rank_with(lambda fitness, f: 1 + sum(other < f for other in fitness)),
        ),
        (
            "Your numbers add up to n: they are expected numbers of copies. Divide by n for probabilities.",
            lambda fitness, pressure: [len(fitness) * c for c in linear_rank(fitness, pressure)],
        ),
    ),
    hints=(
        "For each, count how many have a lower fitness: 0 for the worst, n - 1 for the best.",
        "The worst is expected 2 - pressure times in n draws, the best pressure times; between them it is a line.",
    ),
)
def linear_rank(fitness: Sequence[float], pressure: float) -> list[float]:
    """The probability of each by its rank; no two are equal. pressure: how often the best is expected in n draws."""
    return LinearRank(pressure).chances(fitness).tolist()


# -- 05.4 --------------------------------------------------------------------------------------------------------------


@exercise(
    "05.4",
    title="Places of a tournament",
    cases=lambda rng: [(k, p) for k, p in ((2, 0.5), (3, 0.75), (5, 0.4), (1, 0.6), (4, 1.0))],
    solution="""
def place_chances(k, p):
    chances = [p * (1 - p) ** place for place in range(k - 1)]
    return chances + [(1 - p) ** (k - 1)]
""",
    mistakes=(
        (
            "Your chances add up to 1 - (1-p)^k, so now and then nobody is taken. The last takes the remainder.",
            lambda k, p: [p * (1 - p) ** place for place in range(k)],
        ),
        (
            "You give the remainder to the first. Nobody was taken after all k: then it is the last one's turn.",
            lambda k, p: [p + (1 - p) ** k, *(p * (1 - p) ** place for place in range(1, k))],
        ),
        (
            "You divide by the sum. That adds up to 1, but then the best is taken more often than with p.",
            lambda k, p: [p * (1 - p) ** place / (1 - (1 - p) ** k) for place in range(k)],
        ),
        (
            "Each place comes after the ones before it were passed over: the j-th has p times (1-p)^(j-1), not p^j.",
            lambda k, p: [*(p ** (place + 1) for place in range(k - 1)), 1 - sum(p ** (j + 1) for j in range(k - 1))],
        ),
    ),
    hints=(
        "The best is taken with p. With 1 - p it is not, and then the second has the chance p.",
        "Who is last has no one to pass the chance on to: all that is left, (1 - p)^(k - 1).",
    ),
)
def place_chances(k: int, p: float) -> list[float]:
    """The probability of each of the k contestants to be taken, the best first."""
    return Tournament(k, p).places(k).tolist()


# -- 05.5 --------------------------------------------------------------------------------------------------------------


@exercise(
    "05.5",
    title="How fast the best takes over",
    cases=lambda rng: [(round(float(rng.uniform(0.05, 0.9)), 2), k) for k in (2, 3, 5, 10, 1)],
    solution="""
def next_share(share, k):
    return 1 - (1 - share) ** k
""",
    mistakes=(
        (
            "You ask for k copies of the best in one tournament. One among the k contestants wins already.",
            lambda share, k: share**k,
        ),
        (
            "You let the share grow k-fold. So it begins, but copies meet each other later: 1 - (1 - share)^k.",
            lambda share, k: k * share,
        ),
        ("That is the share of all others: those in whose tournament no copy was.", lambda share, k: (1 - share) ** k),
        (
            "That is the chance that exactly one of the contestants is a copy. Two or three win just as well.",
            lambda share, k: k * share * (1 - share) ** (k - 1),
        ),
    ),
    hints=(
        "When does the best not win? Ask for the probability of that.",
        "No contestant is a copy of the best with probability (1 - share)^k. In all other tournaments a copy wins.",
    ),
)
def next_share(share: float, k: int) -> float:
    """The expected share of the best after one generation of tournaments of k, drawn with repeats."""
    return 1 - math.prod([1 - share] * k)


# -- 05.6 --------------------------------------------------------------------------------------------------------------

Genes = tuple[str, ...]


def _children(
    fn: Callable[[Genes, Genes, Generator], Sequence[str]], a: Genes, b: Genes, rng: Generator
) -> dict[str, bool]:
    """What 300 children say about a crossover, whatever way it draws."""
    children = [tuple(fn(a, b, rng)) for _ in range(300)]
    own = all(len(c) == len(a) and all(gene in pair for gene, *pair in zip(c, a, b, strict=True)) for c in children)
    from_b = [frozenset(k for k, gene in enumerate(child) if k < len(b) and gene == b[k]) for child in children]
    return {
        "each gene is a parent's, in its place": own,
        "some from b": any(from_b),
        "always half from b": all(len(places) == len(b) // 2 for places in from_b),
        "every half can be b's": len(set(from_b)) >= math.comb(len(b), len(b) // 2),
    }


def _cut(a: Genes, b: Genes, rng: Generator) -> Genes:
    at = int(rng.integers(1, len(a)))
    return (*a[:at], *b[at:])


def _half_and_half(a: Genes, b: Genes, rng: Generator) -> Genes:
    return (*a[: len(a) // 2], *b[len(b) // 2 :])


def _coin(a: Genes, b: Genes, rng: Generator) -> Genes:
    return tuple(y if rng.random() < 0.5 else x for x, y in zip(a, b, strict=True))


def _displaced(a: Genes, b: Genes, rng: Generator) -> Genes:
    return tuple(str(gene) for gene in rng.permutation(crossover(a, b, rng)))


@exercise(
    "05.6",
    title="Half of each parent",
    cases=lambda rng: [(tuple(f"a{k}" for k in range(n)), tuple(f"b{k}" for k in range(n)), rng) for n in (4, 6)],
    run=_children,
    solution="""
def crossover(a, b, rng):
    n = len(a)
    from_b = rng.choice(n, n // 2, replace=False)
    return tuple(b[k] if k in from_b else a[k] for k in range(n))
""",
    mistakes=(
        (
            "First half of one, second half of the other: most children can never be. Draw the places.",
            _half_and_half,
        ),
        (
            "A cut anywhere gives more to one parent most of the time. Draw half of the places, without repeats.",
            _cut,
        ),
        (
            "Your child takes more from one parent at times. A coin for each place, or places drawn with repeats, make "
            "half on average; draw half of the places without repeats.",
            _coin,
        ),
        (
            "Genes move to other places. An operation belongs to its edge: place k of the child is a[k] or b[k].",
            _displaced,
        ),
        ("Your child is a copy of one parent. Half of the places come from b.", lambda a, b, rng: a),
    ),
    hints=(
        "First draw which places come from b: half of them, each at most once.",
        "rng.choice(n, n // 2, replace=False) draws n // 2 different numbers out of 0..n-1.",
    ),
)
def crossover(a: Genes, b: Genes, rng: Generator) -> Genes:
    """A child with half of its places from each parent, drawn at random; an even number of places."""
    from_b = set(rng.permutation(len(a))[: len(a) // 2].tolist())
    return tuple(b[k] if k in from_b else a[k] for k in range(len(a)))


# -- 05.7 --------------------------------------------------------------------------------------------------------------

Member = tuple[str, float]


def _aging_cases(rng: Generator) -> list[tuple[Any, ...]]:
    drawn = [rng.permutation(np.linspace(0.5, 0.9, n + 1)).round(2).tolist() for n in (3, 4, 5, 5)]
    drawn[0].sort(reverse=True)  # the oldest is the best
    everyone = [[(f"cell {k}", f) for k, f in enumerate(fitness)] for fitness in drawn]
    return [(members[:-1], members[-1]) for members in everyone]


def _drop(which: Callable[[list[Member]], Member]) -> Callable[[Sequence[Member], Member], list[Member]]:
    def next_population(population: Sequence[Member], child: Member) -> list[Member]:
        gone = which([*population, child])
        return [one for one in (*population, child) if one != gone]

    return next_population


def _by_fitness(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda one: one[1])


@exercise(
    "05.7",
    title="Aging that does not age",
    cases=_aging_cases,
    solution="""
def next_population(population, child):
    return population[1:] + [child]
""",
    mistakes=(
        (
            "You sort by fitness and drop the first: that is the worst, not the oldest. And once sorted, nobody knows "
            "any more who is how old.",
            lambda population, child: _by_fitness([*population, child])[1:],
        ),
        (
            "You drop the worst. A lucky one is never the worst, so it stays for ever; aging drops the oldest.",
            _drop(lambda everyone: min(everyone, key=lambda one: one[1])),
        ),
        ("You drop the child: the last in the list is the youngest, the first the oldest.", _drop(lambda e: e[-1])),
        (
            "The oldest is dropped, but the list is sorted by fitness now: the next call takes the worst for the "
            "oldest. Keep the order of birth.",
            lambda population, child: _by_fitness([*population[1:], child]),
        ),
        ("Nobody is dropped: the population grows by one each time.", lambda population, child: [*population, child]),
    ),
    hints=(
        "The list is in the order of birth. Who is the oldest, whatever the fitness?",
        "Nothing needs to be compared: leave the first out, put the child at the end.",
    ),
)
def next_population(population: Sequence[Member], child: Member) -> list[Member]:
    """Aging: (name, fitness) of each, in the order of birth, once the child has joined and the oldest is gone."""
    return [*population, child][-len(population) :]
