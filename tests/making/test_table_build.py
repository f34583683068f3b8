"""A benchmark build that is broken off anywhere packs the same bytes as one that is not."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nascourse.cli import main
from nascourse.errors import CourseError
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.making import table_build as making
from nascourse.making.table_build import Build, Design, judges_build, order, table_build, train_cell
from nascourse.making.table_pack import pack, packed_bytes
from nascourse.spaces.functions import canonical
from tests.children import Child
from tests.evaluation.tables import TINY

ROWS = 5
MORE_ROWS = 8
"""For what is killed: long enough that a kill falls in the middle."""


def run(folder: Path, rows: int = ROWS, workers: int = 1) -> int:
    return table_build(folder, TINY).run(workers, rows)


def alike(build: Build, folder: Path) -> bytes:
    """The packed file of a build, as if all its trainings had taken a second and been made by one run. It is made in
    another folder."""
    shutil.copytree(build.folder, folder)
    records = [json.loads(line) | {"seconds": 1} for line in (folder / "records.jsonl").read_text().splitlines()]
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "sittings.log").write_text("")
    packed = packed_bytes(Build(folder, build.design, build.rows, build.groups, build.table))
    shutil.rmtree(folder)
    return packed


def content(folder: Path) -> bytes:
    return alike(table_build(folder, TINY), folder.with_name(f"{folder.name}_alike"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == 2 * ROWS
    assert trained(folder) == {(0,): ROWS, (1, 2): ROWS}
    return folder


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("longer")
    run(folder, MORE_ROWS)
    return content(folder)


def trained(folder: Path) -> Counter[tuple[int, ...]]:
    """The records of each group of seeds, while a build may be at work."""
    path = folder / "records.jsonl"
    lines = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
    return Counter(tuple(json.loads(line)["seeds"]) for line in lines)


def test_the_order_holds_every_distinct_cell_once() -> None:
    assert len(order()) == 5044 == len(set(order()))
    assert all(canonical(cell) == cell for cell in order())


def test_nothing_left_to_do_trains_nothing(whole: Path) -> None:
    before = files(whole)
    assert run(whole) == 0
    assert files(whole) == before


def test_a_part_first_and_the_rest_later(whole: Path, tmp_path: Path) -> None:
    assert run(tmp_path, rows=2) == 4
    assert run(tmp_path) == 2 * ROWS - 4
    assert content(tmp_path) == content(whole)


@pytest.mark.parametrize("missing", [0, 1, 20], ids=["whole lines", "no line end", "half a line"])
@pytest.mark.parametrize("line", range(2 * ROWS + 1))
def test_cut_at_every_record_boundary_and_inside_a_line(whole: Path, tmp_path: Path, line: int, missing: int) -> None:
    """What is left of a build that died: so many lines, less ``missing`` bytes of the last one."""
    kept = b"".join((whole / "records.jsonl").read_bytes().splitlines(keepends=True)[:line])
    (tmp_path / "records.jsonl").write_bytes(kept[: len(kept) - missing] if kept else b"")
    if missing and kept:
        with pytest.warns(UserWarning, match="cut short"):
            assert run(tmp_path) == 2 * ROWS - line + 1
    else:
        assert run(tmp_path) == 2 * ROWS - line
    assert content(tmp_path) == content(whole)


LONG = [(1, tuple(range(1, 2 * MORE_ROWS))), (2, (1, 5, 9, 13))]


@pytest.mark.parametrize(
    ("workers", "moments"), [(1, (1, 4, 9, 12)), *(pytest.param(*one, marks=pytest.mark.long) for one in LONG)]
)
def test_killed_at_random_moments(longer: bytes, tmp_path: Path, workers: int, moments: tuple[int, ...]) -> None:
    """Killed a moment after so many records in all, and started again at once, while its workers may still be there.
    One process: twice in seed 0, and twice in seeds 1 and 2."""
    rng, found = random.Random(7), []
    for records in moments:
        child = Child.begin(run, tmp_path, MORE_ROWS, workers)
        child.kill_when(lambda records=records: trained(tmp_path).total() >= records, rng.random() * 0.03)
        found.append(trained(tmp_path))
    child = Child.begin(run, tmp_path, MORE_ROWS, workers)
    child.join()
    assert child.exitcode == 0
    assert trained(tmp_path).total() == 2 * MORE_ROWS
    killed = [records.total() for records in found]
    assert sum(0 < records < 2 * MORE_ROWS for records in killed) >= min(2, len(moments))
    if workers == 1:
        assert found[0][1, 2] == 0
        assert any(MORE_ROWS < records < 2 * MORE_ROWS for records in killed)  # in seeds 1 and 2
    assert content(tmp_path) == longer


def train_and_sign(*task: Any) -> dict[str, Any]:
    """`train_cell` by a worker that leaves its process id."""
    (Path(os.environ["WORKERS"]) / str(os.getpid())).touch()
    return train_cell(*task)


@pytest.mark.usefixtures("quick_workers")
def test_a_killed_worker_loses_nothing(longer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two workers. Seed 0 costs one of them its life, and seeds 1 and 2 another."""
    folder, signed = tmp_path / "build", tmp_path / "workers"
    signed.mkdir()
    monkeypatch.setenv("WORKERS", str(signed))
    monkeypatch.setattr(making, "train_cell", train_and_sign)
    groups, left, killed = [(0,), (1, 2)], [], set[int]()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(run, folder, MORE_ROWS, 2)
        while not done.done():
            alive = {int(path.name) for path in signed.iterdir()} - killed
            if groups and alive and trained(folder)[groups[0]]:
                killed.add(victim := alive.pop())
                os.kill(victim, signal.SIGKILL)
                left.append(trained(folder).total())
                groups.pop(0)
            time.sleep(0.002)
    assert done.result() == 2 * MORE_ROWS
    assert len(left) == 2
    assert all(0 < records < 2 * MORE_ROWS for records in left)
    assert len(list(signed.iterdir())) > 2  # who died was replaced
    assert trained(folder).total() == 2 * MORE_ROWS
    assert content(folder) == longer


