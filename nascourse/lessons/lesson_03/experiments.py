"""Lesson 03: does a cell that is good in a shallow network stay good in a deep one, and on other classes?

A row is one training. Rows are read in groups of `CELLS` random cells: row ``seed`` is cell ``seed % CELLS`` of group
``seed // CELLS``. Within a group, the arms train the same cells in two settings; the group is what is repeated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ...data import Images, SearchData, load
from ...evaluation.training import Recipe, train
from ...evidence import statistics
from ...evidence.ledger import Evidence, experiment
from ...evidence.statistics import Interval
from ...networks.build import build_seeded, count_network
from ...spaces.cell import CellSpace, Genotype

CELLS, GROUPS = 6, 8
SHALLOW, DEEP = 3, 8


def group_cells(group: int) -> list[Genotype]:
    """The group's random cells."""
    rng = np.random.default_rng((3, group))
    space = CellSpace()
    return [space.sample(rng) for _ in range(CELLS)]


def only(images: Images, classes: list[int]) -> Images:
    """The images of these classes, labelled 0, 1, ... in their order."""
    place = torch.full((len(images.classes),), -1)
    place[classes] = torch.arange(len(classes))
    kept = images[place[images.labels] >= 0]
    return replace(kept, labels=place[kept.labels], classes=tuple(images.classes[c] for c in classes))


def trained(genotype: Genotype, data: SearchData, cells: int, seed: int) -> dict[str, Any]:
    """One training from scratch; an accuracy of 0 where it diverged."""
    network = build_seeded(
        genotype, seed, channels=4, cells=cells, classes=len(data.train.classes), in_channels=data.train.shape[0]
    )
    done = train(network, data, Recipe(epochs=1, batch_size=50, lr=0.1), seed)
    return {
        "accuracy": 0.0 if done.diverged else done.accuracy,
        "params": count_network(network, data.train.shape).params,
    }


def by_group(evidence: Evidence, arm: str) -> np.ndarray:
    """(groups, cells): the accuracies of an arm. Raises `CourseError` where rows are missing."""
    return evidence.values(arm, "accuracy").reshape(-1, CELLS)


def chosen_and_average(evidence: Evidence, chooses: str, uses: str) -> tuple[np.ndarray, np.ndarray]:
    """(groups,) each: the accuracy in arm ``uses`` of the cell that was best in arm ``chooses``, and that of all."""
    found, used = by_group(evidence, chooses), by_group(evidence, uses)
    return used[np.arange(len(used)), found.argmax(1)], used.mean(1)


def taus(evidence: Evidence, a: str, b: str) -> np.ndarray:
    """(groups,): Kendall's tau between the cells' orders in two arms."""
    return np.array(
        [statistics.kendall_tau(x, y) for x, y in zip(by_group(evidence, a), by_group(evidence, b), strict=True)]
    )


def _deep_gain(evidence: Evidence) -> Interval:
    return statistics.difference(*chosen_and_average(evidence, "shallow", "deep"), paired=True)


def _classes_gain(evidence: Evidence) -> Interval:
    return statistics.difference(*chosen_and_average(evidence, "found_on", "used_on"), paired=True)


@experiment(
    "03_depth",
    hypothesis="Of six random cells, the one that is best in three-cell networks is better in eight-cell networks "
    "than the average of the six.",
    arms=("shallow", "deep", "deep_again"),
    seeds=CELLS * GROUPS,
    budget={"images": 4000, "valid": 2000},
    effect=_deep_gain,
    tolerance=0.05,
)
def transfer_in_depth(arm: str, seed: int, images: int, valid: int) -> dict[str, Any]:
    """One cell in a shallow or a deep network; ``deep_again`` has other initial weights and another order of images."""
    group, cell = divmod(seed, CELLS)
    data = load().shrunk(2)
    data = SearchData(data.train.first(images), data.valid.first(valid))  # as it was recorded
    weights = 3 * seed + ("shallow", "deep", "deep_again").index(arm)
    return trained(group_cells(group)[cell], data, SHALLOW if arm == "shallow" else DEEP, weights)


@experiment(
    "03_classes",
    hypothesis="Of six random cells, the one that is best on five classes is better on the other five classes than "
    "the average of the six.",
    arms=("found_on", "used_on"),
    seeds=CELLS * GROUPS,
    budget={"images": 4000, "valid": 2000},
    effect=_classes_gain,
    tolerance=0.05,
)
def transfer_over_classes(arm: str, seed: int, images: int, valid: int) -> dict[str, Any]:
    """One cell in a shallow network on one half of the classes or on the other, drawn anew for each group."""
    group, cell = divmod(seed, CELLS)
    classes = np.random.default_rng((4, group)).permutation(10).tolist()
    half = sorted(classes[:5] if arm == "found_on" else classes[5:])
    data = load().shrunk(2)
    train_on, validate_on = only(data.train, half).subset(images), only(data.valid, half).subset(valid)
    weights = 2 * seed + ("found_on", "used_on").index(arm)
    return trained(group_cells(group)[cell], SearchData(train_on, validate_on), SHALLOW, weights) | {"classes": half}
