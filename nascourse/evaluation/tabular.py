"""The tabular benchmark: every micro cell's trainings, looked up instead of run.

Noise. The file stores up to three real trainings of every distinct cell. A trial is answered by one of them, picked by
the trial's seed, each equally often: the noise a search meets is that of real trainings, never an invented one, and
there is none beyond what is stored. So past three evaluations a cell can only repeat itself, and what is known of its
expected accuracy is the mean of its stored trainings; rank and regret are by that mean, and `noise` says how far it can
be trusted. Cells that are one function share their trainings.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..errors import bad_input
from ..evidence.statistics import kendall_tau
from ..spaces.base import Result, Trial
from ..spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell, MicroSpace

if TYPE_CHECKING:
    from ..search.history import History

TABLE = "nasbench_fashion.npz"
SCHEMA = 1
MISSING = -1

_PLACES = MicroSpace.size
_SHAPES: dict[str, tuple[type, str]] = {
    "cells": (np.uint8, "rows edges"),
    "row": (np.int16, "places"),
    "params": (np.int32, "places"),
    "macs": (np.int32, "places"),
    "valid": (np.int16, "rows seeds epochs"),
    "test": (np.int16, "rows seeds"),
    "diverged": (np.int8, "rows seeds"),
    "seconds": (np.float32, "rows seeds"),
}
"""Each array's type and axes. A place is a cell's position in `MicroSpace.all_cells`, a row a distinct function.

cells: the row's cell, as `MicroSpace.encode` writes it; row, params, macs: of every cell as written; valid: images
classified rightly after each epoch, test: after the last, `MISSING` where there is no training yet; diverged: epoch
from which the loss was not finite, else 0; seconds: NaN where they were lost.
"""


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a look-up can be trusted, in accuracy (fraction in 0..1).

    training: standard deviation of one training around its cell's expectation, pooled over ``cells`` cells;
    floor: standard error of a cell's mean over the stored seeds, below which a regret means nothing;
    chance: expected regret of the cell that looks best by means as noisy as these (`regret_by_chance`).
    """

    training: float
    floor: float
    chance: float
    cells: int


