"""Computing the tabular benchmark: every distinct micro cell, trained from scratch, three seeds.

The cells come in a fixed random order, so a part of the table is a fair sample of the whole. They lie in shards of
100; a shard is a file of lines, written by one process at a time and only appended to, so the build can be killed
and continued at any moment, by any number of workers, with the same bytes at the end. Seconds, which no two runs
share, go to a file beside the shard.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ..data import CHECKOUT_DATA, Images, SearchData, load, load_test
from ..errors import bad_input
from ..evaluation.batched import member_accuracies, train_side_by_side
from ..evaluation.training import Recipe
from ..networks.build import build_seeded
from ..runs import provenance
from ..runs.atomic import LineFile, write_text
from ..runs.executors import process_pool
from ..runs.plain import compact, digest, parse, plain
from ..spaces.functions import distinct_classes
from ..spaces.micro import MicroCell

SCHEMA = 1
SHARDS = CHECKOUT_DATA / "nasbench_fashion_shards"
SITTINGS = "sittings.log"
"""In the folder of the shards: a JSON line for each run that trained, with command, versions and hardware."""
SHARD_SIZE = 100
SEED_GROUPS = ((0,), (1, 2))
"""Seeds that are trained side by side. Seed 0 of all cells comes first."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a training of the benchmark is. Images are 28 x 28, shrunk by ``shrink``; the stem halves them again."""

    recipe: Recipe = field(default_factory=lambda: Recipe(epochs=4, batch_size=96, lr=0.1, clip=None))
    channels: int = 8
    cells: tuple[int, ...] = (3,)
    stem_stride: int = 2
    shrink: int = 2
    train_images: int = 8000
    valid_images: int = 4000
    test_images: int = 10_000

    def net(self) -> dict[str, Any]:
        """The keywords of `MicroNetwork`."""
        return {"channels": self.channels, "cells": self.cells, "in_channels": 1, "stem_stride": self.stem_stride}

    def images(self) -> tuple[SearchData, Images]:
        """Training and validation images, and test images."""
        data = load().shrunk(self.shrink)
        data = replace(data, train=data.train[: self.train_images], valid=data.valid[: self.valid_images])
        return data, load_test().shrunk(self.shrink)[: self.test_images]

    def describe(self) -> dict[str, Any]:
        return plain(asdict(self))


@cache
def order() -> tuple[MicroCell, ...]:
    """The first cell of each distinct class, in the fixed random order of the table's rows."""
    cells = [members[0] for members in distinct_classes().values()]
    return tuple(cells[i] for i in np.random.default_rng(2026).permutation(len(cells)))


def train_cell(cell: MicroCell, seeds: Sequence[int], design: Design) -> tuple[dict[str, Any], float]:
    """One record, and its seconds. valid: images classified rightly after each epoch, for each seed; test: after the
    last; diverged: the epoch (from 1) at which the loss of a seed was not finite any more, or None."""
    start = time.perf_counter()
    data, test = _images(design)
    networks = [build_seeded(cell, seed, **design.net()) for seed in seeds]
    whole, trainings = train_side_by_side(networks, data, design.recipe, seeds)
    tested = member_accuracies(whole, test, len(seeds))
    record = {
        "cell": str(cell),
        "valid": [[round(a * len(data.valid)) for a in training.accuracies] for training in trainings],
        "test": [round(a * len(test)) for a in tested],
        "diverged": [training.diverged for training in trainings],
    }
    return record, time.perf_counter() - start


