"""The references of lesson 05 against closed forms and the package."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse.lessons.checking import verdict
from nascourse.lessons.lesson_05.exercises import (
    crossover,
    fitness_proportional,
    linear_rank,
    next_population,
    next_share,
    place_chances,
)
from nascourse.search.evolution.selection import FitnessProportional, Tournament


def test_the_selections_by_hand() -> None:
    assert fitness_proportional([1, 3]) == FitnessProportional().chances([1, 3]).tolist() == [0.25, 0.75]
    assert fitness_proportional([0, 0]) == [0.5, 0.5]
    with pytest.raises(ValueError, match="negative"):
        fitness_proportional([1, -1])
    assert linear_rank([5, 9, 7], 2.0) == pytest.approx([0, 2 / 3, 1 / 3])
    assert place_chances(3, 0.5) == pytest.approx([1 / 2, 1 / 4, 1 / 4])


def test_shares_of_losses_are_not_taken_for_probabilities() -> None:
    def divides_first(fitness: list[float]) -> list[float]:
        if sum(fitness) == 0:
            return [1 / len(fitness)] * len(fitness)
        shares = [f / sum(fitness) for f in fitness]
        if min(shares) < 0:
            raise ValueError
        return shares

    found = verdict("05.2", divides_first)
    assert found.status == "failed"
    assert "two minus signs cancel" in found.message


def test_to_keep_the_best_is_not_aging() -> None:
    def spares_the_best(population: list[tuple[str, float]], child: tuple[str, float]) -> list[tuple[str, float]]:
        best = max([*population, child], key=lambda one: one[1])
        oldest = next(one for one in population if one != best)
        return [one for one in (*population, child) if one != oldest]

    assert verdict("05.7", spares_the_best).status == "failed"


@pytest.mark.parametrize(("size", "k"), [(16, 2), (128, 4), (1000, 10)])
def test_the_repeated_step_is_the_closed_form(size: int, k: int) -> None:
    """The others' share is (1 - 1/size)^(k^t) after t steps: Goldberg & Deb 1991."""
    share = 1 / size
    for t in range(1, 5):
        share = next_share(share, k)
        assert 1 - share == pytest.approx((1 - 1 / size) ** (k**t))


def test_a_share_grows_as_tournaments_are_drawn() -> None:
    members = np.array([1.0] * 30 + [0.0] * 70)
    drawn = members[Tournament(3, distinct=False).draw(members, 4000, np.random.default_rng(0))]
    assert next_share(0.3, 3) == pytest.approx(drawn.mean(), abs=0.03)


def test_a_child_has_half_of_each() -> None:
    child = crossover(("a",) * 6, ("b",) * 6, np.random.default_rng(0))
    assert sorted(child) == ["a"] * 3 + ["b"] * 3


def test_everybody_lives_as_long_as_the_population_is_large() -> None:
    population = [("lucky", 0.99), ("x", 0.1), ("y", 0.2)]
    for n in range(3):
        assert any(name == "lucky" for name, _ in population) == (n == 0)
        population = next_population(population, (f"child {n}", 0.3))
    assert [name for name, _ in population] == ["child 0", "child 1", "child 2"]
