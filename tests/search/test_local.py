from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.search.local import LocalSearch, neighbours
from nascourse.search.loop import search
from nascourse.spaces.base import Result, SearchSpace, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

SPACE = MicroSpace()


def smooth(trial: Trial[MicroCell]) -> Result:
    return Result(sum(SPACE.encode(trial.arch)) / 24)


def test_neighbours_are_the_architectures_at_hamming_distance_one() -> None:
    cell = SPACE.sample(np.random.default_rng(0))
    here = np.array(SPACE.encode(cell))
    by_enumeration = {c for c in SPACE.all_cells() if (np.array(SPACE.encode(c)) != here).sum() == 1}
    assert set(neighbours(SPACE, cell)) == by_enumeration
    assert len(neighbours(SPACE, cell)) == len(by_enumeration) == 24


def test_a_climb_changes_one_decision_of_the_best_so_far_and_ends_at_the_top() -> None:
    history = search(LocalSearch(SPACE), smooth, 200, seed=3)
    climb = list(history)[: next(n for n, row in enumerate(history) if n and not row.trial.parents)]
    for row in climb[1:]:
        (parent,) = row.trial.parents
        assert parent == int(np.argmax(history.accuracies[: row.trial.number]))
        distance = np.not_equal(SPACE.encode(row.trial.arch), SPACE.encode(history[parent].trial.arch)).sum()
        assert distance == 1
    assert max(row.result.accuracy for row in climb) == 1.0  # one summit only: all decisions 4
    summit = next(n for n, row in enumerate(climb) if row.result.accuracy == 1.0)
    tried = {row.trial.arch for row in climb[summit + 1 :]}
    assert tried == set(neighbours(SPACE, climb[summit].trial.arch))  # every one looked at before starting again


def test_neighbours_are_tried_in_random_order() -> None:
    flat = lambda trial: Result(0.5)  # noqa: E731
    places = []
    for seed in range(600):
        start, first = search(LocalSearch(SPACE), flat, 2, seed=seed)
        changed = np.not_equal(SPACE.encode(start.trial.arch), SPACE.encode(first.trial.arch))
        places.append(int(np.flatnonzero(changed)[0]))
    assert stats.chisquare(np.bincount(places, minlength=6)).pvalue > 0.001


def test_a_failed_start_is_followed_by_another() -> None:
    fails = lambda trial: Result(float("nan")) if trial.number < 3 else smooth(trial)  # noqa: E731
    with pytest.warns(UserWarning, match="3 of 10"):
        history = search(LocalSearch(SPACE), fails, 10)
    assert [row.trial.parents for row in history][:5] == [(), (), (), (), (3,)]


@dataclass(frozen=True)
class Chain:
    kind: ClassVar[str] = "chain"
    ops: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "schema": 1, "ops": list(self.ops)}

    @classmethod
    def from_json(cls, data: Any) -> Chain:
        return cls(tuple(data["ops"]))


class Chains(SearchSpace[Chain]):
    """One to three operations: the first decision is how many."""

    name = "chains"

    def choices(self, prefix: Sequence[int]) -> int:
        return 3 if not prefix or len(prefix) <= prefix[0] + 1 else 0

    def encode(self, arch: Chain) -> tuple[int, ...]:
        return (len(arch.ops) - 1, *arch.ops)

    def decode(self, decisions: Sequence[int]) -> Chain:
        return Chain(tuple(decisions[1:]))


def test_a_space_with_dependent_decisions_is_refused_by_name() -> None:
    with pytest.raises(CourseError, match=r"chains\.change one decision"):
        search(LocalSearch(Chains()), lambda trial: Result(0.5), 5)
