from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.runs.plain import digest, identity, plain
from nascourse.search.history import History
from nascourse.search.local import LocalSearch
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.toys import conv_share

WINDOW, BUDGET = 3, 25


def run(path: Path, evaluation: Any = conv_share, budget: int = BUDGET, **changes: Any) -> History[MicroCell]:
    settings = {"seed": 2, "window": WINDOW, "cache": True} | changes
    strategy = settings.pop("strategy", LocalSearch(MicroSpace()))
    return search(strategy, evaluation, budget, journal=path, **settings)


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    run(tmp_path / "whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


def boundaries(data: bytes) -> list[int]:
    return [n + 1 for n, byte in enumerate(data) if byte == ord("\n")]


def test_the_journal_is_a_header_and_a_line_a_trial(whole: bytes) -> None:
    header, *lines = [json.loads(line) for line in whole.splitlines()]
    assert header["journal"] == 1
    assert header["evaluation"] == {"name": "tests.search.toys.conv_share"}
    assert header["strategy"] == {"strategy": "local"}
    assert (header["seed"], header["window"], header["cache"]) == (2, WINDOW, True)
    assert set(header["digests"]) == {"space", "evaluation", "strategy"}
    assert [line["trial"]["number"] for line in lines] == list(range(BUDGET))


def test_cut_at_every_record_boundary_it_ends_the_same(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    for cut in [0, *boundaries(whole)]:
        path.write_bytes(whole[:cut])
        run(path)
        assert path.read_bytes() == whole


def test_cut_inside_a_line_it_is_repaired_with_a_message_and_ends_the_same(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    inside = set(np.random.default_rng(0).integers(1, len(whole), 40).tolist()) - set(boundaries(whole))
    for cut in sorted(inside | {1, boundaries(whole)[0] - 1, len(whole) - 1}):
        path.write_bytes(whole[:cut])
        with pytest.warns(UserWarning, match="last line was cut short"):
            run(path)
        assert path.read_bytes() == whole


class Interrupted(BaseException):
    """What ctrl-C is to an evaluation: not one of its failures."""


class StoppedOnce:
    """`conv_share` by another name, interrupted the first time that it is asked for a trial."""

    def __init__(self) -> None:
        self.stops = set(range(BUDGET))

    def describe(self) -> dict[str, Any]:
        return identity(conv_share)

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        if trial.number in self.stops:
            self.stops.remove(trial.number)
            raise Interrupted
        return conv_share(trial)


def test_interrupted_in_every_evaluation_it_ends_the_same(whole: bytes, tmp_path: Path) -> None:
    path, evaluation, stopped = tmp_path / "stop.jsonl", StoppedOnce(), 0
    while True:
        try:
            run(path, evaluation)
            break
        except Interrupted:
            stopped += 1
    assert stopped == BUDGET - len(evaluation.stops) > 10  # duplicates are not evaluated
    assert path.read_bytes() == whole


def test_resuming_evaluates_nothing_twice_and_tells_the_same(whole: bytes, tmp_path: Path) -> None:
    def never(trial: Trial[MicroCell]) -> Result:
        raise Interrupted

    never.__module__, never.__qualname__ = "tests.search.toys", "conv_share"
    path = tmp_path / "again.jsonl"
    first = run(path)
    assert list(run(path, never))[:BUDGET] == [
        row._replace(seconds=pytest.approx(row.seconds, abs=1e-4)) for row in first
    ]
    assert path.read_bytes() == whole


def test_a_search_can_be_extended(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "longer.jsonl"
    for budget in (1, 2, 10, BUDGET):
        assert len(run(path, budget=budget)) == budget
    assert path.read_bytes() == whole
    assert len(run(path, budget=4)) == 4
    assert path.read_bytes() == whole


def test_failures_are_replayed_as_failures(tmp_path: Path) -> None:
    def bad(trial: Trial[MicroCell]) -> Result:
        raise RuntimeError("out of memory")

    for _ in range(2):
        with pytest.warns(UserWarning, match="5 of 5 evaluations failed; the first: RuntimeError: out of memory"):
            run(tmp_path / "bad.jsonl", bad, 5, strategy=RandomSearch(MicroSpace()))
    assert "NaN" not in (tmp_path / "bad.jsonl").read_text()


class OtherSpace(MicroSpace):
    name = "other"


def other(trial: Trial[MicroCell]) -> Result:
    return conv_share(trial)


@pytest.mark.parametrize(
    ("named", "change"),
    [
        ("space", {"strategy": LocalSearch(OtherSpace())}),
        ("evaluation", {"evaluation": other}),
        ("evaluation", {"evaluation": partial(conv_share)}),
        ("strategy", {"strategy": RandomSearch(MicroSpace())}),
        ("seed", {"seed": 3}),
        ("window", {"window": 4}),
        ("cache", {"cache": False}),
    ],
)
def test_the_journal_of_another_search_is_refused_in_one_line(
    named: str, change: dict[str, Any], whole: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "whole.jsonl"
    path.write_bytes(whole[:-5])
    with pytest.raises(CourseError, match=f"got '{named} .*as in whole.jsonl") as error:
        run(path, **change)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == whole[:-5]  # not even repaired


@pytest.mark.parametrize(
    "content", [b"number,accuracy\n1,0.5\n", b"my notes", b'{"a":1}\n', b'{"journal":9}\n', b"\xff\n"]
)
def test_a_file_that_is_no_journal_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"notes\.txt"):
        run(path)
    assert path.read_bytes() == content


def test_a_changed_record_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "changed.jsonl"
    lines = whole.splitlines(keepends=True)
    trial = json.loads(lines[5])
    trial["trial"]["arch"]["ops"] = ["none"] * 6
    path.write_bytes(b"".join([*lines[:5], json.dumps(trial).encode() + b"\n", *lines[6:]]))
    with pytest.raises(CourseError, match="trial 4 with arch"):
        run(path)
    for damage in (lines[4][:20] + b"\n", lines[7], lines[5].replace(b'"accuracy":', b'"accuracy":NaN,"x":')):
        path.write_bytes(b"".join([*lines[:5], damage, *lines[6:]]))
        with pytest.raises(CourseError, match=r"changed\.jsonl, line 6"):
            run(path)


def test_a_full_disk_is_one_line_and_the_journal_stays_whole(whole: bytes, tmp_path: Path) -> None:
    """RLIMIT_FSIZE, in a process of its own, stands for the full disk: at many sizes, in and between lines."""
    code = (
        "import resource, sys; from pathlib import Path; from tests.runs.test_journal import run\n"
        "from nascourse.errors import CourseError\n"
        "for size in map(int, sys.argv[2:]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "    try: run(Path(sys.argv[1]) / f'{size}.jsonl')\n"
        "    except CourseError as error: print(error)\n"
    )
    ends = boundaries(whole)
    sizes = [0, 10, ends[0], ends[0] + 1, ends[3] - 1, ends[3], ends[9] + 77]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *map(str, sizes)], capture_output=True, text=True, check=True
    )
    messages = done.stdout.splitlines()
    assert len(messages) == len(sizes)
    assert all("File too large" in message and "free some space" in message for message in messages)
    for size in sizes:
        path = tmp_path / f"{size}.jsonl"
        kept = path.read_bytes()
        assert kept == whole[: max([0, *(end for end in ends if end <= size)])]
        run(path)
        assert path.read_bytes() == whole


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    code = (
        "import sys; from nascourse.runs.atomic import LineFile; "
        "file = LineFile(sys.argv[1]); print(flush=True); input()"
    )
    path = tmp_path / "shared.jsonl"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        with pytest.raises(CourseError, match="no other process is writing"):
            run(path)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    run(path)  # the lock died with its owner


def test_identity_names_what_is_bound() -> None:
    def fn(trial: Trial[MicroCell], epochs: int) -> Result:
        return conv_share(trial)

    three, five = identity(partial(fn, epochs=3)), identity(partial(fn, epochs=5))
    assert three != five
    assert digest(three) != digest(five)
    with pytest.raises(CourseError, match="plain values"):
        identity(partial(fn, epochs=object()))


@dataclass(frozen=True)
class Trains:
    """An evaluation without ``describe()``."""

    epochs: int

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        return conv_share(trial)


class Stateful:
    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __call__(self, trial: Trial[MicroCell]) -> Result:
        return conv_share(trial)


def test_identity_tells_dataclasses_and_methods_apart() -> None:
    assert identity(Trains(1)) != identity(Trains(2))
    assert identity(Trains(1).__call__) != identity(Trains(2).__call__)
    assert identity(Trains(1)) == identity(Trains(1))


def test_what_has_no_identity_gets_no_journal(tmp_path: Path) -> None:
    epochs = 3
    for evaluation in (lambda trial: Result(0.5), lambda trial: Result(epochs / 10), Stateful(2)):
        with pytest.raises(CourseError) as caught:
            search(RandomSearch(MicroSpace()), evaluation, 2, journal=tmp_path / "j.jsonl")
        assert "functools.partial" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(search(RandomSearch(MicroSpace()), evaluation, 2)) == 2
    assert list(tmp_path.iterdir()) == []


def test_plain_is_what_json_gives_back() -> None:
    value = {"a": (1, np.float32(0.5), np.arange(3)), 2: float("nan"), "t": True, "s": np.float64(2.0)}
    expected = {"a": [1, 0.5, [0, 1, 2]], "2": None, "t": True, "s": 2.0}
    assert plain(value) == expected == json.loads(json.dumps(plain(value), allow_nan=False))
