"""A folder belongs to one search: what is refused there, and who goes on from where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nascourse.errors import CourseError
from nascourse.lessons.lesson_08.collapse import BetaDecay
from nascourse.runs import checkpoint
from nascourse.runs.runner import CHECKPOINT
from nascourse.search.gradient import darts as darts_run
from tests.search.gradient.test_darts import same, search


def test_a_regularizer_of_another_strength_is_refused(tmp_path: Path) -> None:
    search(regularizer=BetaDecay(50.0)).run(tmp_path, minutes=0)
    with pytest.raises(CourseError, match="strength"):
        search(regularizer=BetaDecay(1.0)).run(tmp_path)
    search(regularizer=BetaDecay(50.0)).run(tmp_path, minutes=0)


def test_a_search_under_way_does_not_overwrite_anothers_checkpoint(tmp_path: Path) -> None:
    search(seed=0).run(tmp_path, minutes=0)
    before = (tmp_path / CHECKPOINT).read_bytes()
    other = search(seed=1)
    other.run(minutes=0)
    assert other.step == 1
    with pytest.raises(CourseError, match="seed"):
        other.run(tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_whoever_has_come_furthest_goes_on(tmp_path: Path) -> None:
    whole = search().run()
    ahead, behind = search(), search()
    for _ in range(2):
        ahead.run(tmp_path, minutes=0)
    behind.run(minutes=0)
    assert (ahead.step, behind.step) == (2, 1)
    behind.run(tmp_path, minutes=0)
    assert behind.step == 3
    same(behind.run(tmp_path), whole)
    assert checkpoint.load(tmp_path / CHECKPOINT, behind.describe())["step"] == behind.total_steps


def test_out_of_memory_before_the_first_step_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(darts_run, "supernet_seeded", fails)
    with pytest.raises(CourseError, match="out of memory with batch_size=16") as caught:
        search()
    assert "\n" not in str(caught.value)
