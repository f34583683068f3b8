"""The rows of a recorded experiment and the file they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import bad_input
from ..runs.atomic import write_text
from ..runs.plain import compact, parse

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One seed of one arm. sitting: which of the file's ``sittings`` recorded it (-1: run just now)."""

    arm: str
    seed: int
    seconds: float
    values: Mapping[str, Any]
    sitting: int = -1


@dataclass(frozen=True)
class Evidence:
    """What was recorded of an experiment. sittings: how the command was run, each time; rows: by arm in the design's
    order, then by seed."""

    name: str
    hypothesis: str
    arms: tuple[str, ...]
    seeds: int
    budget: Mapping[str, Any]
    sittings: tuple[Mapping[str, Any], ...]
    rows: tuple[Row, ...]

    def of(self, arm: str) -> tuple[Row, ...]:
        """An arm's rows by seed. Raises `CourseError` for an arm that was not recorded."""
        rows = tuple(row for row in self.rows if row.arm == arm)
        if not rows:
            raise bad_input(arm, f"a recorded arm out of {', '.join(self.arms)}", f"nascourse evidence run {self.name}")
        return rows

    def values(self, arm: str, measure: str) -> np.ndarray:
        """``(seeds, ...)``: one value of every recorded seed, by seed. Raises `CourseError` for an unknown measure."""
        rows = self.of(arm)
        if missing := [row.seed for row in rows if measure not in row.values]:
            known = ", ".join(rows[0].values)
            raise bad_input(f"{measure} (seed {missing[0]})", f"a measure out of {known}", "check the spelling")
        return np.array([row.values[measure] for row in rows], dtype=float)

    @property
    def missing(self) -> int:
        """How many rows of the design are not recorded."""
        return len(self.arms) * self.seeds - len(self.rows)


def write(path: Path, evidence: Evidence) -> None:
    """Replace the file: the design and the sittings, then a line a row."""
    head = {key: value for key, value in asdict(evidence).items() if key != "rows"}
    text = json.dumps({"evidence": SCHEMA, **head}, indent=1, allow_nan=False, ensure_ascii=False)
    rows = ",\n  ".join(compact(asdict(row)) for row in evidence.rows)
    write_text(path, f'{text[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n')


def read(path: Path) -> Evidence:
    """Raises `CourseError` where the file is damaged."""
    try:
        data = parse(path.read_text(encoding="utf-8"))
        if data.pop("evidence") != SCHEMA:
            raise ValueError("another schema")
        rows = tuple(Row(**row) for row in data.pop("rows"))
        return Evidence(**data | {"arms": tuple(data["arms"]), "sittings": tuple(data["sittings"]), "rows": rows})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_input(path.name, f"evidence of schema {SCHEMA}", "restore it with git, or record it anew") from error


def parse_row(line: str, name: str) -> Row | dict[str, Any]:
    """A line of rows that wait to go into the file: a row, or how those after it were recorded, with their budget.
    Raises `CourseError`."""
    try:
        entry = parse(line)
        return {"sitting": entry["sitting"], "budget": entry["budget"]} if "budget" in entry else Row(**entry)
    except (ValueError, KeyError, TypeError) as error:
        raise bad_input(name, "rows of evidence", "delete the file to record them anew") from error
