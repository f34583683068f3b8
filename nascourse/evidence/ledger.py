"""Recorded experiments: a claim of a lesson stands on every seed of every arm, kept as raw rows with where they came
from. ``nascourse evidence run NAME`` records; a lesson recomputes its figures and its verdict from the rows.

An experiment is a function ``(arm, seed, **budget) -> dict of plain values``, registered in the module of its lesson,
``nascourse/lessons/lesson_NN/experiments.py``, under a name that starts with the same NN:

    @experiment(
        "05_aging_beats_random",
        hypothesis="In 300 evaluations aging evolution ends with less regret than random search.",
        arms=("random", "aging"),
        seeds=50,
        budget={"evaluations": 300},
        effect=difference_in("regret", "random", "aging"),
        smallest=0.001,
    )
    def aging_beats_random(arm: str, seed: int, evaluations: int) -> dict[str, Any]: ...

It must be deterministic in (arm, seed): tests run a slice of it again and compare.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tqdm.auto import tqdm

from ..errors import CourseError, bad_input
from ..rooms import lessons_with
from ..runs import provenance
from ..runs.atomic import LineFile
from ..runs.executors import process_pool
from ..runs.plain import compact, plain
from . import statistics
from .rows import Evidence, Row, parse_row, read, write
from .statistics import Interval, TooFew

Run = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Registers the function that it decorates, which stays as it is.

    hypothesis: a sentence that can be wrong; arms: what is compared; seeds: how many, 0 to seeds − 1; effect: from the
    rows to an interval, positive when the hypothesis is right (see `difference_in`); budget: passed to the function by
    keyword; smallest: the smallest effect of interest, set before looking; slice: the (arm, seed) that tests run
    again, by default the first seed of each arm; tolerance: how far numbers run again may be off, relatively and
    absolutely; tidy: called with a row's arm and seed once it is on the disk, to delete what it was resumed from.
    """

    name: str = field(kw_only=False)
    hypothesis: str
    arms: tuple[str, ...]
    seeds: int
    effect: Callable[[Evidence], Interval]
    budget: Mapping[str, Any] = field(default_factory=dict)
    smallest: float = 0.0
    slice: tuple[tuple[str, int], ...] = ()
    tolerance: float = 0.0
    tidy: Callable[[str, int], None] | None = None
    run: Run = dict

    def __post_init__(self) -> None:
        again = self.slice or tuple((arm, 0) for arm in self.arms)
        for name, value in (("slice", again), ("budget", plain(self.budget))):
            object.__setattr__(self, name, value)

    def __call__(self, run: Run) -> Run:
        if self.name in _REGISTRY and _REGISTRY[self.name].run.__module__ != run.__module__:
            raise bad_input(self.name, "a new name", "rename one of the two experiments")
        _REGISTRY[self.name] = replace(self, run=run)
        return run


experiment = Experiment


@dataclass(frozen=True)
class Verdict:
    """What the rows say of the hypothesis: it holds where the whole interval of the effect is above the smallest
    effect of interest, fails where all of it is below, and is undecided otherwise, or while rows are missing."""

    name: str
    hypothesis: str
    word: Literal["holds", "fails", "undecided"]
    interval: Interval | None
    smallest: float
    reason: str

    def __str__(self) -> str:
        return f"{self.hypothesis} {self.word.capitalize()}: {self.reason}."


_REGISTRY: dict[str, Experiment] = {}


def difference_in(
    measure: str,
    a: str,
    b: str,
    statistic: Literal["mean", "median"] = "mean",
    paired: bool = False,
    confidence: float = 0.95,
) -> Callable[[Evidence], Interval]:
    """The usual effect: how much the measure of arm ``a`` exceeds that of arm ``b``, with a bootstrap interval."""

    def effect(evidence: Evidence) -> Interval:
        both = evidence.values(a, measure), evidence.values(b, measure)
        return statistics.difference(*both, statistic=statistic, paired=paired, confidence=confidence)

    return effect


