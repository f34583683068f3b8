"""The tabular benchmark: the trainings of every architecture of a space, looked up instead of run.

Noise. The file stores up to three real trainings of every distinct function. A trial is answered by one of them, picked
by the trial's seed, each equally often: the noise a search meets is that of real trainings, never an invented one, and
there is none beyond what is stored. So past three evaluations an architecture can only repeat itself, and what is known
of its expected accuracy is the mean of its stored trainings; rank and regret are by that mean, and `noise` says how far
it can be trusted. Architectures that are one function share their trainings.

Judges. Among the best, three trainings hardly agree. So the best by the mean have further ones, in a file of their own,
which no search meets: `TabularBenchmark.judged` says how good what a search found is, and the luck that made the search
choose it plays no part.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .. import data
from ..errors import bad_input
from ..runs.plain import digest as digest_of
from ..spaces.base import Architecture, Result, SearchSpace, Trial
from ..spaces.known import SPACES
from .table_file import JUDGES, JUDGES_SHAPES, MISSING, TABLE, TABLE_SHAPES, TableFile, curves, read

if TYPE_CHECKING:
    from ..search.history import History


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a look-up can be trusted, in accuracy (fraction in 0..1).

    training: standard deviation of one training around its cell's expectation, pooled over ``cells`` cells;
    floor: standard error of a cell's mean over the stored seeds, below which a regret means nothing.
    """

    training: float
    floor: float
    cells: int


