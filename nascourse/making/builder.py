"""``nascourse notebooks build``: from sources to executed notebooks, in English and, where there is text, Chinese.

A notebook is written only after every one of its cells has run, and in one step. What is saved has execution counts
and pictures, but no live view (without its kernel it is an error message), no progress bars and no timings.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbformat import NotebookNode

from ..errors import CourseError
from ..runs.atomic import write_text
from .sources import Source, edition

VIEW = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "text/html")
_CELL_SECONDS = 900


def build(source: Source) -> list[Path]:
    """Executes a lesson in lesson mode and writes its editions. Raises `CourseError` naming the cell that failed;
    then the notebooks stay as they were."""
    executed = edition(source, "en")
    seconds = _execute(executed, source)
    outputs = [(c.outputs, c.execution_count) for c in executed.cells if c.cell_type == "code"]
    paths = []
    for lang in source.languages:
        notebook = edition(source, lang)
        code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell, (cell_outputs, count) in zip(code_cells, outputs, strict=True):
            cell.outputs, cell.execution_count = _kept(cell_outputs), count
        notebook.metadata.nascourse.update(mode="lesson", seconds=round(seconds, 1))
        nbformat.validate(notebook)
        path = source.notebook(lang)
        path.parent.mkdir(exist_ok=True)
        write_text(path, nbformat.writes(notebook) + "\n")
        print(f"{path.name} ({lang}): {seconds:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
        paths.append(path)
    return paths


def _execute(notebook: NotebookNode, source: Source) -> float:
    """Runs all cells in place in a fresh kernel; returns the seconds from its start."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    total, started = len(notebook.cells), time.perf_counter()
    at = {"cell": 0, "start": started}

    def on_start(cell: NotebookNode, cell_index: int) -> None:
        at.update(cell=cell_index + 1, start=time.perf_counter())

    def on_executed(cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        took, line = time.perf_counter() - at["start"], cell.source.partition("\n")[0][:60]
        print(f"  {source.path.stem} cell {cell_index + 1}/{total} {took:6.1f} s  {line}", flush=True)

    try:
        with TemporaryDirectory() as sockets:
            # sockets need a full path, because the kernel runs in another folder; Windows has none
            ipc = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{sockets}/kernel"}
            NotebookClient(
                notebook,
                timeout=_CELL_SECONDS,
                kernel_name="python3",
                store_widget_state=False,
                record_timing=False,
                coalesce_streams=True,
                on_cell_start=on_start,
                on_cell_executed=on_executed,
                config=Config({"KernelManager": ipc}),
            ).execute(cwd=str(source.path.parent.parent), env=_environment())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(error, file=sys.stderr)
        raise CourseError(
            f"{source.path.name}: cell {at['cell']} did not run to its end (above); its notebook was left as it was"
        ) from None
    return time.perf_counter() - started


def _environment() -> dict[str, str]:
    """The reader's laptop: lesson mode, two threads, no GPU, no strict checks."""
    fixed = {"NASCOURSE_MODE": "lesson", "NASCOURSE_DEVICE": "cpu", "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    return {name: value for name, value in os.environ.items() if name != "NASCOURSE_STRICT"} | fixed


def _kept(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs to save: no stderr (progress bars, warnings), no live views, and nothing that was only a view."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        data = output.get("data", {})
        if VIEW in data:
            if not any(kind in data for kind in _PICTURES):
                continue
            output = nbformat.from_dict({**output, "data": {k: v for k, v in data.items() if k != VIEW}})
        kept.append(output)
    return kept
