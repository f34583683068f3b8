"""A benchmark table whose answers are known in closed form, written as shards and packed like a real one."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.evaluation.training import Recipe
from nascourse.making.table_build import SHARD_SIZE, Design, Shard, order
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


def record(row: int, seeds: tuple[int, ...]) -> str:
    return compact(
        {
            "cell": str(order()[row]),
            "valid": [[right(row, seed, epoch) for epoch in range(1, EPOCHS + 1)] for seed in seeds],
            "test": [right(row, seed) + 1000 for seed in seeds],
            "diverged": [None for _ in seeds],
        }
    )


def write_shards(folder: Path, rows_0: int = ROWS, rows_12: int = ROWS) -> None:
    """The first rows of each group of seeds. A training of rank r took 10 + r/1000 seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.json").write_text(json.dumps(DESIGN.describe()))
    sitting = {"command": "c", "commit": "d", "versions": {"torch": "9"}, "hardware": {"cpu": "abacus", "threads": 1}}
    (folder / "sittings.log").write_text("".join(compact(sitting | {"date": date}) + "\n" for date in ("1", "2")))
    for seeds, rows in (((0,), rows_0), ((1, 2), rows_12)):
        for number in range(-(-rows // SHARD_SIZE)):
            shard = Shard(folder, seeds, number)
            shard.path.parent.mkdir(exist_ok=True)
            here = range(number * SHARD_SIZE, min(rows, (number + 1) * SHARD_SIZE))
            lines = [compact(shard.header(DESIGN)), *(record(row, seeds) for row in here)]
            shard.path.write_text("\n".join(lines) + "\n")
            times = [f"{order()[row]}\t{len(seeds) * (10 + rank(row) / 1000):.3f}\n" for row in here]
            shard.path.with_suffix(".seconds").write_text("".join(times))


@cache
def packed(rows_0: int = ROWS, rows_12: int = ROWS) -> bytes:
    """The bytes of the packed table."""
    from tempfile import TemporaryDirectory

    from nascourse.making.table_pack import table_bytes

    with TemporaryDirectory() as folder:
        write_shards(Path(folder), rows_0, rows_12)
        return table_bytes(Path(folder))


def arrays() -> dict[str, Any]:
    """The arrays of the whole table, to be changed."""
    with np.load(io.BytesIO(packed()), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def one_line(caught: pytest.ExceptionInfo[CourseError], *words: str) -> None:
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
