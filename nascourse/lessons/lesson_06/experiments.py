"""Lesson 06: policies that learn from rewards and their rivals on the tabular benchmark, what an entropy bonus does to
policies that learn too fast, and a policy that learns from real training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ...data import Images, SearchData, data_folders, load
from ...evaluation.tabular import TabularBenchmark
from ...evaluation.training import Recipe, TrainFromScratch
from ...evidence.ledger import Row, difference_in, experiment
from ...search.base import Strategy
from ...search.evolution.evolution import regularized_evolution
from ...search.history import Evaluated, History
from ...search.loop import search, trial_seed
from ...search.random import RandomSearch
from ...search.reinforcement.controller import LSTMController, TableController
from ...search.reinforcement.policy_gradient import Learning
from ...search.reinforcement.reinforce import Reinforce, ppo
from ...spaces.base import Result, SearchSpace, Trial
from ...spaces.micro import MicroCell, MicroSpace
from ..lesson_01.experiments import NET
from ..lesson_05.experiments import SAMPLE, SIZE, delete_journal, exact, judged, winner_tested
from .side_by_side import search_side_by_side

# -- on the table -----------------------------------------------------------------------------------------------------

MakeStrategy = Callable[[SearchSpace[Any]], Strategy[Any]]

_LEARNING = partial(Learning, batch=10, decay=0.9, entropy=0.003)

POLICIES: Mapping[str, Callable[[SearchSpace[Any]], Reinforce[Any]]] = {
    "REINFORCE, table": lambda space: Reinforce(space, _LEARNING(rate=0.1), TableController),
    "REINFORCE, LSTM": lambda space: Reinforce(space, _LEARNING(rate=0.01), LSTMController),
    "PPO, table": lambda space: ppo(space, _LEARNING(rate=0.03), TableController),
    "PPO, LSTM": lambda space: ppo(space, _LEARNING(rate=0.003), LSTMController),
}
"""Rates and entropy weight were chosen on invented accuracies, before this table was there."""

RIVALS: Mapping[str, MakeStrategy] = {
    "random": RandomSearch,
    "evolution": lambda space: regularized_evolution(space, SIZE, SAMPLE),
}

TOO_FAST: Mapping[str, Callable[[SearchSpace[Any]], Reinforce[Any]]] = {
    "no bonus": lambda space: Reinforce(space, Learning(rate=0.1), LSTMController),
    "bonus": lambda space: Reinforce(space, Learning(rate=0.1, entropy=0.01), LSTMController),
    "PPO, cell by cell": lambda space: ppo(space, _LEARNING(rate=0.003, batch=1), LSTMController),
}
"""REINFORCE with steps ten times as large as above; PPO with ten times as many."""


@lru_cache(maxsize=1)
def _table() -> TabularBenchmark:
    return TabularBenchmark.load()


def watched(history: History[MicroCell]) -> dict[str, Any]:
    """What a search is worth (`lesson_05.judged`). cells: how many different ones were asked for, as written; last: how
    many among the last 100 trials; clock: simulated seconds of training."""
    archs = [row.trial.arch for row in history]
    return {
        **judged(_table(), history),
        "cells": len(set(archs)),
        "last": len(set(archs[-100:])),
        "clock": round(float(_table().clock(history)[-1]), 1),
    }


BLOCK = 20
"""Policies that are recorded side by side: the first row of each block takes the seconds of all of them."""


@lru_cache(maxsize=1)
def _block(arm: str, block: int, evaluations: int, noisy: bool) -> list[History[MicroCell]]:
    strategy, evaluation = {**POLICIES, **TOO_FAST}[arm](MicroSpace()), _table() if noisy else exact
    return search_side_by_side(strategy, evaluation, evaluations, range(BLOCK * block, BLOCK * (block + 1)))


def _searched(arm: str, seed: int, evaluations: int, noisy: bool) -> dict[str, Any]:
    if arm in RIVALS:
        evaluation = _table() if noisy else exact
        return watched(search(RIVALS[arm](MicroSpace()), evaluation, evaluations, seed=seed))
    return watched(_block(arm, seed // BLOCK, evaluations, noisy)[seed % BLOCK])


@experiment(
    "06_policies",
    hypothesis="With 300 evaluations, REINFORCE with an LSTM controller hands over a cell with more than a tenth of a "
    "point less regret than random search does.",
    arms=(*RIVALS, *POLICIES),
    seeds=100,
    budget={"evaluations": 300},
    effect=difference_in("regret", "random", "REINFORCE, LSTM"),
    smallest=0.001,
)
def policies(arm: str, seed: int, evaluations: int) -> dict[str, Any]:
    """Every cell is answered by one of its stored trainings. A repeated cell is answered by its first result, and
    counts as an evaluation."""
    return _searched(arm, seed, evaluations, noisy=True)


@experiment(
    "06_exact",
    hypothesis="Without noise and with 300 evaluations, regularized evolution hands over a cell with more than a tenth "
    "of a point less regret than REINFORCE with an LSTM controller does.",
    arms=(*RIVALS, *POLICIES),
    seeds=100,
    budget={"evaluations": 300},
    effect=difference_in("regret", "REINFORCE, LSTM", "evolution"),
    smallest=0.001,
)
def policies_without_noise(arm: str, seed: int, evaluations: int) -> dict[str, Any]:
    """As ``06_policies``, but every cell is answered by the mean of its stored trainings."""
    return _searched(arm, seed, evaluations, noisy=False)


@experiment(
    "06_entropy",
    hypothesis="With steps ten times as large, an entropy bonus takes more than a tenth of a point off the regret of "
    "REINFORCE with an LSTM controller.",
    arms=tuple(TOO_FAST),
    seeds=100,
    budget={"evaluations": 300},
    effect=difference_in("regret", "no bonus", "bonus"),
    smallest=0.001,
)
def too_fast(arm: str, seed: int, evaluations: int) -> dict[str, Any]:
    """Between the first two arms everything else is equal."""
    return _searched(arm, seed, evaluations, noisy=True)


# -- with real training -----------------------------------------------------------------------------------------------

REAL: Mapping[str, MakeStrategy] = {"random": RandomSearch, "REINFORCE": POLICIES["REINFORCE, LSTM"]}


def real_evaluation(
    images: int,
    valid: int,
    epochs: int,
    device: str = "cpu",
    part: Callable[[Images, int], Images] = Images.subset,
) -> TrainFromScratch:
    """Train the small network of lesson 01 on so many images of 14x14 pixels; the reward is its accuracy on ``valid``
    others. part: takes so many of the images."""
    data = load().shrunk(2)
    data = SearchData(part(data.train, images), part(data.valid, valid))
    return TrainFromScratch(data, Recipe(epochs=epochs, batch_size=64), NET, device)


def journal_path(arm: str, seed: int) -> Path:
    """Where a row of the full run keeps its search until it is recorded."""
    return data_folders()[0] / "evidence" / f"06_full_run.{arm}.{seed}.journal.jsonl"


@experiment(
    "06_full_run",
    hypothesis="With real training, the best of 300 cells that a policy draws while it learns is, trained again and "
    "tested, more than half a point better than the best of 300 random ones.",
    arms=tuple(REAL),
    seeds=5,
    budget={"trials": 300, "images": 4000, "valid": 4000, "epochs": 1, "final_epochs": 5},
    effect=difference_in("test", "REINFORCE", "random"),
    smallest=0.005,
    slice=(("REINFORCE", 0),),
    tolerance=0.05,
    tidy=lambda arm, seed: delete_journal(journal_path(arm, seed)),
)
def full_run(
    arm: str, seed: int, trials: int, images: int, valid: int, epochs: int, final_epochs: int
) -> dict[str, Any]:
    """One search with a journal, so that a killed row goes on where it stopped: controller, optimizer and generator are
    rebuilt from it. The winner is trained again, longer, on all images, and tested once.

    cells: as `MicroSpace.encode` writes them, accuracies, params: of all trials (`history_of`).
    """
    journal, space = journal_path(arm, seed), MicroSpace()
    journal.parent.mkdir(parents=True, exist_ok=True)
    evaluation = real_evaluation(images, valid, epochs, part=Images.first)  # as it was recorded
    history = search(REAL[arm](space), evaluation, trials, seed=seed, journal=journal)
    winner, recipe = history.best, Recipe(final_epochs, batch_size=64)
    return {
        "test": winner_tested(history, NET, recipe, seed),
        "valid": winner.result.accuracy,
        "winner": winner.trial.number,
        "accuracies": history.accuracies,
        "params": [row.result.params for row in history],
        "cells": [space.encode(row.trial.arch) for row in history],
    }


def history_of(row: Row) -> History[MicroCell]:
    """The search of a recorded row of `full_run`, for pictures and for `snapshots`."""
    evaluated = zip(row.values["cells"], row.values["accuracies"], row.values["params"], strict=True)
    return History(
        [
            Evaluated(
                Trial(number, MicroSpace().decode(cell), trial_seed(row.seed, number)),
                Result(float("nan") if seen is None else seen, params),
            )
            for number, (cell, seen, params) in enumerate(evaluated)
        ]
    )
