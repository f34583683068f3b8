"""What the loop itself costs: 100 seeds of 300 evaluations that are look-ups: ``python benchmarks/search_overhead.py``.

Prints seconds for random and for local search, without and with a journal, and the look-ups alone as the yardstick.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from nascourse.search.base import Strategy
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

SEEDS, EVALUATIONS = 100, 300
SPACE = MicroSpace()
TABLE = {
    cell: Result(float(accuracy))
    for cell, accuracy in zip(SPACE.all_cells(), np.random.default_rng(0).uniform(size=SPACE.size), strict=True)
}


def look_up(trial: Trial[MicroCell]) -> Result:
    return TABLE[trial.arch]


def seconds(strategy: Strategy[MicroCell], folder: Path | None) -> float:
    start = time.perf_counter()
    for seed in range(SEEDS):
        journal = folder / f"{strategy.name}{seed}.jsonl" if folder else None
        search(strategy, look_up, EVALUATIONS, seed=seed, journal=journal)
    return time.perf_counter() - start


def main() -> None:
    trials = [Trial(n, SPACE.sample(np.random.default_rng(n)), n) for n in range(1000)]
    start = time.perf_counter()
    for _ in range(SEEDS * EVALUATIONS // len(trials)):
        for trial in trials:
            look_up(trial)
    alone = time.perf_counter() - start
    print(f"{SEEDS} x {EVALUATIONS} look-ups alone: {alone:.3f} s")
    for strategy in (RandomSearch(SPACE), LocalSearch(SPACE)):
        bare = seconds(strategy, None)
        with tempfile.TemporaryDirectory() as folder:
            journaled = seconds(strategy, Path(folder))
        print(f"{strategy.name} search: {bare:.1f} s, with a journal each {journaled:.1f} s")


if __name__ == "__main__":
    main()
