"""What the tabular benchmark costs: ``python benchmarks/table_lookup.py``.

Times in pairs, one of each in turn: loading the table and reading its arrays, 100,000 look-ups and as many in a plain
dict, 20 seeds of 300 evaluations on the table and on that dict. Prints, as medians of the pairs, seconds and the
ratio to the reference. Where the table is not computed to the end, one of the same size with random counts stands in:
speed does not depend on them.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from nascourse.data import find
from nascourse.errors import CourseError
from nascourse.evaluation.table_build import Design, order
from nascourse.evaluation.table_pack import SEEDS, costs, npz_bytes, row_of_each_cell
from nascourse.evaluation.tabular import SCHEMA, TABLE, TabularBenchmark
from nascourse.search.base import Strategy
from nascourse.search.journal import compact
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Evaluation, Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

SPACE = MicroSpace()
LOOK_UPS, RUNS, EVALUATIONS, PAIRS = 100_000, 20, 300, 7


def stand_in() -> bytes:
    """A whole table of random counts."""
    rng, design, shape = np.random.default_rng(0), Design(), (len(order()), len(SEEDS))
    meta = {"schema": SCHEMA, "design": design.describe(), "rows": len(order()), "seeds": SEEDS}
    params, macs = costs(design)
    return npz_bytes(
        {
            "cells": np.array([SPACE.encode(cell) for cell in order()], np.uint8),
            "row": row_of_each_cell(),
            "params": params,
            "macs": macs,
            "valid": rng.integers(400, 3500, (*shape, design.recipe.epochs)).astype(np.int16),
            "test": rng.integers(1000, 9000, shape).astype(np.int16),
            "diverged": np.zeros(shape, np.int8),
            "seconds": rng.uniform(2, 9, shape).astype(np.float32),
            "meta": np.array(compact(meta)),
        }
    )


def table_bytes() -> bytes:
    """Of the table that ships, or of its stand-in."""
    try:
        TabularBenchmark.load()
        return find(TABLE).read_bytes()
    except CourseError as error:
        print(f"random counts stand in: {error}")
        return stand_in()


def compare(name: str, call: Callable[[], object], reference: Callable[[], object], pairs: int = PAIRS) -> None:
    """Print the medians of the pairs: seconds of ``call``, and how many times those of ``reference`` they are."""
    taken: list[tuple[float, float]] = []
    for _ in range(pairs):
        start = time.perf_counter()
        call()
        between = time.perf_counter()
        reference()
        taken.append((between - start, time.perf_counter() - between))
    seconds, ratio = median(a for a, _ in taken), median(a / b for a, b in taken)
    print(f"{name}: {seconds:.3f} s, ratio {ratio:.2f} (median of {pairs} pairs)")


def read_arrays(raw: bytes) -> None:
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        for key in file.files:
            file[key]


def main() -> None:
    raw = table_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TABLE
        path.write_bytes(raw)
        table = TabularBenchmark.load(path)
        compare("loading, to reading its arrays", lambda: TabularBenchmark.load(path), lambda: read_arrays(raw))
    plain = {cell: table.evaluate(cell) for cell in SPACE.all_cells()}
    rng = np.random.default_rng(1)
    cells: list[MicroCell] = [SPACE.sample(rng) for _ in range(LOOK_UPS)]
    trials = [Trial(n, cell, n) for n, cell in enumerate(cells)]
    for name, call in (
        ("by seed", lambda: [table.evaluate(cell, 0) for cell in cells]),
        ("by mean", lambda: [table.evaluate(cell) for cell in cells]),
        ("by trial", lambda: [table(trial) for trial in trials]),
    ):
        compare(f"{LOOK_UPS:,} look-ups {name}, to a plain dict's", call, lambda: [plain[cell] for cell in cells])

    def in_plain(trial: Trial[MicroCell]) -> Result:
        return plain[trial.arch]

    for strategy in (RandomSearch(SPACE), LocalSearch(SPACE)):

        def run(evaluation: Evaluation[MicroCell], strategy: Strategy[MicroCell] = strategy) -> None:
            for seed in range(RUNS):
                search(strategy, evaluation, EVALUATIONS, seed=seed)

        name = f"{RUNS} seeds x {EVALUATIONS} evaluations, {strategy.name} search, to one on a plain dict"
        compare(name, lambda: run(table), lambda: run(in_plain))


if __name__ == "__main__":
    main()
