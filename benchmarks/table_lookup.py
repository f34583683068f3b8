"""What the tabular benchmark costs: ``python benchmarks/table_lookup.py``.

Times in pairs, one of each in turn: loading the table and reading its arrays, 100,000 look-ups and as many in a plain
dict, 100 seeds of 300 evaluations on the table and on that dict. Prints, as medians of the pairs, seconds and the
ratio to the reference.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from nascourse.data import find
from nascourse.evaluation import TabularBenchmark
from nascourse.evaluation.tabular import TABLE
from nascourse.search import LocalSearch, RandomSearch, Strategy, search
from nascourse.spaces import Evaluation, MicroCell, MicroSpace, Result, Trial

SPACE = MicroSpace()
LOOK_UPS, RUNS, EVALUATIONS, PAIRS = 100_000, 100, 300, 5


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
    path, table = find(TABLE), TabularBenchmark.load()
    raw = path.read_bytes()
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