def test_records_are_the_training_they_name(whole: Path) -> None:
    records = [json.loads(line) for line in (whole / "records.jsonl").read_text().splitlines()]
    assert [(record["row"], tuple(record["seeds"])) for record in records] == [
        (row, seeds) for seeds in ((0,), (1, 2)) for row in range(ROWS)
    ]
    stored = records[ROWS + 3]
    again = train_cell(3, (1, 2), TINY)
    assert again.pop("seconds") > 0
    assert again == {key: value for key, value in stored.items() if key != "seconds"}
    assert again["cell"] == str(order()[3])
    assert all(0 <= right <= TINY.valid_images for seed in again["valid"] for right in seed)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: "no json",
        lambda record: '{"row":0}',
        lambda record: "[1]",
        lambda record: json.dumps(record | {"row": 1}),
        lambda record: json.dumps(record | {"row": -1}),
        lambda record: json.dumps(record | {"row": 5044}),
        lambda record: json.dumps(record | {"seeds": [3]}),
    ],
)
def test_foreign_lines_are_refused_and_nothing_is_touched(whole: Path, tmp_path: Path, change: Any) -> None:
    first, *rest = (whole / "records.jsonl").read_text().splitlines()
    (tmp_path / "records.jsonl").write_text("\n".join([change(json.loads(first)), *rest]) + "\n")
    before = files(tmp_path)
    with pytest.raises(CourseError, match=r"line 1 of .*; expected a record of this build") as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_of_another_design_is_refused_and_changes_nothing(whole: Path, workers: int) -> None:
    before = files(whole)
    with pytest.raises(CourseError, match="of another design") as caught:
        table_build(whole, Design(channels=4)).run(workers, ROWS)
    assert "\n" not in str(caught.value)
    assert files(whole) == before
    assert json.loads(before["design.json"])["channels"] == TINY.channels


