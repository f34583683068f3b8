"""What the tests of the lessons' experiments share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jupytext

from nascourse.bootstrap import ROOT


def names_of(slug: str, until: str = "## See it") -> dict[str, Any]:
    """The names that the code cells of a lesson's source define, up to the heading ``until``."""
    names: dict[str, Any] = {}
    for cell in jupytext.read(ROOT / "notebooks" / "src" / f"{slug}.py").cells:
        if cell.cell_type == "markdown" and until in cell.source:
            return names
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), names)
    raise AssertionError(f"{slug} has no {until}")


def killed_after(lines: int, journal: Path, code: str) -> None:
    """Run ``code`` with the journal's path as its argument, and kill -9 it once the journal has so many lines."""
    process = subprocess.Popen([sys.executable, "-c", code, str(journal)], env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < lines:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
