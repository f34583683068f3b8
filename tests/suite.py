"""The steps of ``make test``, all of which must pass; nascourse/bootstrap.py starts ``python -m tests.suite``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nascourse.bootstrap import ROOT, call, say


def strict_notebooks(notebooks: list[Path]) -> list[Path]:
    """Those that ask in their metadata to have every output compared (``nascourse.nbval = "strict"``)."""
    metadata = {path: json.loads(path.read_text(encoding="utf-8")).get("metadata", {}) for path in notebooks}
    return [path for path, found in metadata.items() if found.get("nascourse", {}).get("nbval") == "strict"]


def steps(root: Path) -> list[tuple[str, list[str]]]:
    """The whole test suite as (name, command)."""
    run, nbval = [sys.executable, "-m"], ["--nbval-current-env", "--nbval-cell-timeout", "300", "-n", "2"]
    nbval += ["--dist", "loadfile", "-p", "no:cacheprovider"]
    found = [
        ("ruff check", [*run, "ruff", "check", "."]),
        ("ruff format", [*run, "ruff", "format", "--check", "."]),
        ("mypy", [*run, "mypy"]),
        # one process begins with the browser tests, which mostly wait, and stays with them; the other has the rest
        ("tests", [*run, "pytest", "tests", "-n", "2", "--dist", "worksteal", "-p", "no:nbval"]),
    ]
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    strict = strict_notebooks(notebooks)
    lax = [path for path in notebooks if path not in strict]
    sanitize = ["--nbval-sanitize-with", "tests/notebooks/sanitize.cfg"]
    for name, option, group in (("lax", ["--nbval-lax"], lax), ("strict", ["--nbval", *sanitize], strict)):
        if group:
            paths = [path.relative_to(root).as_posix() for path in group]
            found.append((f"notebooks ({name})", [*run, "pytest", *option, *nbval, *paths]))
    return found


def main(root: Path = ROOT) -> int:
    """Run all steps, also after one has failed; 0 when none has."""
    failed = []
    for name, command in steps(root):
        say(f"{name}: {' '.join(command[1:])}")
        if call(command, root) != 0:
            failed.append(name)
    say('not run: the long tests, which kill and resume what works twenty times; run: make test ARGS="-m long"')
    if failed:
        say("failed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # told by the script that started this one
        sys.exit(130)
