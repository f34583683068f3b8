"""What the loop itself costs: searches whose evaluations are look-ups: ``python benchmarks/search_overhead.py``.

Random and local search, without and with a journal, each timed in pairs with calling the evaluation directly on the
trials that it asked for, one of each in turn. Prints, as medians of the pairs, seconds of a search of 300 evaluations
and how many times those of the calls they are; so does the journal against the search without. A real evaluation takes
seconds, so what counts in the end are the microseconds a trial.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from nascourse.search import History, LocalSearch, RandomSearch, Strategy, search
from nascourse.spaces import MicroCell, MicroSpace, Result, Trial

SEEDS, EVALUATIONS = 100, 300
SPACE = MicroSpace()
TABLE = {
    cell: Result(float(accuracy))
    for cell, accuracy in zip(SPACE.all_cells(), np.random.default_rng(0).uniform(size=SPACE.size), strict=True)
}


def look_up(trial: Trial[MicroCell]) -> Result:
    return TABLE[trial.arch]


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Of one call out of ``times``."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def one_of_each(strategy: Strategy[MicroCell], seed: int, journal: Path) -> tuple[float, float, float]:
    """Seconds: direct calls, a search, a search with a journal."""

    def found(journal: Path | None = None) -> History[MicroCell]:
        return search(strategy, look_up, EVALUATIONS, seed=seed, journal=journal)

    trials = [evaluated.trial for evaluated in found()]
    direct = seconds(lambda: [look_up(trial) for trial in trials], 20)
    return direct, seconds(found), seconds(lambda: found(journal))


def compare(strategy: Strategy[MicroCell], folder: Path) -> None:
    rows = [one_of_each(strategy, seed, folder / f"{strategy.name}{seed}.jsonl") for seed in range(SEEDS)]
    direct, bare, kept = (median(column) for column in zip(*rows, strict=True))
    over_direct, over_bare = median(b / d for d, b, _ in rows), median(k / b for _, b, k in rows)
    print(f"{strategy.name} search: {bare:.4f} s, {1e6 * bare / EVALUATIONS:.0f} microseconds a trial")
    print(f"  ratio to {EVALUATIONS} direct calls ({direct:.6f} s): {over_direct:.0f}, median of {SEEDS} pairs")
    print(f"  with a journal {kept:.4f} s: ratio to the search without {over_bare:.2f}, median of {SEEDS} pairs")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for strategy in (RandomSearch(SPACE), LocalSearch(SPACE)):
            compare(strategy, Path(folder))


if __name__ == "__main__":
    main()