_images = cache(Design.images)


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows ``number * size`` and on of the table, for one group of seeds, as a file of lines."""

    folder: Path
    seeds: tuple[int, ...]
    number: int
    size: int = SHARD_SIZE

    @property
    def path(self) -> Path:
        return self.folder / f"seeds_{'_'.join(map(str, self.seeds))}" / f"{self.number:03d}.jsonl"

    def cells(self) -> tuple[MicroCell, ...]:
        return order()[self.number * self.size : (self.number + 1) * self.size]

    def header(self, design: Design) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "design": digest(design.describe()),
            "seeds": list(self.seeds),
            "shard": self.number,
            "cells": len(self.cells()),
        }


def build_shard(shard: Shard, design: Design, rows: int | None = None) -> int:
    """Train those of the first ``rows`` cells of a shard (None: all) that have no record yet; returns how many were
    trained. Called again after its process died, it goes on where it stopped.

    Raises `CourseError` where the file belongs to another design or another process is writing it.
    """
    import torch

    torch.set_num_threads(1)
    trained = 0
    with LineFile(shard.path) as file, LineFile(shard.path.with_suffix(".seconds")) as seconds:
        file.repair()
        seconds.repair()
        done = records(shard, design, file.lines)
        if not file.lines:
            file.append(compact(shard.header(design)))
        for cell in shard.cells()[len(done) : rows]:
            record, took = train_cell(cell, shard.seeds, design)
            file.append(compact(record))
            seconds.append(f"{cell!s}\t{took:.3f}")
            trained += 1
    return trained


def records(shard: Shard, design: Design, lines: Sequence[str]) -> list[dict[str, Any]]:
    """The records in the lines of a shard. Raises `CourseError` naming the line that does not belong there."""
    if not lines:
        return []
    rows = []
    expected: Iterator[tuple[str, Any]] = ((str(cell), cell) for cell in shard.cells())
    for number, line in enumerate(lines, start=1):
        place = f"line {number} of shard {shard.path.parent.name}/{shard.path.name}"
        try:
            value = parse(line)
        except ValueError as error:
            raise bad_input(f"{place}: {line[:40]}", "a JSON record", "restore the file with git") from error
        if number == 1:
            if value != shard.header(design):
                raise bad_input(
                    f"{place}: {line}", f"the header {compact(shard.header(design))}", "name another folder"
                )
            continue
        cell, _ = next(expected, ("nothing more", None))
        if not isinstance(value, dict) or value.get("cell") != cell:
            raise bad_input(f"{place}: {line[:80]}", f"a record of {cell}", "restore the file with git")
        rows.append(value)
    return rows


def build(
    folder: Path = SHARDS,
    design: Design | None = None,
    groups: Sequence[tuple[int, ...]] = SEED_GROUPS,
    workers: int = 1,
    rows: int | None = None,
    shard_size: int = SHARD_SIZE,
) -> int:
    """Train whatever is missing of the first ``rows`` rows (None: all); returns how many cells were trained.

    workers: processes, one thread each; one works in this process. The design and where it ran are written beside.
    Raises `CourseError`, and changes nothing, where the folder has shards of another design.
    """
    design = design or Design()
    total = len(order()) if rows is None else min(rows, len(order()))
    tasks: list[tuple[Shard, int, int]] = []
    for seeds in groups:
        for number in range(-(-total // shard_size)):
            shard = Shard(folder, seeds, number, shard_size)
            wanted = min(len(shard.cells()), total - number * shard_size)
            missing = wanted - done_in(shard, design)
            if missing > 0:
                tasks.append((shard, wanted, missing))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "design.json", compact(design.describe()) + "\n")
    if tasks:
        sitting = provenance.sitting(_command(groups, workers, rows), workers, threads=1)
        with (folder / SITTINGS).open("a") as file:
            file.write(compact(sitting) + "\n")
    with tqdm(total=sum(missing for _, _, missing in tasks), unit="cell", desc="benchmark") as bar:
        return sum(_run(tasks, design, workers, bar))


def _command(groups: Sequence[tuple[int, ...]], workers: int, rows: int | None) -> str:
    chosen = "all" if len(groups) == len(SEED_GROUPS) else ",".join(str(seed) for group in groups for seed in group)
    return f"nascourse bench build --seeds {chosen} --workers {workers}" + (f" --rows {rows}" if rows else "")


def done_in(shard: Shard, design: Design) -> int:
    """How many records a shard holds; nothing is repaired or written."""
    if not shard.path.exists():
        return 0
    return len(records(shard, design, shard.path.read_text().rpartition("\n")[0].splitlines()))


def _run(tasks: list[tuple[Shard, int, int]], design: Design, workers: int, bar: Any) -> Iterator[int]:
    """tasks: (shard, rows that it shall hold, how many of them are missing)."""
    if workers == 1:
        for shard, wanted, missing in tasks:
            for rows in range(wanted - missing + 1, wanted + 1):
                yield build_shard(shard, design, rows)
                bar.update()
        return
    with process_pool(workers)() as pool:
        futures = [pool.submit(partial(build_shard, shard, design, wanted)) for shard, wanted, _ in tasks]
        for future in as_completed(futures):
            yield future.result()
            bar.update(future.result())


def add_arguments(parser: Any) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = actions.add_parser("build", help="train every distinct cell; stop and continue at any moment")
    made.add_argument(
        "--workers", type=int, default=max((os.cpu_count() or 2) // 2, 1), help="processes, one thread each"
    )
    made.add_argument("--seeds", choices=["0", "1,2", "all"], default="all", help="which group of seeds")
    made.add_argument("--rows", type=int, default=None, help="only the first rows of the table")
    made.add_argument("--folder", type=Path, default=SHARDS)
    made.set_defaults(act=_build)
    from . import table_pack, table_show

    table_pack.add_actions(actions)
    table_show.add_actions(actions)


def run(args: Any) -> int:
    return args.act(args)


def _build(args: Any) -> int:
    groups = SEED_GROUPS if args.seeds == "all" else (tuple(int(s) for s in args.seeds.split(",")),)
    trained = build(args.folder, groups=groups, workers=args.workers, rows=args.rows)
    print(f"{trained} cell{'s' * (trained != 1)} trained")
    return 0
