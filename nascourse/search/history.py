"""What a search found: its trials in the order of telling, as values, a CSV file or a DataFrame."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import numpy as np

from ..errors import bad_input
from ..runs.atomic import write_text
from ..runs.journal import read_header, read_records, read_times, times_path
from ..spaces.base import A, Result, Trial
from .records import result_from_json

if TYPE_CHECKING:
    import pandas

COLUMNS = ("number", "arch", "seed", "fidelity", "parents", "accuracy", "params", "macs", "same_as", "seconds", "extra")


class Evaluated(NamedTuple, Generic[A]):
    """A trial with its result. same_as: the earlier trial whose result answered it, or None; seconds: of its
    evaluation, NaN where they were not recorded."""

    trial: Trial[A]
    result: Result
    same_as: int | None = None
    seconds: float = math.nan


class History(Generic[A]):
    """A sequence of `Told`, in the order of asking."""

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

    def records(self) -> list[dict[str, Any]]:
        """A dict of plain values for each trial, with the keys `COLUMNS`."""
        return [
            {
                "number": trial.number,
                "arch": json.dumps(trial.arch.to_json()),
                "seed": trial.seed,
                "fidelity": trial.fidelity,
                "parents": " ".join(map(str, trial.parents)),
                "accuracy": result.accuracy,
                "params": result.params,
                "macs": result.macs,
                "same_as": same_as,
                "seconds": seconds,
                "extra": json.dumps(dict(result.extra)),
            }
            for trial, result, same_as, seconds in self.rows
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `records` as CSV, in one step. What is not known is empty, NaN is ``nan``."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records())
        write_text(path, text.getvalue())

    def to_dataframe(self) -> pandas.DataFrame:
        """`records` as a DataFrame. Raises `CourseError` where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise bad_input("no pandas", "the extra 'dask', which brings it", "pip install -e .[dask]") from error
        frame = pandas.DataFrame(self.records(), columns=list(COLUMNS))
        return frame.astype({"fidelity": "Int64", "same_as": "Int64"})

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
