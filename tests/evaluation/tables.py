"""A benchmark table whose answers are known in closed form, recorded and packed like a real one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.evaluation.table_file import TableFile
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.evaluation.training import Recipe
from nascourse.making.table_build import SEED_GROUPS, Build, Design, judges_build, order, table_build
from nascourse.making.table_pack import packed_bytes
from nascourse.runs.plain import compact
from nascourse.spaces.micro import MicroCell

DESIGN = Design(valid_images=20_000, test_images=25_000)
ROWS, EPOCHS = 5044, 4
TINY = Design(
    Recipe(epochs=2, batch_size=20, lr=0.05, clip=None),
    channels=2,
    cells=(1,),
    train_images=60,
    valid_images=50,
    test_images=50,
)
"""Trainings of milliseconds, for builds that are real."""
OFFSETS = (0, 30, -30)
"""Of the seeds' counts: their standard deviation around the mean is 30."""


def rank(row: int) -> int:
    """1 for the best; 1777 and 5044 have no common divisor, so every rank occurs once."""
    return ROWS - row * 1777 % ROWS


def right(row: int, seed: int = 0, epoch: int = EPOCHS) -> int:
    """Validation images classified rightly: 3 fewer a rank, 200 more an epoch."""
    return 18_000 - 3 * rank(row) + OFFSETS[seed] - 200 * (EPOCHS - epoch)


def row_of_rank(wanted: int) -> int:
    return next(row for row in range(ROWS) if rank(row) == wanted)


def cell_of_rank(wanted: int) -> MicroCell:
    return order()[row_of_rank(wanted)]


def record(row: int, seeds: tuple[int, ...]) -> dict[str, Any]:
    """A training of rank r took 10 + r/1000 seconds."""
    return {
        "row": row,
        "seeds": list(seeds),
        "cell": str(order()[row]),
        "valid": [[right(row, seed, epoch) for epoch in range(1, EPOCHS + 1)] for seed in seeds],
        "test": [right(row, seed) + 1000 for seed in seeds],
        "diverged": [0 for _ in seeds],
        "seconds": round(len(seeds) * (10 + rank(row) / 1000), 3),
    }


def write_build(folder: Path, rows_0: int = ROWS, rows_12: int = ROWS) -> Build:
    """A build that has the first rows of each group of seeds, not in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.json").write_text(json.dumps(DESIGN.describe()))
    sitting = {"command": "c", "commit": "d", "versions": {"torch": "9"}, "hardware": {"cpu": "abacus", "threads": 1}}
    (folder / "sittings.log").write_text("".join(compact(sitting | {"date": date}) + "\n" for date in ("1", "2")))
    tasks = [(row, seeds) for seeds, rows in zip(SEED_GROUPS, (rows_0, rows_12), strict=True) for row in range(rows)]
    lines = [compact(record(*task)) + "\n" for task in reversed(tasks)]
    (folder / "records.jsonl").write_text("".join(lines))
    return table_build(folder)


@cache
def packed(rows_0: int = ROWS, rows_12: int = ROWS) -> bytes:
    """The bytes of the packed table."""
    with TemporaryDirectory() as folder:
        return packed_bytes(write_build(Path(folder), rows_0, rows_12))


def arrays() -> dict[str, Any]:
    """The arrays of the whole table, to be changed."""
    with np.load(io.BytesIO(packed()), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def changed(change: Callable[[dict[str, Any]], None]) -> TableFile:
    """The whole table after a change of its arrays."""
    mine = arrays()
    meta = json.loads(str(mine.pop("meta")))
    change(mine)
    return TableFile(mine, meta, "0")


def judged_right(row: int, seed: int, epoch: int = EPOCHS) -> int:
    """What a judge counts: the later in rank, the more, so that the table's order is reversed."""
    return 16_000 + 2 * rank(row) + 10 * (seed - 7) - 100 * (EPOCHS - epoch)


def write_judges(folder: Path, table: TabularBenchmark, judged: int = 20) -> Build:
    """Judges of the best of a table, all seeds of each."""
    build = judges_build(folder, table, judged)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "records.jsonl").open("w") as file:
        for seeds in build.groups:
            for row in build.rows:
                valid = [[judged_right(row, seed, epoch) for epoch in range(1, EPOCHS + 1)] for seed in seeds]
                test = [judged_right(row, seed) + 1000 for seed in seeds]
                file.write(
                    compact(record(row, (0,)) | {"seeds": seeds, "valid": valid, "test": test, "diverged": [0] * 3})
                    + "\n"
                )
    return build


def one_line(caught: pytest.ExceptionInfo[CourseError], *words: str) -> None:
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