class TabularBenchmark:
    """An `Evaluation` by look-up. Accuracies are fractions of the validation images; a fidelity is a number of epochs.

    A fidelity below the last reads the learning curve of the full training, whose learning rate falls to zero at the
    last epoch only: it is the training stopped early, not one planned to be short. Seconds are those of a recorded
    training (with its tests), a part of them for a part of its epochs; an architecture has one price, the smallest over
    the stored seeds, because whatever else the machine did can only add to it.

    space: what the table is of; its decisions do not depend on each other, ``shape`` says how many options each has.
    seeds: the trainings that a search may see; judges: those that only judge, none where there is no file of them.
    """

    def __init__(self, file: TableFile, space: SearchSpace[Any] | None = None, judges: TableFile | None = None) -> None:
        arrays, self.meta, self.digest = file
        self.path: str | None = None
        self.space = space or SPACES["micro"]()
        self.shape = _shape(self.space)
        self.test_counts = arrays["test"]
        stored = self.test_counts != MISSING
        self.rows_in: NDArray[np.bool_] = stored.any(axis=1)
        self.seeds = tuple(int(s) for s in np.flatnonzero(stored[self.rows_in].all(axis=0)) if self.rows_in.any())
        if not self.seeds:
            raise bad_input("a table without one whole seed", "a seed stored for every cell", "go on with its build")
        self.curves = curves(file)
        self.epochs: int = self.curves.shape[2]
        self._places: dict[Architecture, int] = {}
        self._row: list[int] = arrays["row"].tolist()
        self._params: list[int] = arrays["params"].tolist()
        self._macs: list[int] = arrays["macs"].tolist()
        self._codes = arrays["cells"]
        mean = _mean(self.curves[:, list(self.seeds)], axis=1)
        self.means: NDArray[np.float64] = mean[:, -1]
        # by seed, and after the last seed the mean over seeds; as lists, which answer faster than arrays
        self._accuracy = [*self.curves.transpose(1, 0, 2).tolist(), mean.tolist()]
        self._seconds: list[float] = _filled(np.fmin.reduce(arrays["seconds"][:, list(self.seeds)], axis=1)).tolist()
        self.judges: tuple[int, ...] = tuple(judges.meta["seeds"]) if judges else ()
        self._judged: dict[int, list[float]] = {}
        if judges:
            if judges.meta.get("table") != self.digest:
                given = f"judges of the table {str(judges.meta.get('table'))[:12]}..."
                raise bad_input(
                    given, f"those of {self.digest[:12]}...", "move the file away, then: nascourse bench judges"
                )
            self._judged = dict(zip(judges.arrays["row"].tolist(), curves(judges)[..., -1].tolist(), strict=True))

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, space: SearchSpace[Any] | None = None) -> Self:
        """The table that ships with the course, its checksum compared, or the one at ``path``; with its judges, where
        there is a file ``..._judges.npz`` beside it. space: what it is of, by default the micro cells.

        Raises `CourseError` where there is none, or it is damaged or of another schema.
        """
        space = space or SPACES["micro"]()
        if path is None:
            file, beside = _shipped(TABLE), _shipped(JUDGES) if JUDGES in data.checksums() else None
        else:
            file = Path(path)
            beside = judges if (judges := file.with_name(f"{file.stem}_judges.npz")).exists() else None
        shape = _shape(space)
        table = cls(
            read(file, TABLE_SHAPES, places=math.prod(shape), decisions=len(shape)),
            space,
            read(beside, JUDGES_SHAPES) if beside else None,
        )
        table.path = None if path is None else str(path)
        return table

    def __reduce__(self) -> tuple[Callable[..., TabularBenchmark], tuple[str | None, str, SearchSpace[Any]]]:
        return _again, (self.path, self.digest, self.space)

    def describe(self) -> dict[str, Any]:
        """What identifies this evaluation in a journal's header."""
        return {"evaluation": "tabular", "sha256": self.digest, "seeds": list(self.seeds)}

    # -- looking up ---------------------------------------------------------------------------------------------------

    def evaluate(self, cell: Architecture, seed: int | None = None, fidelity: int | None = None) -> Result:
        """The stored training ``seed`` after ``fidelity`` epochs (None: all), or the mean of the stored ones (None).

        ``extra`` holds its ``seconds`` and ``seed``. A training that diverged before is a failed result, and left out
        of the mean. Raises `CourseError` for a cell, a seed or a fidelity that is not stored.
        """
        place = self._find(cell)
        row, epochs = self._row[place], self.epochs if fidelity is None else fidelity
        if not isinstance(epochs, int | np.integer) or not 1 <= epochs <= self.epochs:
            raise bad_input(f"fidelity={fidelity!r}", f"epochs in 1..{self.epochs}", "choose a whole number of epochs")
        slot = self._slot(seed)
        accuracy = self._accuracy[slot][row][epochs - 1]
        extra: dict[str, Any] = {"seconds": self._seconds[row] * epochs / self.epochs, "seed": seed}
        if accuracy != accuracy:
            self._require(cell, row, seed)
            extra["failed"] = f"the training diverged within {epochs} epochs"
        return Result(accuracy, self._params[place], self._macs[place], fidelity, extra)

    def __call__(self, trial: Trial[Any]) -> Result:
        """One of the stored trainings, picked by the trial's seed."""
        return self.evaluate(trial.arch, self.seeds[trial.seed % len(self.seeds)], trial.fidelity)

    def curve(self, cell: Architecture, seed: int | None = None) -> tuple[float, ...]:
        """Validation accuracy after each epoch; NaN from where the training diverged."""
        row = self._row[self._find(cell)]
        values = self._accuracy[self._slot(seed)][row]
        self._require(cell, row, seed)
        return tuple(values)

    def test_accuracy(self, cell: Architecture, seed: int | None = None) -> float:
        """On the official test images, after the last epoch: for one final report, after every choice has been made."""
        row = self._row[self._find(cell)]
        seeds = list(self.seeds) if seed is None else [self._slot(seed)]
        self._require(cell, row, seed)
        right = np.where(np.isnan(self.curves[row, seeds, -1]), np.nan, self.test_counts[row, seeds])
        return float(_mean(right, axis=0)) / self.meta["design"]["test_images"]

    def _find(self, cell: Architecture) -> int:
        try:
            place = self._places.get(cell)
            if place is None:
                decisions = self.space.encode(cell)
                if self.space.decode(decisions) != cell:
                    raise ValueError
                place = self._places[cell] = int(np.ravel_multi_index(decisions, self.shape))
        except (AttributeError, KeyError, TypeError, ValueError):
            what = f"an architecture of the space {self.space.name}"
            raise bad_input(cell, what, "look it up in the table of its space") from None
        return place

    def _slot(self, seed: int | None) -> int:
        if seed is None:
            return len(self._accuracy) - 1
        if isinstance(seed, int | np.integer) and 0 <= seed < len(self._accuracy) - 1:
            return seed
        if seed not in self.judges:
            stored = f"a stored seed in 0..{len(self._accuracy) - 2}"
            raise bad_input(f"seed={seed!r}", stored, "take one of them, or None for the mean")
        taus = [self.tau(a, b, top=100) for a, b in combinations(self.seeds, 2)] or [math.nan]
        raise bad_input(
            f"seed={seed!r}, which only judges",
            f"a seed that a search may see, one of {', '.join(map(str, self.seeds))}",
            "judge with judged() what a search found, for it also found luck: among the best hundred its seeds hardly "
            f"agree (tau {min(taus):.2f} to {max(taus):.2f})",
        )

    def _require(self, cell: Architecture, row: int, seed: int | None) -> None:
        if not self.rows_in[row] or (seed is not None and self.test_counts[row, seed] == MISSING):
            what = "any seed" if seed is None else f"seed {seed}"
            raise bad_input(f"{what} of {cell}", "a training that is stored", "go on with: nascourse bench build")

    # -- what a search is judged by -----------------------------------------------------------------------------------

    def cell(self, row: int) -> Any:
        """The cell that stands for a row."""
        return self.space.decode(self._codes[row].tolist())

    @cached_property
    def best(self) -> Any:
        """The cell of highest mean accuracy, the first of equals."""
        return self.cell(int(np.nanargmax(self.means)))

    @cached_property
    def _ascending(self) -> NDArray[np.float64]:
        return np.sort(self.means[~np.isnan(self.means)])

    def rank(self, cell: Architecture) -> int:
        """1 for the best: one more than the number of distinct functions with a higher mean. A cell whose trainings all
        diverged comes after all others."""
        mean = self._mean_of(cell)
        below = 0 if math.isnan(mean) else int(np.searchsorted(self._ascending, mean, side="right"))
        return 1 + len(self._ascending) - below

    def regret(self, cell: Architecture) -> float:
        """How much less than the best mean its mean is; NaN where all its trainings diverged. Differences below
        `Noise.floor` mean nothing."""
        return float(self._ascending[-1] - self._mean_of(cell))

    def _mean_of(self, cell: Architecture) -> float:
        row = self._row[self._find(cell)]
        self._require(cell, row, None)
        return float(self.means[row])

    def judge_accuracies(self, cell: Architecture) -> tuple[float, ...]:
        """The validation accuracies of the trainings that only judge, in the order of ``judges``; NaN where one
        diverged, and none for a cell that is not among the best of the table."""
        return tuple(self._judged.get(self._row[self._find(cell)], ()))

    def judged(self, cell: Architecture) -> float:
        """The mean of `judge_accuracies`: how good a cell is, by trainings that had no part in its choice. NaN for a
        cell that is not among the best of the table."""
        return float(_mean(np.array(self.judge_accuracies(cell)), axis=0))

    def regrets(self, history: History[Any]) -> NDArray[np.float64]:
        """(trials,): the regret of the cell that looked best up to each trial; NaN before the first success.

        The search chooses by what it saw, one noisy training a cell, and is judged by the mean.
        """
        seen, regrets, regret = -math.inf, [], math.nan
        for row in history:
            if row.result.accuracy > seen:
                seen, regret = row.result.accuracy, self.regret(row.trial.arch)
            regrets.append(regret)
        return np.array(regrets, dtype=float)

    def clock(self, history: History[Any]) -> NDArray[np.float64]:
        """(trials,): simulated seconds of training up to each trial, one after the other; a repeated cell that was
        answered from the cache costs none."""
        costs = [0.0 if row.same_as is not None else row.result.extra.get("seconds", 0.0) for row in history]
        return np.cumsum(costs)

    def everywhere(self) -> NDArray[np.float64]:
        """(places,): the mean accuracy of every cell as written, in the order of its decisions; NaN if none."""
        return self.means[self._row]

    # -- what can be trusted ------------------------------------------------------------------------------------------

    def best_rows(self, top: int | None = None) -> NDArray[np.intp]:
        """Rows by falling mean, the first ``top`` of them."""
        order = np.argsort(-self.means, kind="stable")[: len(self._ascending)]
        return order if top is None else order[:top]

    def noise(self, top: int | None = None) -> Noise:
        """From the cells of which two trainings or more are stored; ``top``: only the best by mean, which a search is
        about, and which scatter less than others do. Raises `CourseError` where there are none."""
        final = self.curves[self.best_rows(top), :, -1]
        final = final[(~np.isnan(final)).sum(axis=1) > 1]
        if not len(final):
            raise bad_input("a table of one seed", "two trainings of a cell", "go on with: nascourse bench build")
        deviations = final - np.nanmean(final, axis=1, keepdims=True)
        freedom = (~np.isnan(final)).sum() - len(final)
        training = float(np.sqrt(np.nansum(deviations**2) / freedom))
        return Noise(training, training / math.sqrt(len(self.seeds)), len(final))

    def rows_chosen_apart(self, a: int, b: int, top: int | None = None) -> NDArray[np.intp]:
        """The ``top`` best rows (None: all) by the mean of the seeds other than ``a`` and ``b``, whose agreement among
        them is then not touched by the choice. (Among cells with a high *sum* of two scores, one is low where the other
        is high: equally good cells would seem to be ranked in opposite orders.) Where no other seed is stored for every
        cell there is only the mean, with that effect."""
        others = [seed for seed in self.seeds if seed not in (a, b)]
        if top is None or not others:
            return self.best_rows(top)
        means = _mean(self.curves[:, others, -1], axis=1)
        return np.argsort(-means, kind="stable")[: min(top, int((~np.isnan(means)).sum()))]

    def tau(self, a: int, b: int, top: int | None = None) -> float:
        """Kendall's tau between the accuracies of two seeds: over all cells that have both, or over the ``top`` best of
        `rows_chosen_apart`. Raises `CourseError` with fewer than two."""
        pairs = self.curves[self.rows_chosen_apart(a, b, top)][:, [self._slot(a), self._slot(b)], -1]
        pairs = pairs[~np.isnan(pairs).any(axis=1)]
        if len(pairs) < 2:
            raise bad_input(f"seeds {a} and {b}", "two cells with both seeds", "go on with: nascourse bench build")
        return float(stats.kendalltau(pairs[:, 0], pairs[:, 1]).statistic)


