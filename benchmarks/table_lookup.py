"""What the tabular benchmark costs: ``python benchmarks/table_lookup.py``.

Prints seconds: loading, 100,000 look-ups, and 100 seeds of 300 evaluations by random and by local search. Where the
table is not computed to the end, one of the same size with random counts stands in: speed does not depend on them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from nascourse.errors import CourseError
from nascourse.evaluation.table_build import Design, order
from nascourse.evaluation.table_pack import SEEDS, costs, npz_bytes, row_of_each_cell
from nascourse.evaluation.tabular import SCHEMA, TabularBenchmark
from nascourse.search.journal import compact
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

SPACE = MicroSpace()
LOOK_UPS, RUNS, EVALUATIONS = 100_000, 100, 300


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


def timed_load() -> tuple[TabularBenchmark, float]:
    try:
        TabularBenchmark.load()  # so that imports are not counted
        start = time.perf_counter()
        return TabularBenchmark.load(), time.perf_counter() - start
    except CourseError as error:
        print(f"random counts stand in: {error}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        path.write_bytes(stand_in())
        start = time.perf_counter()
        return TabularBenchmark.load(path), time.perf_counter() - start


def main() -> None:
    table, took = timed_load()
    print(f"loading: {took:.2f} s")
    rng = np.random.default_rng(1)
    cells: list[MicroCell] = [SPACE.sample(rng) for _ in range(LOOK_UPS)]
    trials = [Trial(n, cell, n) for n, cell in enumerate(cells)]
    for name, call in (
        ("by seed", lambda: [table.evaluate(cell, 0) for cell in cells]),
        ("by mean", lambda: [table.evaluate(cell) for cell in cells]),
        ("by trial", lambda: [table(trial) for trial in trials]),
    ):
        start = time.perf_counter()
        call()
        print(f"{LOOK_UPS:,} look-ups {name}: {time.perf_counter() - start:.2f} s")
    total = 0.0
    for strategy in (RandomSearch(SPACE), LocalSearch(SPACE)):
        start = time.perf_counter()
        for seed in range(RUNS):
            search(strategy, table, EVALUATIONS, seed=seed)
        took = time.perf_counter() - start
        total += took
        print(f"{RUNS} seeds x {EVALUATIONS} evaluations, {strategy.name} search: {took:.1f} s")
    print(f"both: {total:.1f} s")


if __name__ == "__main__":
    main()