def test_a_second_build_in_a_folder_is_told_in_a_line(whole: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from nascourse.runs.atomic import LineFile; "
        "file = LineFile(sys.argv[1]); print(1); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-u", "-c", code, tmp_path / "records.jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    first.stdout.readline()
    with pytest.raises(CourseError, match="no other process is writing") as caught:
        run(tmp_path)
    first.communicate()
    assert "\n" not in str(caught.value)
    run(tmp_path)
    assert content(tmp_path) == content(whole)


@pytest.mark.skipif(os.name == "nt", reason="no locks")
def test_the_folder_stays_locked_while_it_is_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the records by a handle of one's own and close it would give up a lock."""
    code = "import sys; from nascourse.runs.atomic import LineFile; LineFile(sys.argv[1])"
    tried = []

    def try_to_open(*task: Any) -> dict[str, Any]:
        tried.append(subprocess.run([sys.executable, "-c", code, tmp_path / "records.jsonl"], capture_output=True))
        return train_cell(*task)

    monkeypatch.setattr(making, "train_cell", try_to_open)
    run(tmp_path, rows=1)
    assert len(tried) == 2
    assert all(b"no other process is writing" in one.stderr for one in tried)


def test_what_is_packed_is_not_trained_again(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "table"
    shutil.copytree(whole, folder)
    build = table_build(folder)
    pack(build)
    before = build.packed.read_bytes()
    (folder / "records.jsonl").unlink()
    assert run(folder) == 0
    assert [path.name for path in sorted(folder.iterdir())] == ["design.json", "sittings.log"]
    pack(build)
    assert build.packed.read_bytes() == before
    assert run(folder, ROWS + 1) == 2
    assert trained(folder) == {(0,): 1, (1, 2): 1}
    with pytest.raises(CourseError, match=r"table.npz of another build"):
        Build(folder, TINY, build.rows, build.groups, "f" * 64).run()


def test_the_command_builds_what_it_is_asked_for(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(making, "Design", lambda: TINY)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    command = ["bench", "build", "--workers", "1", "--rows", "2"]
    assert main([*command, "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "4 records trained\n"
    assert trained(tmp_path) == {(0,): 2, (1, 2): 2}
    (sitting,) = map(json.loads, (tmp_path / "sittings.log").read_text().splitlines())
    assert sitting["command"] == "nascourse bench build --workers 1 --rows 2"
    assert sitting["hardware"]["threads"] == 1  # a training computes on one thread, whatever was set


# -- the judges -------------------------------------------------------------------------------------------------------


def test_judges_are_trained_by_the_tables_design_and_go_on(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "table")
    pack(table_build(tmp_path / "table"))
    table = TabularBenchmark.load(tmp_path / "table.npz")
    at_once, in_parts = (judges_build(tmp_path / name, table, judged=2) for name in ("at_once", "in_parts"))
    assert at_once.rows == tuple(table.best_rows(2).tolist())
    assert at_once.design == TINY
    assert at_once.run() == 6
    assert trained(at_once.folder) == {(3, 4, 5): 2, (6, 7, 8): 2, (9, 10, 11): 2}
    assert (in_parts.run(rows=1), in_parts.run(), in_parts.run()) == (3, 3, 0)
    assert alike(in_parts, tmp_path / "b") == alike(at_once, tmp_path / "a")
    record = at_once.records()[at_once.rows[1], (6, 7, 8)]
    again = train_cell(at_once.rows[1], (6, 7, 8), TINY)
    assert (again["valid"], again["test"]) == (record["valid"], record["test"])
    with pytest.raises(CourseError, match="a record of this build"):  # of the best, not of any
        judges_build(at_once.folder, table, judged=1).run()


def test_the_command_for_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "table")
    pack(table_build(tmp_path / "table"))
    table = TabularBenchmark.load(tmp_path / "table.npz")
    monkeypatch.setattr(TabularBenchmark, "load", lambda: table)
    monkeypatch.setattr(making.judges_build, "__defaults__", (making.JUDGES_FOLDER, None, 1))
    assert main(["bench", "judges", "--workers", "1", "--folder", str(tmp_path / "judges")]) == 0
    assert trained(tmp_path / "judges").total() == 3
    (sitting,) = map(json.loads, (tmp_path / "judges" / "sittings.log").read_text().splitlines())
    assert sitting["command"] == "nascourse bench judges --workers 1"
    assert main(["bench", "pack", "--judges", "--folder", str(tmp_path / "judges")]) == 0
    assert (tmp_path / "judges.npz").exists()
