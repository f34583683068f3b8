"""The synthetic table of `tables`, packed once for all tests that look things up in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nascourse.evaluation.table_file import TABLE
from nascourse.evaluation.tabular import TabularBenchmark
from tests.evaluation.tables import packed


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("table") / TABLE
    file.write_bytes(packed())
    return file


@pytest.fixture(scope="session")
def table(path: Path) -> TabularBenchmark:
    return TabularBenchmark.load(path)
