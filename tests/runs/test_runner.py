"""The one runner: stopped anywhere a walk ends the same, and what is not finite never takes a checkpoint's place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nascourse.errors import CourseError, bad_input
from nascourse.runs import checkpoint
from nascourse.runs.runner import CHECKPOINT, Resumable

EPOCHS, STEPS = 3, 4


class Walk(Resumable):
    """A random walk of 12 steps in three epochs; after the last one, its square."""

    noun, advice, size = "walk", "take fewer steps", "one number"  # type: ignore[assignment]
    total_steps = EPOCHS * STEPS

    def __init__(self, seed: int = 0) -> None:
        super().__init__("cpu")
        self.seed, self.place, self.square = seed, torch.zeros(()), None
        self.draws = torch.Generator().manual_seed(seed)
        self.epochs: list[float] = []
        self.dies_at: int | None = None
        self.written = 0

    @property
    def complete(self) -> bool:
        return self.step == self.total_steps

    @property
    def finished(self) -> bool:
        return self.square is not None

    def _identity(self) -> Mapping[str, Any]:
        return {"seed": self.seed}

    def _advance(self) -> bool:
        drawn = torch.randn((), generator=self.draws)
        if self.step == self.dies_at:
            raise KeyboardInterrupt  # after the draw: it must not be drawn a second time
        self.place += drawn
        self.step += 1
        if ended := self.step % STEPS == 0:
            self.epochs.append(float(self.place))
        return ended

    def _finish(self, folder: Path | None) -> None:
        self.square = float(self.place) ** 2

    def _state(self) -> dict[str, Any]:
        draws = self.draws.get_state()
        return {"place": self.place.clone(), "draws": draws, "epochs": list(self.epochs), "square": self.square}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.place, self.epochs, self.square = state["place"].clone(), list(state["epochs"]), state["square"]
        self.draws.set_state(state["draws"])

    def _trained(self) -> Iterable[Tensor]:
        return [self.place]

    def _diverged(self) -> CourseError:
        return bad_input(f"a place that is none at step {self.step}", "a number", "walk again")

    def _standing(self) -> dict[str, str]:
        return {"place": f"{self.epochs[-1]:.1f}"}

    def _publish(self, folder: Path) -> None:
        self.written += 1
        (folder / "walk.json").write_text(json.dumps([self.step, self.square, len(self.invocations)]))

    def go(self, folder: Path | None = None, minutes: float | None = None, **more: Any) -> Walk:
        self.proceed(folder, **{"minutes": minutes, "save_every": 0, "progress": None, "command": "walk", **more})
        return self


def same(a: Walk, b: Walk) -> None:
    assert (float(a.place), a.epochs, a.square) == (float(b.place), b.epochs, b.square)


@pytest.fixture(scope="module")
def whole() -> Walk:
    return Walk().go()


def test_what_comes_once_after_the_last_step_comes(whole: Walk) -> None:
    assert whole.finished
    assert whole.square == float(whole.place) ** 2 > 0
    assert whole.epochs[-1] == float(whole.place)


@pytest.mark.parametrize("dies_at", [0, 3, 4, 6, 11])
@pytest.mark.parametrize("save_every", [0, 1e9])
def test_interrupted_within_any_step_it_ends_the_same(
    whole: Walk, tmp_path: Path, dies_at: int, save_every: float
) -> None:
    """Also within the first step, where no checkpoint is there yet, and in the same object, as in a notebook."""
    dying = Walk()
    dying.dies_at = dies_at
    with pytest.raises(KeyboardInterrupt):
        dying.go(tmp_path, save_every=save_every)
    saved = dies_at if save_every == 0 else dies_at // STEPS * STEPS
    assert (tmp_path / CHECKPOINT).exists() is bool(saved)
    same(Walk().go(tmp_path), whole)
    dying.dies_at = None
    same(dying.go(tmp_path), whole)


def test_interrupted_within_a_step_it_goes_on_from_a_checkpoint_only(tmp_path: Path) -> None:
    dying = Walk()
    dying.dies_at = 0
    with pytest.raises(KeyboardInterrupt):
        dying.go(tmp_path)
    with pytest.raises(CourseError, match=r"a walk that was interrupted within a step.*make the walk anew"):
        dying.go(tmp_path)


def test_in_slices_every_call_is_in_the_record(whole: Walk, tmp_path: Path) -> None:
    slices = 0
    while not (walk := Walk().go(tmp_path, minutes=0)).finished:
        slices += 1
        assert json.loads((tmp_path / "walk.json").read_text()) == [slices, None, slices]
    same(walk, whole)
    assert [one["steps"] for one in walk.invocations] == [1] * 12
    assert {"command", "commit", "versions", "hardware", "date", "device", "seconds"} < walk.invocations[0].keys()


def test_what_had_ended_is_only_written_again(whole: Walk, tmp_path: Path) -> None:
    assert Walk().go(tmp_path).written == EPOCHS + 1
    (tmp_path / "walk.json").unlink()
    again = Walk().go(tmp_path)
    same(again, whole)
    assert (again.written, len(again.invocations)) == (1, 1)
    assert json.loads((tmp_path / "walk.json").read_text()) == [12, whole.square, 1]


def test_a_checkpoint_of_another_is_refused_and_one_that_is_behind_not_taken(tmp_path: Path) -> None:
    Walk(1).go(tmp_path, minutes=0)
    with pytest.raises(CourseError, match="seed=1"):
        Walk(2).go(tmp_path)
    ahead = Walk(1).go()
    ahead.go(tmp_path)
    assert checkpoint.load(tmp_path / CHECKPOINT, {"seed": 1})["step"] == 1  # it had ended, and is not written again
    same(ahead, Walk(1).go())


def test_what_is_not_finite_never_takes_the_place_of_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Lost(Walk):
        def _advance(self) -> bool:
            ended = super()._advance()
            self.place += float("inf") if self.step == 6 else 0
            return ended

    for folder in (tmp_path, None):
        with pytest.raises(CourseError, match="a place that is none at step 6"):
            Lost().go(folder)
    assert checkpoint.load(tmp_path / CHECKPOINT, {"seed": 0})["step"] == 5


def test_the_bar_counts_the_steps_done_before(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Walk().go(tmp_path, minutes=0)
    Walk().go(tmp_path, progress="walking")
    shown = capfd.readouterr().err
    assert "walking" in shown
    assert "1/12" in shown
    assert "12/12" in shown