def find(name: str) -> Experiment:
    """The experiment of that name; only its lesson's module is imported. Raises `CourseError`."""
    if name not in _REGISTRY and (module := lessons_with("experiments").get(name[:2])):
        importlib.import_module(module)
    if name not in _REGISTRY:
        raise bad_input(name, "the name of an experiment", "see: nascourse evidence list")
    return _REGISTRY[name]


def names() -> list[str]:
    """All experiments of the lessons, sorted."""
    for module in lessons_with("experiments").values():
        importlib.import_module(module)
    return sorted(_REGISTRY)


def rerun(name: str, arm: str, seed: int) -> Row:
    """Run one seed of one arm now."""
    found = find(name)
    _check(found, [arm], [seed])
    start = time.perf_counter()
    values = plain(found.run(arm, seed, **found.budget))
    return Row(arm, seed, round(time.perf_counter() - start, 3), values)


def differences(name: str, arm: str, seed: int, folder: Path | None = None) -> list[str]:
    """Run one seed of one arm again and name what is not as recorded, within the experiment's tolerance."""
    recorded = [row for row in load(name, folder).of(arm) if row.seed == seed]
    if not recorded:
        raise bad_input(f"seed {seed} of {arm}", "a recorded seed", f"nascourse evidence run {name}")
    again = rerun(name, arm, seed).values
    return list(_unequal(recorded[0].values, again, find(name).tolerance, f"{arm}, seed {seed}"))


