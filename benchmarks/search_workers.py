"""Two workers against one, on real trainings: ``python benchmarks/search_workers.py [--trainings 32] [--dask]``.

Both searches give the same journal; what is compared is their wall time, the start of the workers included. The last
line is the ratio. It needs two idle cores: what else the machine was busy with is printed beside it. On two cores with
nothing else to do the pool gave 1.87.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import nullcontext

from nascourse import load
from nascourse.evaluation import Recipe, TrainFromScratch
from nascourse.runs import local_cluster, process_pool
from nascourse.search import History, RandomSearch, search
from nascourse.spaces import MicroCell, MicroSpace


def timed(workers: int, trainings: int, dask: bool, evaluation: TrainFromScratch) -> tuple[float, History[MicroCell]]:
    """Seconds of a whole search, and what it found."""
    start = time.perf_counter()
    with local_cluster(workers) if dask else nullcontext(process_pool(workers)) as executor:
        history = search(RandomSearch(MicroSpace()), evaluation, trainings, window=4, executor=executor)
        return time.perf_counter() - start, history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--dask", action="store_true", help="a local Dask cluster instead of processes")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    evaluation = TrainFromScratch(
        load().shrunk(2), Recipe(epochs=args.epochs), {"channels": 8, "cells": (1, 1, 1), "in_channels": 1}
    )
    if hasattr(os, "getloadavg"):
        print(f"load before the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    one, first = timed(1, args.trainings, args.dask, evaluation)
    two, second = timed(2, args.trainings, args.dask, evaluation)
    assert [row[:3] for row in first] == [row[:3] for row in second]
    busy = sum(row.seconds for row in first)
    print(f"{args.trainings} trainings, {busy / args.trainings:.1f} s each on one worker")
    print(f"one worker {one:.1f} s, two workers {two:.1f} s: ratio {one / two:.2f}")


if __name__ == "__main__":
    main()
