"""Computing the tabular benchmark: every distinct micro cell trained from scratch, and the best of them once more.

A build is a folder with three files: `DESIGN`, `INVOCATIONS`, and `RECORDS`, a line for each training. One process,
which may have workers, appends what is found in the order of arrival, so it can be killed and continued at any moment.
The packed file lies beside the folder and holds the records for good: what is in it is not trained again. Whatever the
interruptions and the number of workers, its bytes are the same, but for the seconds and where they were spent.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from ..data import CHECKOUT_DATA, Images, SearchData, load, load_test
from ..errors import bad_input
from ..evaluation.batched import member_accuracies, train_side_by_side
from ..evaluation.table_file import JUDGES, MISSING, TABLE, TRAININGS, read
from ..evaluation.tabular import TabularBenchmark
from ..evaluation.training import Recipe
from ..networks.build import build_seeded
from ..runs import provenance
from ..runs.atomic import LineFile, write_text
from ..runs.executors import process_pool
from ..runs.plain import compact, parse, plain
from ..spaces.functions import distinct_classes
from ..spaces.micro import MicroCell

DESIGN = "design.json"
INVOCATIONS = "sittings.log"
"""A JSON line for each run that trained, with command, versions and hardware."""
RECORDS = "records.jsonl"
TABLE_FOLDER, JUDGES_FOLDER = (CHECKOUT_DATA / Path(name).stem for name in (TABLE, JUDGES))

SEED_GROUPS = ((0,), (1, 2))
"""Seeds that are trained side by side. Seed 0 of all cells comes first."""
JUDGE_GROUPS = ((3, 4, 5), (6, 7, 8), (9, 10, 11))
JUDGED = 300
"""So many of the best functions, by the mean of the table's seeds, get the seeds that judge."""

Task = tuple[int, tuple[int, ...]]
"""A row of the table, and the seeds of its cell that are trained side by side."""


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

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Design:
        """The inverse of `describe`. Raises KeyError or TypeError for anything else."""
        return cls(**{**saved, "recipe": Recipe(**saved["recipe"]), "cells": tuple(saved["cells"])})

    def net(self) -> dict[str, Any]:
        """The keywords of `MicroNetwork`."""
        return {"channels": self.channels, "cells": self.cells, "in_channels": 1, "stem_stride": self.stem_stride}

    def images(self) -> tuple[SearchData, Images]:
        """Training and validation images, and test images. The benchmark's own design takes all there are."""
        data = load().shrunk(self.shrink)
        data = replace(data, train=data.train.subset(self.train_images), valid=data.valid.subset(self.valid_images))
        return data, load_test().shrunk(self.shrink).subset(self.test_images)

    def describe(self) -> dict[str, Any]:
        return plain(asdict(self))


@cache
def order() -> tuple[MicroCell, ...]:
    """The first cell of each distinct class, in the fixed random order of the table's rows: a part of the table is a
    fair sample of the whole."""
    cells = [members[0] for members in distinct_classes().values()]
    return tuple(cells[i] for i in np.random.default_rng(2026).permutation(len(cells)))


_images = cache(Design.images)


def train_cell(row: int, seeds: Sequence[int], design: Design) -> dict[str, Any]:
    """One record, trained on one thread. valid: images classified rightly after each epoch, for each seed; test: after
    the last; diverged: the epoch (from 1) at which the loss of a seed was not finite any more, else 0."""
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    data, test = _images(design)
    networks = [build_seeded(order()[row], seed, **design.net()) for seed in seeds]
    whole, trainings = train_side_by_side(networks, data, design.recipe, seeds)
    tested = member_accuracies(whole, test, len(seeds))
    return {
        "row": row,
        "seeds": list(seeds),
        "cell": str(order()[row]),
        "valid": [[round(a * len(data.valid)) for a in training.accuracies] for training in trainings],
        "test": [round(a * len(test)) for a in tested],
        "diverged": [training.diverged or 0 for training in trainings],
        "seconds": round(time.perf_counter() - start, 3),
    }


