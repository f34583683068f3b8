"""The searches that lesson 08 plays: 500 steps each, and the files that ship are of these settings."""

from __future__ import annotations

import pytest

from nascourse.data import CHECKOUT_DATA
from nascourse.lessons.lesson_08.alpha_runs import RUNS, images_of
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.search.gradient.darts import DartsSearch


@pytest.mark.parametrize("name", RUNS)
def test_the_shipped_history_is_that_of_the_settings(name: str) -> None:
    space, preset = RUNS[name]
    fresh = DartsSearch(space, preset.config, images_of(name), seed=0)
    shipped = AlphaHistory.load(CHECKOUT_DATA / "results" / f"{name}.npz")
    assert fresh.total_steps == 500
    assert shipped.steps.tolist() == list(range(501))
    assert {key: shipped.meta[key] for key in fresh.describe()} == fresh.describe()
    for kind, alpha in fresh.alphas.items():  # it starts where the seed says, and has moved
        assert abs(shipped.alphas[kind][0] - alpha.detach().numpy()).max() < 1e-6
        assert abs(shipped.alphas[kind][-1] - shipped.alphas[kind][0]).max() > 0.1