class TabularBenchmark:
    """An `Evaluation` by look-up. Accuracies are fractions of the validation images; a fidelity is a number of epochs.

    A fidelity below the last reads the learning curve of the full training, whose learning rate falls to zero at the
    last epoch only: it is the training stopped early, not one planned to be short. Seconds are those of a recorded
    training (with its tests), a part of them for a part of its epochs; a cell has one price, the smallest over the
    stored seeds, because whatever else the machine did can only add to it.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], digest: str) -> None:
        self.meta, self.digest = meta, digest
        self.path: str | None = None
        self.test_counts, self.valid_counts = arrays["test"], arrays["valid"]
        self.epochs: int = self.valid_counts.shape[2]
        stored = self.test_counts != MISSING
        self.rows_in: NDArray[np.bool_] = stored.any(axis=1)
        self.seeds = tuple(int(s) for s in np.flatnonzero(stored[self.rows_in].all(axis=0)) if self.rows_in.any())
        if not self.seeds:
            raise bad_input("a table without one whole seed", "a seed stored for every cell", "pack it from the shards")
        after = np.arange(1, self.epochs + 1)
        lost = (arrays["diverged"][..., None] > 0) & (after >= arrays["diverged"][..., None])
        right = np.where((self.valid_counts == MISSING) | lost, np.nan, self.valid_counts)
        self.curves: NDArray[np.float64] = right / meta["design"]["valid_images"]
        self._place = {ops: place for place, ops in enumerate(product(MICRO_OPS, repeat=len(MICRO_EDGES)))}
        self._row: list[int] = arrays["row"].tolist()
        self._params: list[int] = arrays["params"].tolist()
        self._macs: list[int] = arrays["macs"].tolist()
        self._codes = arrays["cells"]
        mean = _mean(self.curves[:, list(self.seeds)], axis=1)
        self.means: NDArray[np.float64] = mean[:, -1]
        # by seed, and after the last seed the mean over seeds; as lists, which answer faster than arrays
        self._accuracy = [*self.curves.transpose(1, 0, 2).tolist(), mean.tolist()]
        self._seconds: list[float] = _filled(np.fmin.reduce(arrays["seconds"][:, list(self.seeds)], axis=1)).tolist()

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """The table that ships with the course, its checksum compared, or the one at ``path``.

        Raises `CourseError` where there is none, or it is damaged or of another schema.
        """
        file = _shipped() if path is None else Path(path)
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise bad_input(file.name, "a file that can be read", "check the name") from error
        arrays, meta = _read(raw, file.name)
        table = cls(arrays, meta, hashlib.sha256(raw).hexdigest())
        table.path = None if path is None else str(path)
        return table

    def __reduce__(self) -> tuple[Callable[..., TabularBenchmark], tuple[str | None, str]]:
        return _again, (self.path, self.digest)  # a worker reads the file once, not with every trial

    def describe(self) -> dict[str, Any]:
        """What identifies this evaluation in a journal's header."""
        return {"evaluation": "tabular", "sha256": self.digest, "seeds": list(self.seeds)}

    # -- looking up ---------------------------------------------------------------------------------------------------

    def evaluate(self, cell: MicroCell, seed: int | None = None, fidelity: int | None = None) -> Result:
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

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        """One of the stored trainings, picked by the trial's seed."""
        return self.evaluate(trial.arch, self.seeds[trial.seed % len(self.seeds)], trial.fidelity)

    def evaluate_many(self, trials: Sequence[Trial[MicroCell]]) -> list[Result]:
        return [self(trial) for trial in trials]

    def curve(self, cell: MicroCell, seed: int | None = None) -> tuple[float, ...]:
        """Validation accuracy after each epoch; NaN from where the training diverged."""
        row = self._row[self._find(cell)]
        values = self._accuracy[self._slot(seed)][row]
        self._require(cell, row, seed)
        return tuple(values)

    def test_accuracy(self, cell: MicroCell, seed: int | None = None) -> float:
        """On the official test images, after the last epoch: for one final report, after every choice has been made."""
        row = self._row[self._find(cell)]
        self._require(cell, row, seed)
        seeds = list(self.seeds) if seed is None else [self._slot(seed)]
        right = np.where(np.isnan(self.curves[row, seeds, -1]), np.nan, self.test_counts[row, seeds])
        return float(_mean(right, axis=0)) / self.meta["design"]["test_images"]

    def _find(self, cell: MicroCell) -> int:
        try:
            return self._place[cell.ops]
        except (AttributeError, KeyError, TypeError):
            raise bad_input(cell, "a MicroCell", "this benchmark holds micro cells only") from None

    def _slot(self, seed: int | None) -> int:
        if seed is None:
            return len(self._accuracy) - 1
        if not isinstance(seed, int | np.integer) or not 0 <= seed < len(self._accuracy) - 1:
            raise bad_input(
                f"seed={seed!r}",
                f"a stored seed in 0..{len(self._accuracy) - 2}",
                "take one of them, or None for the mean",
            )
        return seed

    def _require(self, cell: MicroCell, row: int, seed: int | None) -> None:
        if not self.rows_in[row] or (seed is not None and self.test_counts[row, seed] == MISSING):
            what = "any seed" if seed is None else f"seed {seed}"
            raise bad_input(f"{what} of {cell}", "a training that is stored", "go on with: nascourse bench build")

    # -- what a search is judged by -----------------------------------------------------------------------------------

    def cell(self, row: int) -> MicroCell:
        """The cell that stands for a row."""
        return MicroSpace().decode(self._codes[row].tolist())

    @cached_property
    def best(self) -> MicroCell:
        """The cell of highest mean accuracy, the first of equals."""
        return self.cell(int(np.nanargmax(self.means)))

    @cached_property
    def _ascending(self) -> NDArray[np.float64]:
        return np.sort(self.means[~np.isnan(self.means)])

    def rank(self, cell: MicroCell) -> int:
        """1 for the best: one more than the number of distinct functions with a higher mean. A cell whose trainings all
        diverged comes after all others."""
        mean = self._mean_of(cell)
        below = 0 if math.isnan(mean) else int(np.searchsorted(self._ascending, mean, side="right"))
        return 1 + len(self._ascending) - below

    def regret(self, cell: MicroCell) -> float:
        """How much less than the best mean its mean is; NaN where all its trainings diverged. Differences below
        `Noise.floor` mean nothing."""
        return float(self._ascending[-1] - self._mean_of(cell))

    def _mean_of(self, cell: MicroCell) -> float:
        row = self._row[self._find(cell)]
        self._require(cell, row, None)
        return float(self.means[row])

    def regrets(self, history: History[MicroCell]) -> NDArray[np.float64]:
        """(trials,): the regret of the cell that looked best up to each trial; NaN before the first success.

        The search chooses by what it saw, one noisy training a cell, and is judged by the mean.
        """
        seen, regrets, regret = -math.inf, [], math.nan
        for row in history:
            if row.result.accuracy > seen:
                seen, regret = row.result.accuracy, self.regret(row.trial.arch)
            regrets.append(regret)
        return np.array(regrets, dtype=float)

    def clock(self, history: History[MicroCell]) -> NDArray[np.float64]:
        """(trials,): simulated seconds of training up to each trial, one after the other; a repeated cell that was
        answered from the cache costs none."""
        costs = [0.0 if row.same_as is not None else row.result.extra.get("seconds", 0.0) for row in history]
        return np.cumsum(costs)

    def everywhere(self) -> NDArray[np.float64]:
        """(15625,): the mean accuracy of every cell as written, in the order of `MicroSpace.all_cells`; NaN if none."""
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
        floor = training / math.sqrt(len(self.seeds))
        return Noise(training, floor, regret_by_chance(self._ascending, floor), len(final))

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
        return kendall_tau(pairs[:, 0], pairs[:, 1])


