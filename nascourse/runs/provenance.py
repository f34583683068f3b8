"""Where recorded numbers come from: command, commit, versions, hardware, date. No host name, no path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_PACKAGES = ("nascourse", "numpy", "scipy", "torch")


def invocation(command: str, workers: int = 0, threads: int | None = None) -> dict[str, Any]:
    """How something was run, once: a JSON object to store beside what it computed.

    workers: processes it ran in; 0: in this one; threads: of each, where the code sets them (None: as `hardware` finds
    them).
    """
    return {
        "command": command,
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(workers) | ({} if threads is None else {"threads": threads}),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def commit() -> str:
    """The checkout's commit, marked with + where tracked files of the package differ; "unknown" outside one."""
    folder = Path(__file__).parent
    with suppress(OSError, subprocess.CalledProcessError):
        head = _git(folder, "rev-parse", "HEAD").strip()
        return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no", ".").strip() else "")
    return "unknown"


def versions() -> Mapping[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def hardware(workers: int = 0) -> dict[str, Any]:
    """The processor's model and how many threads each process computes on."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    given = os.environ.get("OMP_NUM_THREADS")
    threads = int(given) if given and given.isdigit() else 1 if workers else os.cpu_count() or 1
    return {"cpu": model, "cores": os.cpu_count(), "threads": threads, "workers": workers}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout
