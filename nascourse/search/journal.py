"""The journal of a search: a header line, then one line for each told trial. Enough to resume by replay.

What could differ between two equal runs (wall times) goes to a file beside it, so equal runs have equal journals,
byte for byte.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import LineFile
from ..errors import bad_input
from ..spaces.base import Result, Trial

SCHEMA = 1


def compact(value: Any) -> str:
    """JSON on one line; equal values give equal text. Raises ValueError for NaN and infinities."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def parse(line: str) -> Any:
    """The inverse of `compact`: strict JSON, so NaN and infinities are refused. Raises ValueError."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


def digest(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of a plain value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """``value`` as JSON gives it back: tuples as lists, arrays and NumPy numbers as lists and numbers, NaN and
    infinities as None. Raises `CourseError` for what JSON cannot hold."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise bad_input(value, "plain values: numbers, text, lists and dicts", "convert it first")


def identity(thing: Any, strict: bool = True) -> dict[str, Any]:
    """What names an evaluation in the header: its ``describe()`` if it has one, else its qualified name, with the
    arguments bound by functools.partial, the fields of a dataclass, the owner of a method.

    Raises `CourseError` for what cannot be told from another by that: a lambda, a function with values of its own (a
    closure), an object with other state. A journal would take one for the other. Not ``strict``: its name is enough.
    """
    if hasattr(thing, "describe"):
        described = plain(thing.describe())
        if not isinstance(described, dict):
            raise bad_input(described, "a dict from describe()", "return a dict of plain values")
        return described
    if isinstance(thing, functools.partial):
        return {**identity(thing.func, strict), "args": plain(thing.args), "keywords": plain(thing.keywords)}
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    name = {"name": f"{named.__module__}.{named.__qualname__}"}
    if inspect.ismethod(thing):
        return {**name, "of": identity(thing.__self__, strict)}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {
            **name,
            "fields": plain({field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}),
        }
    state = getattr(thing, "__closure__", None) if named is thing else getattr(thing, "__dict__", None)
    if strict and (state or named.__qualname__.endswith("<lambda>")):
        raise bad_input(
            name["name"],
            "what a journal can tell from others: a named function, a dataclass, an object with describe()",
            "give it a name, and bind its values with functools.partial",
        )
    return name


def header(
    space: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    strategy: Mapping[str, Any],
    seed: int,
    window: int,
    cache: bool,
) -> dict[str, Any]:
    """The journal's first line: everything a search's course depends on, and digests of the described parts."""
    parts = {"space": plain(space), "evaluation": plain(evaluation), "strategy": plain(strategy)}
    digests = {name: digest(part) for name, part in parts.items()}
    return {"journal": SCHEMA, **parts, "seed": seed, "window": window, "cache": cache, "digests": digests}


def trial_json(trial: Trial[Any]) -> dict[str, Any]:
    return {
        "number": trial.number,
        "arch": trial.arch.to_json(),
        "seed": trial.seed,
        "fidelity": trial.fidelity,
        "parents": list(trial.parents),
    }


def result_json(result: Result) -> dict[str, Any]:
    """NaN, the accuracy of a failed evaluation, is written as null."""
    return {
        "accuracy": None if result.failed else result.accuracy,
        "params": result.params,
        "macs": result.macs,
        "fidelity": result.fidelity,
        "extra": dict(result.extra),
    }


def result_from_json(data: Mapping[str, Any]) -> Result:
    """Raises KeyError, TypeError or ValueError where a field is missing or wrong."""
    fidelity = data["fidelity"]
    return Result(
        accuracy=math.nan if data["accuracy"] is None else float(data["accuracy"]),
        params=int(data["params"]),
        macs=int(data["macs"]),
        fidelity=None if fidelity is None else int(fidelity),
        extra=dict(data["extra"]),
    )


def times_path(journal: Path) -> Path:
    """Where a journal's wall times are."""
    return journal.with_name(journal.name + ".times")


