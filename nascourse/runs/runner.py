"""What lets hours of work be stopped anywhere and go on: the one loop of all that trains while it searches, or trains.

A `Resumable` says what a step is and what it consists of. The loop knows the rest: the folder and its checkpoint, the
limit of minutes, the bar, the record of how it was run, and what is never saved.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..device import device_name
from ..errors import CourseError, bad_input
from . import checkpoint, provenance
from .atomic import not_written

CHECKPOINT = "checkpoint.pt"
"""The file in a run's folder that says where it stands."""


class Resumable(ABC):
    """A computation of many steps, and where it stands. Interrupted at any moment and run again on the same folder, it
    ends as if it had never been interrupted: what `_advance` depends on is in `_state`, and `_restore` brings it back.

    noun: what it is called in messages; advice: what to do when memory runs out; step: steps taken; invocations: how it
    was run, a dict a call (see `provenance.invocation`) with device, steps and seconds.
    """

    noun: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.step = 0
        self.invocations: list[dict[str, Any]] = []
        self._torn = False  # whether it was interrupted within a step

    @property
    @abstractmethod
    def total_steps(self) -> int: ...

    @property
    @abstractmethod
    def finished(self) -> bool: ...

    @property
    def complete(self) -> bool:
        """Whether no step is left to take. Differs from ``finished`` where `_finish` has something to do."""
        return self.finished

    @property
    @abstractmethod
    def size(self) -> str:
        """What takes the memory, in words."""

    @abstractmethod
    def _identity(self) -> Mapping[str, Any]:
        """All that its course depends on, as plain values: a checkpoint goes on under the same only."""

    @abstractmethod
    def _advance(self) -> bool:
        """Take a step, or do what an epoch ends with. Returns whether an epoch has ended."""

    def _finish(self, folder: Path | None) -> None:  # noqa: B027 - most have nothing to do
        """What comes once, after the last step."""

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """What the steps to come depend on; ``step`` and ``invocations`` are added to it."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `_state` gave."""

    @abstractmethod
    def _trained(self) -> Iterable[Tensor]:
        """What has to be finite to be saved."""

    @abstractmethod
    def _diverged(self) -> CourseError:
        """The line for what is not finite."""

    @abstractmethod
    def _standing(self) -> dict[str, str]:
        """What the bar shows after an epoch."""

    @abstractmethod
    def _publish(self, folder: Path) -> None:
        """Write beside the checkpoint what others read: after each epoch, and last."""

    # -- the loop -----------------------------------------------------------------------------------------------------

    def proceed(
        self,
        folder: str | os.PathLike[str] | None,
        *,
        minutes: float | None,
        save_every: float,
        progress: str | None,
        command: str,
    ) -> None:
        """Go on to the end, or for ``minutes``; ``finished`` then says which.

        folder: holds the checkpoint, which is gone on from where it has come further; None: nothing is written. It is
        written every ``save_every`` seconds, after each epoch, and last. progress: names a bar; command: how this was
        started, for the record.
        Raises `CourseError` in one line where something is not finite, memory does not suffice, the disk does not take
        a file, or the checkpoint is damaged or of another configuration; the one on the disk is then the last good one.
        """
        folder = None if folder is None else Path(folder)
        if folder is not None:
            self._take_up(folder)
        if self._torn:
            raise bad_input(
                f"a {self.noun} that was interrupted within a step",
                "a checkpoint to go back to",
                f"make the {self.noun} anew",
            )
        if not self.finished:
            invocation = provenance.invocation(command) | {"device": device_name(self.device)}
            self.invocations.append(invocation)
            self._torn = True
            with self._memory_explained():
                self._steps(folder, minutes, save_every, progress, invocation)
                if self.complete and not self.finished:
                    self._finish(folder)
            self._torn = False
            self._save(folder)
        if folder is not None:  # also when it had ended: the process may have died before it could
            self._publish(folder)

    def _steps(
        self,
        folder: Path | None,
        minutes: float | None,
        save_every: float,
        progress: str | None,
        invocation: dict[str, Any],
    ) -> None:
        first, begin = self.step, time.perf_counter()
        saved = begin
        invocation |= {"steps": 0, "seconds": 0.0}
        with tqdm(total=self.total_steps, initial=first, desc=progress, disable=progress is None, unit="step") as bar:
            while not self.complete:
                epoch_ended = self._advance()
                bar.update(self.step - bar.n)
                if epoch_ended:
                    bar.set_postfix(self._standing())
                now = time.perf_counter()
                invocation |= {"steps": self.step - first, "seconds": round(now - begin, 1)}
                if minutes is not None and now - begin >= 60 * minutes:
                    return
                if epoch_ended or now - saved >= save_every:
                    self._save(folder)
                    saved = time.perf_counter()
                if epoch_ended and folder is not None:
                    self._publish(folder)

    def _take_up(self, folder: Path) -> None:
        """Go on from the folder's checkpoint where there is one that has come further; another run's is refused."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(folder, error) from error
        identity = self._identity()
        if (folder / CHECKPOINT).exists():
            state = checkpoint.load(folder / CHECKPOINT, identity)
            if self._torn or state["step"] > self.step:
                self._restore(state)
                self.step, self.invocations, self._torn = state["step"], state["sittings"], False

    def _save(self, folder: Path | None) -> None:
        """What is not finite is not saved: a running variance can overflow while the loss is still a number."""
        if not all(bool(torch.isfinite(values).all()) for values in self._trained()):
            raise self._diverged()
        if folder is not None:
            state = {"step": self.step, "sittings": self.invocations, **self._state()}
            checkpoint.save(folder / CHECKPOINT, state, self._identity())

    @contextmanager
    def _memory_explained(self) -> Iterator[None]:
        """Out of memory, on a GPU or the CPU, as one line: what was too large, and what to do."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:  # torch's own kind for a GPU is a RuntimeError, a CPU has none
            if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise bad_input(f"out of memory with {self.size}", "a run that fits", self.advice) from error
            raise
