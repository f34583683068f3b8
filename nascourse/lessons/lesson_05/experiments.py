"""Lesson 05: evolution and its rivals on the tabular benchmark, with and without the noise of a single training; and a
search with real training in the DARTS cell space."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import Images, SearchData, data_folders, load, load_test
from ...errors import bad_input
from ...evaluation.tabular import TabularBenchmark
from ...evaluation.training import Recipe, TrainFromScratch, accuracy, train
from ...evidence.ledger import Evidence, Row, difference_in, experiment
from ...networks.build import build_seeded
from ...runs.executors import ExecutorFactory
from ...runs.journal import times_path
from ...search.base import Strategy
from ...search.evolution.evolution import Evolution, classical_ga, mu_plus_lambda, regularized_evolution
from ...search.evolution.selection import Tournament
from ...search.evolution.update import DropWorst, Generational
from ...search.evolution.variation import half_of_each
from ...search.history import Evaluated, History
from ...search.local import LocalSearch
from ...search.loop import search, trial_seed
from ...search.random import RandomSearch
from ...spaces.base import Result, SearchSpace, Trial
from ...spaces.cell import CellSpace, Genotype
from ...spaces.functions import canonical
from ...spaces.micro import MicroCell, MicroSpace

# -- on the table -----------------------------------------------------------------------------------------------------

SIZE, SAMPLE = 50, 10
"""Population and tournament of every evolution on the table. Set before anything was recorded, and not tuned."""


def drop_worst(space: SearchSpace[Any]) -> Evolution[Any]:
    """Regularized evolution with one thing changed: the worst goes, not the oldest."""
    return Evolution(space, SIZE, selection=Tournament(SAMPLE, distinct=False), update=DropWorst())


def tournament_ga(space: SearchSpace[Any]) -> Evolution[Any]:
    """The classical GA with tournaments of two in place of the roulette wheel."""
    return Evolution(
        space,
        SIZE,
        SIZE,
        selection=Tournament(2),
        crossover=half_of_each,
        crossover_rate=0.9,
        mutation_rate=0.5,
        update=Generational(1),
    )


ARMS: Mapping[str, Callable[[SearchSpace[Any]], Strategy[Any]]] = {
    "random": RandomSearch,
    "local": LocalSearch,
    "aging": lambda space: regularized_evolution(space, SIZE, SAMPLE),
    "drop worst": drop_worst,
    "mu + lambda": lambda space: mu_plus_lambda(space, 20, 20),
    "GA, roulette": lambda space: classical_ga(space, SIZE),
    "GA, tournament": tournament_ga,
}
"""Each arm's strategy. ``aging`` is regularized evolution."""


@lru_cache(maxsize=1)
def _table() -> TabularBenchmark:
    return TabularBenchmark.load()


def exact(trial: Trial[MicroCell]) -> Result:
    """No noise: every trial is answered by the mean of the stored trainings, which is also what judges."""
    return _table().evaluate(trial.arch)


def on_the_table(arm: str, seed: int, evaluations: int, noisy: bool) -> dict[str, Any]:
    """One search, as `judged`. luck: how much better the cell handed over looked than its mean; functions: how many
    different ones were evaluated; params: of that cell."""
    table = _table()
    evaluation = table if noisy else exact
    history = search(ARMS[arm](MicroSpace()), evaluation, evaluations, seed=seed, cache=not noisy)
    best = history.best
    return {
        **judged(table, history),
        "luck": round(best.result.accuracy - table.evaluate(best.trial.arch).accuracy, 6),
        "functions": len({canonical(row.trial.arch) for row in history}),
        "params": best.result.params,
    }


def judged(table: TabularBenchmark, history: History[MicroCell]) -> dict[str, Any]:
    """What the cell is worth that a search would hand over, the one that looked best.

    regret and rank: of that cell, by the mean of the stored trainings; at, regrets: the trials after which another cell
    looked best, and its regret (see `curves`); table: its digest.
    """
    regrets = table.regrets(history).round(6)
    changed = np.flatnonzero(np.isfinite(regrets) & (np.diff(regrets, prepend=np.nan) != 0))
    return {
        "regret": regrets[-1],
        "rank": table.rank(history.best.trial.arch),
        "at": changed.tolist(),
        "regrets": regrets[changed].tolist(),
        "table": table.digest[:12],
    }