def read_records(lines: list[str], name: str) -> list[dict[str, Any]]:
    """The trials of a journal's lines (without its header). Raises `CourseError` naming the line that is damaged."""
    records = []
    for number, line in enumerate(lines):
        try:
            record = parse(line)
            if record["trial"]["number"] != number:
                raise ValueError("out of order")
            record["result"] = result_from_json(record["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise bad_input(f"{name}, line {number + 2}", "one trial of the search", "use a new journal") from error
        records.append(record)
    return records


def read_header(line: str, name: str) -> dict[str, Any]:
    """Raises `CourseError` where the line is not a journal's header."""
    try:
        found = parse(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "journal" not in found:
        raise bad_input(name, "a search's journal", "name another file")
    if found["journal"] != SCHEMA:
        raise bad_input(f"{name} of schema {found['journal']!r}", f"schema {SCHEMA}", "use a new journal")
    return found


def read_times(lines: list[str]) -> dict[int, float]:
    """Seconds by trial. A line that cannot be read is left out: wall times are a courtesy."""
    times: dict[int, float] = {}
    for line in lines:
        try:
            row = parse(line)
            times[int(row["trial"])] = float(row["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
    return times


class Journal:
    """An open journal: the trials found in it, and a place to append the next ones.

    Raises `CourseError` in one line where the file is the journal of another search, damaged before its last line,
    or open in another process. A last line cut short is removed with a message.
    """

    def __init__(self, path: str | os.PathLike[str], expected: Mapping[str, Any]) -> None:
        self._file = LineFile(path)
        self.name = self._file.path.name
        try:
            first = compact(expected)
            if self._file.lines:
                self._compare(read_header(self._file.lines[0], self.name), expected)
            elif not first.encode().startswith(self._file.tail):
                raise bad_input(self.name, "a search's journal or a new file", "name another file")
            self.records = read_records(self._file.lines[1:], self.name)
            self._file.repair()
            if not self._file.lines:
                self._file.append(first)
            self._times = LineFile(times_path(self._file.path))
            self._times.repair()
            self.seconds = read_times(self._times.lines)
        except BaseException:
            self._file.close()
            raise

    def _compare(self, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        for key in ("space", "evaluation", "strategy", "seed", "window", "cache", "digests"):
            if found.get(key) != expected[key]:
                raise bad_input(
                    f"{key} {compact(expected[key])}",
                    f"{compact(found.get(key))[:200]} as in {self.name}",
                    "resume with what the journal names, or use a new journal",
                )

    def check(self, trial: Trial[Any]) -> None:
        """Compare a re-asked trial with the recorded one. Raises `CourseError` where they differ."""
        recorded = self.records[trial.number]["trial"]
        if (asked := trial_json(trial)) != recorded:
            field = next((key for key in asked if asked[key] != recorded.get(key)), "field")
            raise bad_input(
                f"trial {trial.number} with {field} {compact(asked.get(field))}",
                f"{compact(recorded.get(field))} as in {self.name}",
                "the code or a version has changed since: use a new journal",
            )

    def append(self, trial: Trial[Any], result: Result, same_as: int | None, seconds: float) -> None:
        """Record a told trial. Raises `CourseError` where the disk does not take it; the journal stays whole."""
        record = {"trial": trial_json(trial), "result": result_json(result), "same_as": same_as}
        self._file.append(compact(record))
        self._times.append(compact({"trial": trial.number, "seconds": round(seconds, 4)}))

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            self._times.close()


def settled(result: Any) -> Result:
    """A result as a journal gives it back, so that a strategy is told the same now and on replay. An accuracy that
    is not finite is a failure. Raises `CourseError` for what is not a `Result` of plain values."""
    if not isinstance(result, Result):
        raise bad_input(result, "a Result from the evaluation", "return Result(accuracy=...)")
    accuracy = float(result.accuracy)
    extra = plain(result.extra) if result.extra else {}
    if not math.isfinite(accuracy):
        failed = failure(extra.get("failed", f"accuracy {accuracy}"))
        accuracy, extra = math.nan, {**extra, **failed.extra}
    fidelity = None if result.fidelity is None else int(result.fidelity)
    return Result(accuracy, int(result.params), int(result.macs), fidelity, extra)


def failure(reason: object) -> Result:
    """The result of an evaluation that failed: accuracy NaN, the reason on one line in ``extra["failed"]``."""
    return Result(math.nan, extra={"failed": " ".join(str(reason).split())[:300]})
