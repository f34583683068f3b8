"""A DARTS search that diverges says so, and keeps the last checkpoint that is whole; what has no identity gets none."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nascourse.errors import CourseError
from nascourse.runs import checkpoint
from nascourse.search.gradient import darts as darts_run
from tests.search.gradient.test_darts import CHECKPOINT, CONFIG, search


def test_a_running_statistic_that_overflows_is_not_saved(tmp_path: Path) -> None:
    """The loss is still a number when the variance of what it saw is none."""
    running = search(replace(CONFIG, w_lr=1e5, epochs=8))
    with pytest.raises(CourseError, match="the last checkpoint is from before") as caught:
        running.run(tmp_path, save_every=0)
    assert "\n" not in str(caught.value)
    assert running.step > 0
    saved = checkpoint.load(tmp_path / CHECKPOINT, running.describe())
    assert all(torch.isfinite(values).all() for values in saved["net"].values())


def test_a_supernet_that_cannot_be_scored_stops_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darts_run, "supernet_score", lambda *_: (0.1, math.nan))
    with pytest.raises(CourseError, match="supernet's loss or gradient of nan"):
        search().run()


def test_a_regularizer_without_identity_gets_no_checkpoint(tmp_path: Path) -> None:
    strength = 2.0
    running = search(regularizer=lambda alphas, progress: strength * alphas["cell"].sum())
    with pytest.raises(CourseError, match=r"functools\.partial"):
        running.run(tmp_path / "kept")
    assert len(running.run().steps) > 1