def _unequal(old: Any, new: Any, tolerance: float, where: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key in old:
            yield from _unequal(old[key], new[key], tolerance, f"{where}, {key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from _unequal(before, now, tolerance, f"{where}[{place}]")
    elif isinstance(old, int | float) and isinstance(new, int | float):
        if not math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance):
            yield f"{where}: {old} recorded, {new} now"
    elif old != new:
        yield f"{where}: {str(old)[:80]} recorded, {str(new)[:80]} now"


def load(name: str, folder: Path | None = None) -> Evidence:
    """What is recorded under that name. Raises `CourseError` where there is nothing or the file is damaged."""
    for place in [folder] if folder else _folders():
        if (path := place / f"{name}.json").exists():
            return read(path)
    raise bad_input(f"no evidence {name}", "a recorded experiment", f"nascourse evidence run {name}")


def verdict(name: str, evidence: Evidence | None = None) -> Verdict:
    """The verdict that the recorded rows give now."""
    found = find(name)
    evidence = evidence or load(name)
    word: Literal["holds", "fails", "undecided"] = "undecided"
    interval, missing = None, f"{evidence.missing} of its rows are still missing"
    try:
        interval = found.effect(evidence)
    except TooFew as error:
        reason = f"too few seeds ({error})"
    except CourseError:
        if not evidence.missing:
            raise
        reason = missing  # of a whole arm
    else:
        if evidence.missing:
            reason = missing
        elif interval.low > found.smallest:
            word, reason = "holds", f"the effect is {interval}, above {found.smallest:g}"
        elif interval.high < found.smallest:
            word, reason = "fails", f"the effect is {interval}, below {found.smallest:g}"
        else:
            reason = f"the effect is {interval}, on both sides of {found.smallest:g}"
    return Verdict(name, found.hypothesis, word, interval, found.smallest, reason)


def record(
    name: str,
    arms: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    workers: int = 0,
    folder: Path | None = None,
    progress: bool = False,
) -> Evidence:
    """Run what is not yet recorded of these arms and seeds (all), and return everything recorded.

    Each row is on the disk once it is done, so this can be killed at any moment and goes on where it stopped.
    workers: processes to run rows side by side; 0 runs them here. Raises `CourseError` where the file on disk was
    recorded with another budget, or the disk is full.
    """
    found = find(name)
    arms, seeds = list(arms or found.arms), list(range(found.seeds) if seeds is None else seeds)
    _check(found, arms, seeds)
    path = (folder or _folders()[0]) / f"{name}.json"
    with LineFile(path.with_suffix(".rows.jsonl")) as pending:
        pending.repair()
        evidence = _merged(found, path, pending)
        done = {(row.arm, row.seed) for row in evidence.rows}
        todo = [(arm, seed) for arm in found.arms if arm in arms for seed in seeds if (arm, seed) not in done]
        if todo:
            command = f"nascourse evidence run {name}" + (f" --workers {workers}" if workers else "")
            sitting = provenance.invocation(command, workers)
            pending.append(compact({"sitting": sitting, "budget": dict(found.budget)}))
            for row in tqdm(_rows(found, todo, workers), total=len(todo), unit="row", disable=not progress):
                pending.append(compact(asdict(row)))
                if found.tidy:
                    found.tidy(row.arm, row.seed)
    with LineFile(path.with_suffix(".rows.jsonl")) as pending:
        evidence = _merged(found, path, pending)
        write(path, evidence)
        pending.path.unlink()
    return evidence


def _check(found: Experiment, arms: Sequence[str], seeds: Sequence[int]) -> None:
    for arm in arms:
        if arm not in found.arms:
            raise bad_input(arm, f"an arm out of {', '.join(found.arms)}", "check the spelling")
    for seed in seeds:
        if not 0 <= seed < found.seeds:
            raise bad_input(f"seed {seed}", f"a seed in 0..{found.seeds - 1}", "choose among the design's seeds")


def _rows(found: Experiment, todo: Sequence[tuple[str, int]], workers: int) -> Iterator[Row]:
    if not workers:
        yield from (rerun(found.name, arm, seed) for arm, seed in todo)
        return
    module = found.run.__module__
    with process_pool(workers)() as pool:
        for future in as_completed([pool.submit(_remote, module, found.name, arm, seed) for arm, seed in todo]):
            yield future.result()


def _remote(module: str, name: str, arm: str, seed: int) -> Row:
    importlib.import_module(module)  # registers the experiment in the worker
    return rerun(name, arm, seed)


def _merged(found: Experiment, path: Path, pending: LineFile) -> Evidence:
    """The rows of the file and those that wait to go into it, in the design's order. A row in both counts once."""
    recorded = read(path) if path.exists() else None
    if recorded:
        _same_design(path, found, recorded.budget, recorded.arms, recorded.seeds)
    sittings = list(recorded.sittings) if recorded else []
    rows = {(row.arm, row.seed): row for row in recorded.rows} if recorded else {}
    sitting: Mapping[str, Any] | None = None  # how the next rows were recorded; left out where none of them is new
    for line in pending.lines:
        entry = parse_row(line, pending.path.name)
        if not isinstance(entry, Row):
            _same_design(pending.path, found, entry["budget"])
            sitting = entry["sitting"]
            continue
        _same_design(pending.path, found, found.budget, [entry.arm], entry.seed + 1)
        if (entry.arm, entry.seed) not in rows:
            if sitting is not None:
                sittings.append(sitting)
                sitting = None
            rows[entry.arm, entry.seed] = replace(entry, sitting=len(sittings) - 1)
    ordered = tuple(sorted(rows.values(), key=lambda row: (found.arms.index(row.arm), row.seed)))
    return Evidence(found.name, found.hypothesis, found.arms, found.seeds, found.budget, tuple(sittings), ordered)


def _same_design(
    path: Path, found: Experiment, budget: Mapping[str, Any], arms: Sequence[str] = (), seeds: int = 0
) -> None:
    """A design may grow by arms and seeds; otherwise its rows do not belong together."""
    if budget != found.budget or not set(arms) <= set(found.arms) or seeds > found.seeds:
        raise bad_input(
            f"{path.name} of another design ({compact(dict(budget))})",
            f"{compact(dict(found.budget))}, {found.seeds} seeds of {', '.join(found.arms)}",
            "delete the file to record it anew",
        )


def _folders() -> list[Path]:
    from ..data import data_folders

    return [folder / "evidence" for folder in data_folders()]
