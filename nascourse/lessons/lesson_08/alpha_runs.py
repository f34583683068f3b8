"""The searches that lesson 08's pictures play: ``python -m nascourse.lessons.lesson_08.alpha_runs`` records them anew.

500 steps each, first order, small enough for a laptop. α learn at 0.01, so that in 500 steps they can go as far as in
the paper's 19,500 steps at 0.0003.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ...data import CHECKOUT_DATA, Images, SearchData
from ...search.gradient.darts import DartsSearch
from ...search.gradient.darts_config import PRESETS, DartsConfig, Preset, search_images
from ...spaces.cell import CellSpace
from ...spaces.micro import MicroSpace

ALPHA_LR = 0.01
RUNS: dict[str, tuple[CellSpace | MicroSpace, Preset]] = {
    "08_micro": (
        MicroSpace(),
        Preset(replace(PRESETS["micro"]["lesson"].config, epochs=10, alpha_lr=ALPHA_LR), images=6400, shrink=2),
    ),
    "08_cell": (
        CellSpace(),
        Preset(
            DartsConfig(
                {"channels": 4, "cells": 3}, "first", epochs=20, batch_size=32, augment=False, alpha_lr=ALPHA_LR
            ),
            images=1600,
            shrink=2,
        ),
    ),
}
"""Name of the file -> the space, and the search's settings."""


def images_of(name: str) -> SearchData:
    """The images of a run, as they were taken when it was recorded."""
    space, preset = RUNS[name]
    return search_images(space.name, preset=preset, part=Images.first)


def record(name: str, folder: Path) -> Path:
    """Run the search and write its history to ``folder``."""
    space, preset = RUNS[name]
    search = DartsSearch(space, preset.config, images_of(name), seed=0)
    history = search.run(progress=name, command="python -m nascourse.lessons.lesson_08.alpha_runs")
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.npz"
    history.save(path)
    return path


if __name__ == "__main__":
    torch.set_num_threads(1)
    for run in RUNS:
        print(record(run, CHECKOUT_DATA / "results").name)