def curves(evidence: Evidence, arm: str) -> NDArray[np.float64]:
    """(seeds, evaluations): the regret of what looked best up to each trial, out of the rows of `on_the_table`."""
    rows = np.full((len(evidence.of(arm)), evidence.budget["evaluations"]), np.nan)
    for curve, row in zip(rows, evidence.of(arm), strict=True):
        for at, regret in zip(row.values["at"], row.values["regrets"], strict=True):
            curve[at:] = regret
    return rows


@experiment(
    "05_exact",
    hypothesis="In 300 evaluations without noise, regularized evolution hands over a cell with more than a tenth of a "
    "point less regret than random search does.",
    arms=tuple(ARMS),
    seeds=100,
    budget={"evaluations": 300},
    effect=difference_in("regret", "random", "aging"),
    smallest=0.001,
)
def without_noise(arm: str, seed: int, evaluations: int) -> dict[str, Any]:
    """Every trial is answered by the mean of the stored trainings."""
    return on_the_table(arm, seed, evaluations, noisy=False)


@experiment(
    "05_noisy",
    hypothesis="In 300 evaluations that are one noisy training each, dropping the oldest hands over a cell with more "
    "than a tenth of a point less regret than dropping the worst does.",
    arms=tuple(ARMS),
    seeds=100,
    budget={"evaluations": 300},
    effect=difference_in("regret", "drop worst", "aging"),
    smallest=0.001,
)
def with_noise(arm: str, seed: int, evaluations: int) -> dict[str, Any]:
    """Every trial, repeated cells too, is answered by one of the stored trainings, picked by the trial's seed. Raises
    `CourseError` where the table holds one training of a cell only."""
    if len(seeds := _table().seeds) < 2:
        raise bad_input(
            f"a table of seed {seeds[0]} alone",
            "two stored trainings of each cell, or there is no noise",
            "go on with: nascourse bench build",
        )
    return on_the_table(arm, seed, evaluations, noisy=True)


@experiment(
    "05_held_out",
    hypothesis="Chosen by two of a cell's three trainings and judged by the third, what regularized evolution hands "
    "over is more than a tenth of a point better than what random search does.",
    arms=tuple(ARMS),
    seeds=3,
    budget={"evaluations": 300, "searches": 100},
    effect=difference_in("held", "aging", "random"),
    smallest=0.001,
    slice=(("random", 0), ("random", 2)),
)
def held_out(arm: str, seed: int, evaluations: int, searches: int) -> dict[str, Any]:
    """A row is a judge: the stored training ``seed``, which no search has seen. So there are as many rows as there are
    judges, however many searches they judge.

    looked, held: mean accuracy of what the searches hand over, by the two trainings that chose and by the judge;
    functions: how many different ones that is; table: its digest.
    """
    table, space = _table(), MicroSpace()
    seen = [stored for stored in table.seeds if stored != seed]

    def chosen(trial: Trial[MicroCell]) -> Result:
        return Result(float(np.mean([table.evaluate(trial.arch, stored).accuracy for stored in seen])))

    best = [search(ARMS[arm](space), chosen, evaluations, seed=number).best for number in range(searches)]
    return {
        "looked": round(float(np.mean([row.result.accuracy for row in best])), 6),
        "held": round(float(np.mean([table.evaluate(row.trial.arch, seed).accuracy for row in best])), 6),
        "functions": len({canonical(row.trial.arch) for row in best}),
        "table": table.digest[:12],
    }


# -- with real training -----------------------------------------------------------------------------------------------

REAL_ARMS = ("evolution", "random")
BATCH = 50
WINDOW = 4
"""Trials under way at once: keeps two workers busy. A larger cluster wants more, and then it is another search."""