@dataclass(frozen=True)
class Build:
    """What is trained, and where it is noted. table: digest of the table that is judged, None for the table itself."""

    folder: Path
    design: Design
    rows: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    table: str | None = None

    @property
    def packed(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.npz")

    @property
    def command(self) -> str:
        return f"nascourse bench {'judges' if self.table else 'build'}"

    def records(self, lines: Sequence[str] | None = None) -> dict[Task, dict[str, Any]]:
        """What is packed, and what is in `RECORDS` since. Nothing is written, so a build may be at work. lines: of
        `RECORDS`, where they are read already.

        Raises `CourseError` for what is damaged or of another build.
        """
        if (self.folder / DESIGN).exists() and read_design(self.folder) != self.design:
            raise bad_input(
                f"{self.folder.name} of another design", compact(asdict(self.design)), "name another folder"
            )
        found, rows = self._packed(), set(self.rows)
        for number, line in enumerate(whole_lines(self.folder / RECORDS) if lines is None else lines, start=1):
            try:
                record = parse(line)
                row, seeds = record["row"], tuple(record["seeds"])
                if row not in rows or seeds not in self.groups or record["cell"] != str(order()[row]):
                    raise ValueError
            except (KeyError, TypeError, ValueError) as error:
                given = f"line {number} of {self.folder.name}/{RECORDS}: {line[:60]}"
                raise bad_input(given, "a record of this build", "restore the file with git") from error
            found[row, seeds] = record
        return found

    def _packed(self) -> dict[Task, dict[str, Any]]:
        if not self.packed.exists():
            return {}
        arrays, meta, _ = read(self.packed, TRAININGS)
        if (meta["design"], meta.get("table"), meta["rows"]) != (self.design.describe(), self.table, len(self.rows)):
            raise bad_input(f"{self.packed.name} of another build", "one of this design and table", "move it away")
        found: dict[Task, dict[str, Any]] = {}
        for seeds in self.groups:
            mine = [meta["seeds"].index(seed) for seed in seeds]
            parts = {key: arrays[key][:, mine].tolist() for key in TRAININGS}
            for n, row in enumerate(self.rows):
                if MISSING not in parts["test"][n]:
                    record = {"row": row, "seeds": list(seeds), "cell": str(order()[row])}
                    found[row, seeds] = record | {key: part[n] for key, part in parts.items()}
                    found[row, seeds]["seconds"] = sum(parts["seconds"][n])
        return found

    def missing(self, rows: int | None = None, lines: Sequence[str] | None = None) -> list[Task]:
        """What is not trained yet of the first ``rows`` rows (None: all), group by group. lines: as for `records`."""
        there = self.records(lines)
        return [(row, seeds) for seeds in self.groups for row in self.rows[:rows] if (row, seeds) not in there]

    def run(self, workers: int = 1, rows: int | None = None) -> int:
        """Train what is missing of the first ``rows`` rows (None: all); returns how many records that were. workers:
        processes of one thread each; one works in this process.

        Raises `CourseError`, and changes nothing, where the folder is of another design or another process has it.
        """
        if not self.missing(rows):
            return 0
        with LineFile(self.folder / RECORDS) as file:
            tasks = self.missing(rows, file.lines)  # reading it by another handle would give up the lock
            file.repair()
            write_text(self.folder / DESIGN, compact(self.design.describe()) + "\n")
            command = f"{self.command} --workers {workers}" + (f" --rows {rows}" if rows else "")
            with (self.folder / INVOCATIONS).open("a") as log:
                log.write(compact(provenance.invocation(command, workers, threads=1)) + "\n")
            with closing(_trained(tasks, self.design, workers)) as records:
                for record in tqdm(records, total=len(tasks), unit="cell", desc="benchmark"):
                    file.append(compact(record))
        return len(tasks)


def _trained(tasks: Sequence[Task], design: Design, workers: int) -> Generator[dict[str, Any]]:
    if workers == 1:
        yield from (train_cell(*task, design) for task in tasks)
        return
    with process_pool(workers)() as pool:
        for future in as_completed([pool.submit(train_cell, *task, design) for task in tasks]):
            yield future.result()


def whole_lines(path: Path) -> list[str]:
    """Without a last line that is being written, or was cut short."""
    return path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []


def read_design(folder: Path) -> Design:
    """What a build wrote into its folder. Raises `CourseError` where there is nothing, or another code's."""
    try:
        return Design.from_json(parse((folder / DESIGN).read_text()))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise bad_input(f"{folder.name}/{DESIGN}", "the design of a build", "name the folder of one") from error


def table_build(folder: Path = TABLE_FOLDER, design: Design | None = None) -> Build:
    """The table's build; without a design, by that in the folder."""
    return Build(folder, design or read_design(folder), tuple(range(len(order()))), SEED_GROUPS)


def judges_build(folder: Path = JUDGES_FOLDER, table: TabularBenchmark | None = None, judged: int = JUDGED) -> Build:
    """The build of the judges of a table, by default of the one that ships: its best functions, trained by its design
    with seeds that no search meets."""
    table = table or TabularBenchmark.load()
    rows = tuple(table.best_rows(judged).tolist())
    return Build(folder, Design.from_json(table.meta["design"]), rows, JUDGE_GROUPS, table.digest)
