"""A table file that is damaged, of another schema or another checksum is told in a line; and the one that ships."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse import data
from nascourse.errors import CourseError
from nascourse.evaluation.table_file import TABLE
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.making.table_pack import npz_bytes
from nascourse.spaces.micro import MicroCell
from tests.evaluation.tables import ROWS, arrays, one_line, packed


def with_meta(**fields: Any) -> bytes:
    mine = arrays()
    return npz_bytes(mine | {"meta": np.array(json.dumps(json.loads(str(mine["meta"])) | fields))})


def without(key: str) -> bytes:
    return npz_bytes({name: array for name, array in arrays().items() if name != key})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: with_meta(schema=2), ("schema 2", "schema 1")),
        (lambda: with_meta(rows=5), ("cells is", "(5, 6)")),
        (lambda: without("meta"), ("without a description",)),
        (lambda: without("test"), ("test is nothing",)),
        (lambda: npz_bytes(arrays() | {"valid": arrays()["valid"].astype(float)}), ("valid is float64",)),
        (lambda: npz_bytes(arrays() | {"test": np.full((ROWS, 3), -1, np.int16)}), ("seed",)),
        (lambda: packed()[: len(packed()) // 2], ("cut short",)),
        (lambda: packed()[:-30], ("cut short",)),
        (lambda: packed()[:4000] + b"\0\1\2" + packed()[4003:], ("damaged",)),
        (lambda: b"", ("a table (.npz)",)),
        (lambda: b"number,accuracy\n", ("a table (.npz)",)),
    ],
)
def test_a_damaged_file_is_told_in_a_line(content: Callable[[], bytes], words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(content())
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(tmp_path / TABLE)
    one_line(caught, *words)


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    evil = io.BytesIO()
    np.savez(evil, meta=np.array([{"schema": 1}], dtype=object))
    (tmp_path / TABLE).write_bytes(evil.getvalue())
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(tmp_path / TABLE)
    one_line(caught, "allow_pickle=False")


def test_a_file_that_is_not_there_and_one_of_another_checksum(
    path: Path, table: TabularBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CourseError) as caught:
        TabularBenchmark.load(path.with_name("none.npz"))
    one_line(caught, "none.npz")
    monkeypatch.setenv("NASCOURSE_DATA", str(path.parent))
    for sums, words in (({}, ("nascourse bench pack",)), ({TABLE: "f" * 64}, (table.digest[:12], "ffffffffffff"))):
        monkeypatch.setattr(data, "checksums", lambda sums=sums: sums)
        with pytest.raises(CourseError) as caught:
            TabularBenchmark.load()
        one_line(caught, *words)
    monkeypatch.setattr(data, "checksums", lambda: {TABLE: table.digest})
    assert TabularBenchmark.load().digest == table.digest


# -- the one that ships -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(TABLE not in data.checksums(), reason="the table is not computed to the end yet")
def test_the_table_that_ships() -> None:
    table = TabularBenchmark.load()
    assert table.seeds == (0, 1, 2)
    assert table.test_counts.shape == (5044, 3)
    assert table.test_counts.min() >= 0  # nothing is missing
    assert not np.isnan(table.curves).any()
    assert table.curves.max() <= 1
    assert table.test_counts.max() <= 10_000
    assert (np.diff(np.nanmean(table.curves, axis=(0, 1))) > 0).all()  # on the average, every epoch helps
    nothing = table.evaluate(MicroCell(("none",) * 6))
    assert nothing.accuracy == pytest.approx(0.1, abs=0.01)  # a constant guess
    assert table.meta["sittings"]
    assert data.verified(TABLE).stat().st_size <= 1_000_000
