"""What a search found: its trials in the order of asking."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple

import numpy as np

from ..errors import bad_input
from ..runs.journal import read_header, read_records, read_times, times_path
from ..spaces.base import A, Result, Trial
from .records import result_from_json


class Evaluated(NamedTuple, Generic[A]):
    """A trial with its result. same_as: the earlier trial whose result answered it, or None; seconds: of its
    evaluation, NaN where they were not recorded."""

    trial: Trial[A]
    result: Result
    same_as: int | None = None
    seconds: float = math.nan


class History(Generic[A]):
    """A sequence of `Evaluated`, in the order of asking."""

    def __init__(self, rows: list[Evaluated[A]] | None = None) -> None:
        self.rows = rows or []

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Evaluated[A]]:
        return iter(self.rows)

    def __getitem__(self, number: int) -> Evaluated[A]:
        return self.rows[number]

    @property
    def accuracies(self) -> np.ndarray:
        """``(trials,)``; NaN where an evaluation failed."""
        return np.array([row.result.accuracy for row in self.rows], dtype=float)

    @property
    def best_so_far(self) -> np.ndarray:
        """``(trials,)``: the highest accuracy up to each trial; NaN until one did not fail."""
        return np.fmax.accumulate(self.accuracies) if self.rows else self.accuracies

    @property
    def best(self) -> Evaluated[A]:
        """The trial of highest accuracy, the earliest of equals. Raises `CourseError` when none succeeded."""
        good = [row for row in self.rows if not row.result.failed]
        if not good:
            raise bad_input(f"{len(self.rows)} trials, none of them a success", "a best one", "see extra['failed']")
        return max(good, key=lambda row: row.result.accuracy)

    @property
    def failures(self) -> list[Evaluated[A]]:
        return [row for row in self.rows if row.result.failed]

    @classmethod
    def load(cls, path: str | os.PathLike[str], from_json: Callable[[Mapping[str, Any]], A]) -> History[A]:
        """Read a journal, finished or not: ``History.load(path, MicroCell.from_json)``. A last line cut short is
        left out. Raises `CourseError` for what is no journal."""
        journal = Path(path)
        lines = _whole_lines(journal)
        read_header(lines[0] if lines else "", journal.name)
        times = read_times(_whole_lines(times_path(journal)) if times_path(journal).exists() else [])
        rows = []
        for record in read_records(lines[1:], journal.name, result_from_json):
            saved = record["trial"]
            trial = Trial(
                saved["number"],
                from_json(saved["arch"]),
                saved["seed"],
                saved["fidelity"],
                tuple(saved["parents"]),
            )
            rows.append(Evaluated(trial, record["result"], record["same_as"], times.get(trial.number, math.nan)))
        return cls(rows)


def _whole_lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode(errors="replace").split("\n")[:-1]
    except OSError as error:
        raise bad_input(path.name, "a file that can be read", "check the name") from error
