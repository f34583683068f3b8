"""What the tests of the lessons' experiments share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext

from nascourse.bootstrap import ROOT
from tests.children import Child


def names_of(slug: str, until: str = "## See it") -> dict[str, Any]:
    """The names that the code cells of a lesson's source define, up to the heading ``until``."""
    names: dict[str, Any] = {}
    for cell in jupytext.read(ROOT / "notebooks" / "src" / f"{slug}.py").cells:
        if cell.cell_type == "markdown" and until in cell.source:
            return names
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), names)
    raise AssertionError(f"{slug} has no {until}")


def killed_after(lines: int, journal: Path, search: Callable[[Path], object]) -> None:
    """Run a search with a journal in a child, and kill -9 it once the journal has so many lines."""
    child = Child.begin(search, journal)
    child.kill_when(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= lines)
    assert child.was_killed
