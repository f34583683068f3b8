"""Every strategy on every space that has what it needs: same seed, same trajectory; interrupted equals uninterrupted.
What does not fit is refused by name."""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nascourse.search
import nascourse.spaces
from nascourse.errors import CourseError
from nascourse.search.base import Strategy
from nascourse.search.evolution.evolution import Evolution, classical_ga, mu_plus_lambda, regularized_evolution
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.search.reinforcement.policy_gradient import Learning
from nascourse.search.reinforcement.reinforce import Reinforce, ppo
from nascourse.spaces.base import Result, SearchSpace, Trial
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroSpace
from tests.search.test_local import Chains

BUDGET = 5

SPACES: dict[str, SearchSpace[Any]] = {"micro": MicroSpace(), "cell": CellSpace(), "chains": Chains()}
"""The course's, and one whose later decisions depend on the first and that can neither mutate nor cross."""

STRATEGIES: dict[str, Callable[[SearchSpace[Any]], Strategy[Any]]] = {
    "random": RandomSearch,
    "local": LocalSearch,
    "regularized evolution": lambda space: regularized_evolution(space, size=2, sample=2),
    "mu + lambda": lambda space: mu_plus_lambda(space, mu=2, lam=2),
    "classical GA": lambda space: classical_ga(space, size=2),
    "REINFORCE": lambda space: Reinforce(space, Learning(batch=2)),
    "PPO": lambda space: ppo(space, Learning(batch=2)),
}

REFUSED = {
    ("local", "chains"): r"chains\.change one decision",
    ("regularized evolution", "chains"): r"chains\.mutate",
    ("mu + lambda", "chains"): r"chains\.mutate",
    ("classical GA", "chains"): r"chains\.crossover",
}

PAIRS = [(strategy, space) for strategy in STRATEGIES for space in SPACES]
fitting = pytest.mark.parametrize(("strategy", "space"), [pair for pair in PAIRS if pair not in REFUSED])
windows = pytest.mark.parametrize("window", [1, 3])


def evaluation(trial: Trial[Any]) -> Result:
    """Any architecture of any space: a number from its description, another one for another seed."""
    number = zlib.crc32(repr((trial.arch, trial.seed)).encode())
    return Result(number / 2**32, params=number % 1000)


def make(strategy: str, space: str) -> Strategy[Any]:
    return STRATEGIES[strategy](SPACES[space])


def test_no_strategy_and_no_space_is_left_out() -> None:
    strategies = _known(Strategy, nascourse.search)
    assert strategies == {RandomSearch, LocalSearch, Evolution, Reinforce}
    assert {type(make(strategy, "micro")) for strategy in STRATEGIES} == strategies
    assert {type(space) for space in SPACES.values()} - {Chains} == _known(SearchSpace, nascourse.spaces)


def _known(kind: type, package: ModuleType) -> set[type]:
    """The subclasses that the modules of a package define."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return {one for one in _below(kind) if one.__module__.startswith(f"{package.__name__}.")}


def _below(kind: type) -> set[type]:
    children: list[type] = kind.__subclasses__()
    return {one for child in children for one in {child} | _below(child)}


@windows
@fitting
def test_it_spends_its_budget_and_the_same_seed_gives_the_same_trajectory(
    strategy: str, space: str, window: int
) -> None:
    reused = make(strategy, space)
    first, other, again = (search(reused, evaluation, BUDGET, seed=seed, window=window) for seed in (0, 1, 0))
    anew = search(make(strategy, space), evaluation, BUDGET, seed=0, window=window)
    assert len(first) == BUDGET
    for row in first:
        assert SPACES[space].decode(SPACES[space].encode(row.trial.arch)) == row.trial.arch
        assert all(parent < row.trial.number for parent in row.trial.parents)
    rows = [[row[:3] for row in history] for history in (first, again, anew)]
    assert rows[0] == rows[1] == rows[2]
    assert [row.trial.arch for row in first] != [row.trial.arch for row in other]


@windows
@fitting
def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(
    strategy: str, space: str, window: int, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.jsonl"
    search(make(strategy, space), evaluation, BUDGET, window=window, journal=whole)
    for told in range(BUDGET):
        cut = tmp_path / f"{told}.jsonl"
        cut.write_bytes(b"".join(whole.read_bytes().splitlines(keepends=True)[: 1 + told]))
        search(make(strategy, space), evaluation, BUDGET, window=window, journal=cut)
        assert cut.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("strategy", "space"), REFUSED)
def test_what_does_not_fit_is_refused_by_name(strategy: str, space: str) -> None:
    with pytest.raises(CourseError, match=REFUSED[strategy, space]):
        search(make(strategy, space), evaluation, BUDGET)
