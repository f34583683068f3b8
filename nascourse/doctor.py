"""``nascourse doctor``: a table of what is there and what is missing, to paste into a question."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nascourse import __version__
from nascourse.bootstrap import GB, OLDEST, ROOT, release

MIN_DISK = 2 * GB
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_BROWSER_FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


@dataclass(frozen=True)
class Row:
    """One line of the table: ``state`` is ok, MISSING, WRONG, or - for what only some parts of the course use."""

    name: str
    wanted: str
    found: str
    state: str


def find_chromium() -> str | None:
    """The browser that drives the browser tests: ``CHROMIUM``, else the first one found, else None."""
    given = os.environ.get("CHROMIUM")
    if given:
        return shutil.which(given)
    on_path = (shutil.which(name) for name in _BROWSERS)
    installed = (name for name in _BROWSER_FILES if Path(name).exists())
    return next((path for path in (*on_path, *installed) if path), None)


def examine() -> list[Row]:
    """Every row of the table. What cannot be examined becomes a row that says why; nothing is raised."""
    groups: tuple[tuple[str, Callable[[], Iterator[Row]]], ...] = (
        ("machine", _machine),
        ("packages", _packages),
        ("torch", _torch),
        ("mode", _mode),
        ("data", _data),
    )
    rows: list[Row] = []
    for name, group in groups:
        try:
            rows.extend(group())
        except Exception as error:  # a broken installation can fail in any way, and the table must still come
            rows.append(Row(name, "usable", " ".join(str(error).split()), "WRONG"))
    return rows


def _machine() -> Iterator[Row]:
    oldest = ".".join(map(str, OLDEST))
    yield Row("nascourse", "-", __version__, "ok")
    yield Row("system", "-", f"{platform.system()} {platform.release()} {platform.machine()}", "ok")
    python = f"{platform.python_version()} ({'virtual' if sys.prefix != sys.base_prefix else 'system'} environment)"
    yield Row("Python", f">={oldest}", python, "ok" if sys.version_info >= OLDEST else "WRONG")
    free = shutil.disk_usage(ROOT).free
    yield Row("free disk", f">={MIN_DISK / GB:.0f} GB", f"{free / GB:.1f} GB", "ok" if free >= MIN_DISK else "WRONG")
    browser = find_chromium()
    yield Row("Chromium", "browser tests", browser or "not found", "ok" if browser else "-")


def _packages() -> Iterator[Row]:
    for requirement in importlib.metadata.requires("nascourse") or []:
        match = re.match(r"([\w.-]+)>=([\d.]+)(?:;\s*extra\s*==\s*[\"'](\w+)[\"'])?$", requirement.replace(" ", ""))
        if match is None or match.group(3) == "all":  # "all" only names the other extras
            continue
        name, floor, extra = match.groups()
        wanted = f">={floor}" + (f" ({extra})" if extra else "")
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Row(name, wanted, "not installed", "-" if extra else "MISSING")
            continue
        yield Row(name, wanted, found, "ok" if release(found) >= release(floor) else "WRONG")


def _torch() -> Iterator[Row]:
    import torch

    from nascourse.device import pick_device

    yield Row("torch threads", "-", f"{torch.get_num_threads()} of {os.cpu_count()} processors", "ok")
    device = pick_device()
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    yield Row("torch device", "-", f"{device}{name}, torch {torch.__version__}", "ok")


def _mode() -> Iterator[Row]:
    from nascourse.budgets import mode

    yield Row("mode", "ci, lesson, full", mode(), "ok")


def _data() -> Iterator[Row]:
    from nascourse import data

    for name, ok, message in data.verify():
        yield Row(name, "right checksum", message, "ok" if ok else "WRONG")


def doctor(parser: argparse.ArgumentParser) -> None:
    """No options."""
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; 0 when nothing that the lessons need is missing or wrong."""
    rows = [Row("what", "wanted", "found", "state"), *examine()]
    widths = [max(len(getattr(row, column)) for row in rows) for column in ("state", "name", "wanted")]
    for row in rows:
        cells = (row.state, row.name, row.wanted)
        print("  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), row.found]))
    bad = [row.name for row in rows if row.state in ("MISSING", "WRONG")]
    print(f"\nTo put right: {', '.join(bad)}" if bad else "\nEverything a lesson needs is there.")
    return 1 if bad else 0
