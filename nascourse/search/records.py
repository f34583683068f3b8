"""Trials and results as the lines of a journal, and what an evaluation may answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..errors import bad_input
from ..runs.journal import SCHEMA
from ..runs.plain import digest, plain
from ..spaces.base import Result, Trial


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


def record(trial: Trial[Any], result: Result, same_as: int | None) -> dict[str, Any]:
    """What a journal keeps of a told trial."""
    return {"trial": trial_json(trial), "result": result_json(result), "same_as": same_as}


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


def checked_result(result: Any) -> Result:
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