def regret_by_chance(means: ArrayLike, error: float) -> float:
    """The expected regret of the cell that looks best, if ``means`` are the true accuracies and each is seen with a
    normal error of standard deviation ``error``: sum over cells of regret times the chance to look best.

    An estimate: means that hold noise themselves lie further apart than the truth.
    """
    values = np.asarray(means, dtype=float)
    best = float(values.max())
    if error == 0:
        return 0.0
    near = (values[values > best - 8 * error] - best) / error  # others look best once in 10^8
    x = np.linspace(-8, 8, 401)[:, None]
    below = stats.norm.logcdf(x - near)
    others = below.sum(axis=1, keepdims=True) - below
    chance = np.exp(stats.norm.logpdf(x - near) + others).sum(axis=0) * (x[1] - x[0])
    return float(-(chance @ near) * error / chance.sum())


def neighbour_correlations(accuracies: ArrayLike) -> NDArray[np.float64]:
    """(6,): Pearson correlation between the accuracies of two cells that differ in 1, ..., 6 edges, over all such pairs
    of cells as written. accuracies: (15625,), in the order of `MicroSpace.all_cells`; NaN: left out.

    Exact and quick: with A_e the sum over the other operations of edge e, the sum over all cells at distance d is the
    coefficient of t^d in (1 + t A_1) ... (1 + t A_6). Pairs that are one function count like any other.
    """
    values = np.asarray(accuracies, dtype=float).reshape((len(MICRO_OPS),) * len(MICRO_EDGES))
    there = (~np.isnan(values)).astype(float)
    values = np.where(there > 0, values - np.nanmean(values), 0)
    number, total = _at_distance(there), _at_distance(values)
    found = []
    for d in range(1, len(MICRO_EDGES) + 1):
        pairs = (there * number[d]).sum()
        mean = (values * number[d]).sum() / pairs
        variance = (values**2 * number[d]).sum() / pairs - mean**2
        found.append(((values * total[d]).sum() / pairs - mean**2) / variance)
    return np.array(found)


def _at_distance(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each distance 0..6 the sum of ``values`` over the cells at that distance."""
    sums, nothing = [values], np.zeros(())
    for edge in range(values.ndim):
        others = [s.sum(axis=edge, keepdims=True) - s for s in sums]
        sums = [a + b for a, b in zip([*sums, nothing], [nothing, *others], strict=True)]
    return sums


# -- the file ---------------------------------------------------------------------------------------------------------


def _mean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The mean of what is not NaN; NaN where all is."""
    number = (~np.isnan(values)).sum(axis=axis)
    return np.where(number > 0, np.nansum(values, axis=axis) / np.maximum(number, 1), np.nan)


def _filled(seconds: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where seconds were lost, the median of the others stands in."""
    known = seconds[~np.isnan(seconds)]
    return np.where(np.isnan(seconds), np.median(known) if len(known) else 0.0, seconds).astype(float)


@lru_cache(maxsize=4)
def _again(path: str | None, digest: str) -> TabularBenchmark:
    table = TabularBenchmark.load(path)
    if table.digest != digest:
        raise bad_input(
            f"a table with SHA-256 {table.digest[:12]}...", f"{digest[:12]}...", "copy the table to all workers"
        )
    return table


def _shipped() -> Path:
    from ..data import checksums, verified

    if TABLE not in checksums():
        raise bad_input(TABLE, "a table in data/", "compute it: nascourse bench build, then nascourse bench pack")
    return verified(TABLE)


def _read(raw: bytes, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the description in a table's bytes. Raises `CourseError` in one line for anything else."""
    restore = f"restore it: git checkout -- data/{name}"
    if raw[:2] != b"PK":
        raise bad_input(name, "a table (.npz)", restore)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise bad_input(f"{name}, damaged or cut short", f"a whole table ({error})", restore) from error
    try:
        meta = json.loads(str(arrays.pop("meta")))
        schema, rows, seeds = meta["schema"], meta["rows"], len(meta["seeds"])
        epochs = meta["design"]["recipe"]["epochs"]
    except (KeyError, TypeError, ValueError) as error:
        raise bad_input(f"{name} without a description", "a table with the array 'meta'", restore) from error
    if schema != SCHEMA:
        raise bad_input(
            f"{name} of schema {schema!r}", f"schema {SCHEMA}", "use the table of this version of the course"
        )
    axes = {"places": _PLACES, "rows": rows, "edges": len(MICRO_EDGES), "seeds": seeds, "epochs": epochs}
    for key, (kind, named) in _SHAPES.items():
        shape = tuple(axes[axis] for axis in named.split())
        if key not in arrays or arrays[key].shape != shape or arrays[key].dtype != kind:
            found = f"{arrays[key].dtype} {arrays[key].shape}" if key in arrays else "nothing"
            raise bad_input(f"{name}: {key} is {found}", f"{np.dtype(kind)} {shape}", restore)
    return arrays, meta
