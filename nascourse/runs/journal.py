"""The journal of a search: a header line, then one line for each told trial. Enough to resume by replay.

What could differ between two equal runs (wall times) goes to a file beside it, so equal runs have equal journals,
byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import bad_input
from .atomic import LineFile
from .plain import compact, parse

SCHEMA = 1

Record = dict[str, Any]
"""What is recorded of a told trial: ``trial`` (with its ``number``), ``result`` and ``same_as``."""

Reader = Callable[[Any], Any]
"""A recorded result as a value; raises KeyError, TypeError or ValueError where it is none."""


def times_path(journal: Path) -> Path:
    """Where a journal's wall times are."""
    return journal.with_name(journal.name + ".times")


def read_records(lines: list[str], name: str, read_result: Reader) -> list[Record]:
    """The trials of a journal's lines (without its header). Raises `CourseError` naming the line that is damaged."""
    records = []
    for number, line in enumerate(lines):
        try:
            record = parse(line)
            if record["trial"]["number"] != number:
                raise ValueError("out of order")
            record["result"] = read_result(record["result"])
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

    def __init__(self, path: str | os.PathLike[str], expected: Mapping[str, Any], read_result: Reader) -> None:
        self._file = LineFile(path)
        self.name = self._file.path.name
        try:
            first = compact(expected)
            if self._file.lines:
                self._compare(read_header(self._file.lines[0], self.name), expected)
            elif not first.encode().startswith(self._file.tail):
                raise bad_input(self.name, "a search's journal or a new file", "name another file")
            self.records = read_records(self._file.lines[1:], self.name, read_result)
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

    def check(self, asked: Mapping[str, Any]) -> None:
        """Compare a re-asked trial with the recorded one. Raises `CourseError` where they differ."""
        recorded = self.records[asked["number"]]["trial"]
        if asked != recorded:
            field = next((key for key in asked if asked[key] != recorded.get(key)), "field")
            raise bad_input(
                f"trial {asked['number']} with {field} {compact(asked.get(field))}",
                f"{compact(recorded.get(field))} as in {self.name}",
                "the code or a version has changed since: use a new journal",
            )

    def append(self, record: Record, seconds: float) -> None:
        """Record a told trial. Raises `CourseError` where the disk does not take it; the journal stays whole."""
        self._file.append(compact(record))
        self._times.append(compact({"trial": record["trial"]["number"], "seconds": round(seconds, 4)}))

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            self._times.close()
