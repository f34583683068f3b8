"""How much a lesson runs: `ci` (seconds, for tests), `lesson` (two CPU cores), `full` (the paper's setting, a GPU)."""

from __future__ import annotations

import os

from ..errors import bad_input

MODES = ("ci", "lesson", "full")


def mode() -> str:
    """The mode that the environment variable NASCOURSE_MODE names; `lesson` when it is not set."""
    given = os.environ.get("NASCOURSE_MODE") or "lesson"
    if given not in MODES:
        raise bad_input(
            f"NASCOURSE_MODE={given}", f"one of {', '.join(MODES)}", "set it to one of these, or unset it for lesson"
        )
    return given
