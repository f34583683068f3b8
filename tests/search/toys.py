"""Evaluations in closed form that a worker process can import without torch, and a search to be killed.

``python -m tests.search.toys serial|pool|dask JOURNAL PIDS BUDGET`` searches with `Slow`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nascourse.runs.executors import local_cluster, process_pool
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace

BUDGET, WINDOW = 40, 4


def conv_share(trial: Trial[MicroCell]) -> Result:
    """The share of 3x3 convolutions, plus noise from the trial's seed."""
    noise = float(np.random.default_rng(trial.seed).normal(0, 0.01))
    count = trial.arch.ops.count("nor_conv_3x3")
    return Result(count / 6 + noise, params=count, extra={"noise": noise})


@dataclass(frozen=True)
class Slow:
    """`conv_share` after 2 to 14 ms, so that trials finish out of order; the process leaves its id in ``pids``."""

    pids: str

    def describe(self) -> dict[str, Any]:
        return {"name": "slow"}

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        (Path(self.pids) / str(os.getpid())).touch()
        time.sleep(0.002 + 0.003 * ((trial.number * 7) % 5))
        return conv_share(trial)


@dataclass(frozen=True)
class Deadly:
    """`conv_share`, except that the worker dies when it is given trial ``number``, the first ``times`` times."""

    folder: str
    number: int
    times: int

    def describe(self) -> dict[str, Any]:
        return {"name": "deadly"}

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        if trial.number == self.number:
            deaths = len(list(Path(self.folder).iterdir()))
            if deaths < self.times:
                (Path(self.folder) / str(deaths)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return conv_share(trial)


def main(mode: str, journal: str, pids: str, budget: str) -> None:
    pools = {"serial": nullcontext(None), "pool": nullcontext(process_pool(2)), "dask": local_cluster(2)}
    with pools[mode] as executor:
        keywords: dict[str, Any] = {"seed": 5, "window": WINDOW, "executor": executor, "journal": journal}
        search(LocalSearch(MicroSpace()), Slow(pids), int(budget), **keywords)


if __name__ == "__main__":
    main(*sys.argv[1:])