# -- the file ---------------------------------------------------------------------------------------------------------


def _mean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The mean of what is not NaN; NaN where all is."""
    number = (~np.isnan(values)).sum(axis=axis)
    return np.where(number > 0, np.nansum(values, axis=axis) / np.maximum(number, 1), np.nan)


def _filled(seconds: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where seconds were lost, the median of the others stands in."""
    known = seconds[~np.isnan(seconds)]
    return np.where(np.isnan(seconds), np.median(known) if len(known) else 0.0, seconds).astype(float)


def _shape(space: SearchSpace[Any]) -> tuple[int, ...]:
    options: list[int] = []
    while (n := space.choices([0] * len(options))) > 0:
        options.append(n)
    return tuple(options)


_READ: dict[tuple[str | None, str, str], TabularBenchmark] = {}
"""By path, digest and space: a worker reads a file once, not with every trial."""


def _again(path: str | None, digest: str, space: SearchSpace[Any]) -> TabularBenchmark:
    key = (path, digest, digest_of(space.describe()))
    if key not in _READ:
        table = TabularBenchmark.load(path, space)
        if table.digest != digest:
            raise bad_input(
                f"a table with SHA-256 {table.digest[:12]}...", f"{digest[:12]}...", "copy the table to all workers"
            )
        _READ[key] = table
    return _READ[key]


def _shipped(name: str) -> Path:
    if name not in data.checksums():
        raise bad_input(name, "a table in data/", "compute it: nascourse bench build, then nascourse bench pack")
    return data.verified(name)
