"""The presets: the paper's numbers, and images that keep apart what must be apart."""

from __future__ import annotations

import pytest
import torch

from nascourse.data import Images, load
from nascourse.making.table_build import Design
from nascourse.networks.supernet import supernet
from nascourse.search.gradient.darts_config import PRESETS, DartsConfig, search_images
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroSpace

SPACES = {"cell": CellSpace(), "micro": MicroSpace()}


def test_the_defaults_are_the_papers() -> None:
    """Section 3.1 and appendix A.1.1 of the paper."""
    paper = PRESETS["cell"]["paper"].config
    assert (paper.epochs, paper.batch_size, dict(paper.net)) == (50, 64, {"channels": 16, "cells": 8})
    assert (paper.w_lr, paper.w_lr_min, paper.w_momentum, paper.w_weight_decay) == (0.025, 0.001, 0.9, 3e-4)
    assert (paper.alpha_lr, paper.alpha_betas, paper.alpha_weight_decay) == (3e-4, (0.5, 0.999), 1e-3)
    assert (paper.w_clip, paper.order, paper.augment) == (5.0, "second", True)
    assert DartsConfig(record_every=10) == paper


def test_micro_presets_search_in_the_networks_of_the_benchmark() -> None:
    for name, preset in PRESETS["micro"].items():
        if name != "ci":
            design = Design()
            assert preset.config.net["channels"] == design.channels
            assert preset.config.net["cells"] == design.cells
            assert (preset.config.net["stem_stride"], preset.shrink) == (design.stem_stride, design.shrink)


@pytest.mark.parametrize("space", PRESETS)
def test_every_preset_builds(space: str) -> None:
    assert PRESETS[space].keys() == PRESETS["cell"].keys()
    for preset in PRESETS[space].values():
        with torch.device("meta"):
            supernet(SPACES[space], in_channels=1, **preset.config.net)


def rows(images: Images) -> set[bytes]:
    return {pixels.numpy().tobytes() for pixels in images.pixels}


def test_genotypes_use_all_training_images_half_and_half() -> None:
    data = search_images("cell")
    assert len(data.train) == len(data.valid) == 6000
    assert torch.equal(torch.bincount(data.train.labels), torch.bincount(data.valid.labels))
    assert rows(data.train) | rows(data.valid) == rows(load().both())


def test_micro_cells_never_see_what_the_benchmark_validates_on() -> None:
    data = search_images("micro", preset=PRESETS["micro"]["lesson"])
    design, _ = Design().images()
    assert rows(data.train) | rows(data.valid) == rows(design.train)
    assert len(data.train) == len(data.valid) == 4000
    assert data.train.shape == (1, 14, 14)


def test_a_preset_may_take_fewer_images() -> None:
    data = search_images("cell", preset=PRESETS["cell"]["ci"])
    assert (len(data.train), len(data.valid), data.train.shape) == (32, 32, (1, 14, 14))
