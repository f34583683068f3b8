"""Steps 2 and 3, crossover and mutation: what a child is made of. Both are plain callables on a space.

The two here hold for every space that can cross and mutate. A mutation may know more, such as what a skip connection
is (lesson 05 has some). What does not fit a space is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.random import Generator

from ...errors import bad_input
from ...runs.plain import identity
from ...spaces.base import A, SearchSpace

Crossover = Callable[[SearchSpace[A], A, A, Generator], A]
"""(space, one parent, the other, rng) -> child."""

Mutation = Callable[[SearchSpace[A], A, Generator], A]
"""(space, architecture, rng) -> the architecture changed, or as it was where there is nothing to change."""


def half_of_each(space: SearchSpace[A], a: A, b: A, rng: Generator) -> A:
    """The child takes half of the structure of each parent."""
    return space.crossover(a, b, rng)


def one_decision(space: SearchSpace[A], arch: A, rng: Generator) -> A:
    """Exactly one decision changed: the space's own mutation."""
    return space.mutate(arch, rng)


class AnyOf:
    """One of several mutations, each with the same chance; those that find nothing to change do not count."""

    def __init__(self, *mutations: Mutation[Any]) -> None:
        if not mutations:
            raise bad_input("no mutation", "at least one", "name the mutations to choose from")
        self.mutations = mutations

    def __call__(self, space: SearchSpace[A], arch: A, rng: Generator) -> A:
        mutants = [mutation(space, arch, rng) for mutation in self.mutations]
        changed = [mutant for mutant in mutants if mutant != arch]
        return changed[int(rng.integers(len(changed)))] if changed else arch

    def describe(self) -> dict[str, Any]:
        return {"name": "AnyOf", "mutations": [identity(mutation) for mutation in self.mutations]}
