"""Lesson 01: what a small random search finds, and what is left of it on images that chose nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ...data import Images, SearchData, load, load_test
from ...evaluation.training import Recipe, TrainFromScratch, accuracy, train
from ...evidence import statistics
from ...evidence.ledger import Evidence, experiment
from ...evidence.statistics import Interval
from ...networks.build import build_seeded, count
from ...search.loop import search, trial_seed
from ...search.random import RandomSearch
from ...spaces.base import Evaluation, Trial
from ...spaces.micro import MicroCell, MicroSpace

NET: Mapping[str, Any] = {"channels": 8, "cells": (3,), "in_channels": 1, "stem_stride": 2}
"""The lesson's small network: a stem that halves the image, three cells of eight channels, a linear layer."""

RESIDUAL = MicroCell.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
"""The hand-made cell: two convolutions and a skip connection around them, a residual block (He et al. 2016)."""

IMAGE = (1, 14, 14)


def search_data(images: int, seed: int) -> tuple[SearchData, SearchData]:
    """``images`` to train on, with the half of the validation images that chooses; and the same with the other half,
    which chooses nothing. Every seed draws halves of its own: two fixed ones may differ in difficulty by a point or
    two, and that would look like an effect."""
    data = load().shrunk(2)
    order = torch.randperm(len(data.valid), generator=torch.Generator().manual_seed(seed))
    train_on, half = data.train.subset(images), len(data.valid) // 2
    return SearchData(train_on, data.valid[order[:half]]), SearchData(train_on, data.valid[order[half:]])


def hand_made(params: int) -> dict[str, Any]:
    """Width and depth of the residual network whose number of parameters is nearest to ``params``."""
    sizes = [{**NET, "channels": channels, "cells": (cells,)} for channels in range(4, 17) for cells in range(1, 6)]
    return min(sizes, key=lambda net: abs(count(RESIDUAL, IMAGE, **net).params - params))


def tested(cell: MicroCell, net: Mapping[str, Any], data: Images, test: Images, epochs: int, seed: int) -> float:
    """Train the network of ``cell`` on all of ``data``, without looking at anything else, and test it."""
    network = build_seeded(cell, seed, **net)
    train(network, SearchData(data, data[:1]), recipe(epochs), seed)
    return accuracy(network, test)


def recipe(epochs: int) -> Recipe:
    return Recipe(epochs=epochs, batch_size=64, lr=0.1)


def _winner_beats(other: str) -> Callable[[Evidence], Interval]:
    """The gain in test accuracy of the winner over another finalist of its search."""

    def effect(evidence: Evidence) -> Interval:
        winner, loser = (evidence.values("search", f"{arm}_test") for arm in ("winner", other))
        return statistics.difference(winner, loser, paired=True)

    return effect


@experiment(
    "01_full_run",
    hypothesis="The best of 60 cells, each trained for three epochs, beats a residual network of its size by more "
    "than half a point.",
    arms=("search",),
    seeds=1,
    budget={"trials": 60, "images": 8000, "epochs": 3, "final_epochs": 12},
    effect=_winner_beats("hand_made"),
    smallest=0.005,
    tolerance=0.03,
)
@experiment(
    "01_winner_beats_median",
    hypothesis="The best of 12 random cells, retrained, has a test accuracy more than half a point above that of the "
    "median cell.",
    arms=("search",),
    seeds=16,
    budget={"trials": 12, "images": 8000, "epochs": 1, "final_epochs": 3},
    effect=_winner_beats("median"),
    smallest=0.005,
    tolerance=0.03,
)
def one_search(arm: str, seed: int, trials: int, images: int, epochs: int, final_epochs: int) -> dict[str, Any]:
    """One search, its winner and its median cell evaluated once more on fresh images with a fresh seed, and the three
    finalists retrained equally and tested."""
    chooses, confirms = search_data(images, seed)
    cheap: Evaluation[MicroCell] = TrainFromScratch(chooses, recipe(epochs), NET)
    history = search(RandomSearch(MicroSpace()), cheap, trials, seed=seed)
    ranked = sorted(history, key=lambda row: row.result.accuracy)
    finalists = {"winner": ranked[-1], "median": ranked[len(ranked) // 2]}
    again = TrainFromScratch(confirms, recipe(epochs), NET)
    values: dict[str, Any] = {
        "cells": [str(row.trial.arch) for row in history],
        "accuracies": history.accuracies.tolist(),
        "params": [row.result.params for row in history],
    }
    for name, evaluated in finalists.items():
        values[f"{name}_trial"] = evaluated.trial.number
        values[f"{name}_valid"] = evaluated.result.accuracy
        values[f"{name}_again"] = again(Trial(trials, evaluated.trial.arch, trial_seed(seed, trials))).accuracy
        values[f"{name}_params"] = evaluated.result.params
    size = hand_made(values["winner_params"])
    values |= {"hand_made_channels": size["channels"], "hand_made_cells": size["cells"][0]}
    values["hand_made_params"] = count(RESIDUAL, IMAGE, **size).params

    everything, test = load().shrunk(2).both(), load_test().shrunk(2)
    networks = {name: (found.trial.arch, NET) for name, found in finalists.items()} | {"hand_made": (RESIDUAL, size)}
    for name, (cell, net) in networks.items():
        seed_of_all = trial_seed(seed, trials + 1)
        values[f"{name}_test"] = tested(cell, net, everything, test, final_epochs, seed_of_all)
    return values