def real_search(
    arm: str,
    seed: int,
    *,
    trials: int,
    images: int,
    valid: int,
    epochs: int,
    channels: int,
    cells: int,
    population: int,
    sample: int,
    shrink: int = 2,
    part: Callable[[Images, int], Images] = Images.subset,
    window: int = WINDOW,
    device: str = "cpu",
    executor: ExecutorFactory | None = None,
    journal: str | os.PathLike[str] | None = None,
    seconds: float | None = None,
    progress: bool = False,
) -> History[Genotype]:
    """Regularized evolution (or random search) in the DARTS cell space; each trial trains a network of ``cells`` cells
    from scratch on so many images and is judged on ``valid`` others, both ``shrink`` times smaller than they are.

    The same on any ``executor`` (see `search`), and resumed from ``journal`` where that exists. ``part`` takes so many
    of the images; ``seconds``: ask for nothing more after that time; a later call with the same journal goes on.
    """
    space = CellSpace()
    if arm not in REAL_ARMS:
        raise bad_input(arm, f"an arm out of {', '.join(REAL_ARMS)}", "check the spelling")
    strategy: Strategy[Genotype] = (
        RandomSearch(space) if arm == "random" else regularized_evolution(space, population, sample)
    )
    data = load().shrunk(shrink)
    data = SearchData(part(data.train, images), part(data.valid, valid))
    recipe = Recipe(epochs=epochs, batch_size=BATCH)
    evaluation = TrainFromScratch(data, recipe, _network(channels, cells), device)
    return search(
        strategy,
        evaluation,
        trials,
        seed=seed,
        window=window,
        executor=executor,
        journal=journal,
        seconds=seconds,
        progress=progress,
    )


def _network(channels: int, cells: int) -> dict[str, Any]:
    return {"channels": channels, "cells": cells, "in_channels": 1}


def journal_path(arm: str, seed: int) -> Path:
    """Where a row of the full run keeps its search until it is recorded."""
    return data_folders()[0] / "evidence" / f"05_full_run.{arm}.{seed}.journal.jsonl"


def delete_journal(path: Path) -> None:
    """With its times."""
    for file in (path, times_path(path)):
        file.unlink(missing_ok=True)


@experiment(
    "05_full_run",
    hypothesis="With real training in the DARTS cell space, the best of 100 genotypes that evolution finds is, trained "
    "again and tested, more than half a point better than the best of 100 random ones.",
    arms=REAL_ARMS,
    seeds=5,
    budget={
        "trials": 100,
        "images": 4000,
        "valid": 4000,
        "epochs": 1,
        "channels": 4,
        "cells": 3,
        "population": 20,
        "sample": 5,
        "final_epochs": 5,
    },
    effect=difference_in("test", "evolution", "random"),
    smallest=0.005,
    tolerance=0.05,
    tidy=lambda arm, seed: delete_journal(journal_path(arm, seed)),
)
def full_run(arm: str, seed: int, final_epochs: int, **budget: Any) -> dict[str, Any]:
    """One search with a journal, so that a killed row goes on where it stopped; its winner is trained again, longer, on
    all images, and tested once.

    genotypes: as `CellSpace.encode` writes them, parents, accuracies, params: of all trials (`history_of`).
    """
    journal = journal_path(arm, seed)
    journal.parent.mkdir(exist_ok=True)
    history = real_search(arm, seed, **budget, part=Images.first, journal=journal)  # as it was recorded
    winner, space = history.best, CellSpace()
    test = winner_tested(history, _network(budget["channels"], budget["cells"]), Recipe(final_epochs, BATCH), seed)
    return {
        "test": test,
        "valid": winner.result.accuracy,
        "winner": winner.trial.number,
        "accuracies": history.accuracies,
        "params": [row.result.params for row in history],
        "parents": [row.trial.parents for row in history],
        "genotypes": [space.encode(row.trial.arch) for row in history],
    }


def winner_tested(history: History[Any], net: Mapping[str, Any], recipe: Recipe, seed: int) -> float:
    """The winner's test accuracy after a training from scratch, in halved size, on all images that a search may see."""
    network = build_seeded(history.best.trial.arch, trial_seed(seed, len(history)), **net)
    everything = load().shrunk(2).both()
    train(network, SearchData(everything, everything[:1]), recipe, seed)
    return accuracy(network, load_test().shrunk(2))


def history_of(row: Row) -> History[Genotype]:
    """The search of a recorded row of `full_run`, for pictures."""
    space, values = CellSpace(), row.values
    evaluated = zip(values["genotypes"], values["parents"], values["accuracies"], values["params"], strict=True)
    return History(
        [
            Evaluated(
                Trial(number, space.decode(genotype), trial_seed(row.seed, number), parents=tuple(parents)),
                Result(float("nan") if seen is None else seen, params),
            )
            for number, (genotype, parents, seen, params) in enumerate(evaluated)
        ]
    )
