"""A benchmark build that is broken off anywhere ends with the same bytes as one that is not."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nascourse.cli import main
from nascourse.errors import CourseError
from nascourse.making import table_build
from nascourse.making.table_build import Design, Shard, build, build_shard, done_in, order, train_cell
from nascourse.spaces.functions import canonical
from tests.evaluation.tables import TINY

ROWS, SIZE = 5, 3
MORE_ROWS = 8
"""For what is killed: long enough that a kill falls in the middle."""
SHARDS = [
    (f"{seeds}/{number:03d}.jsonl", 1 + rows) for seeds in ("seeds_0", "seeds_1_2") for number, rows in ((0, 3), (1, 2))
]
"""The files of `ROWS` rows in the order in which they are written, and their lines."""


def run(folder: Path, rows: int = ROWS, workers: int = 1) -> int:
    return build(folder, TINY, groups=[(0,), (1, 2)], workers=workers, rows=rows, shard_size=SIZE)


def content(folder: Path) -> dict[str, bytes]:
    """What must be the same: everything but the seconds."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.json*"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == 2 * ROWS
    assert [(name, (folder / name).read_bytes().count(b"\n")) for name, _ in SHARDS] == SHARDS
    return folder


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("longer")
    run(folder, MORE_ROWS)
    return folder


def test_the_order_holds_every_distinct_cell_once() -> None:
    assert len(order()) == 5044 == len(set(order()))
    assert all(canonical(cell) == cell for cell in order())


def test_nothing_left_to_do_trains_nothing(whole: Path) -> None:
    before = content(whole)
    assert run(whole) == 0
    assert content(whole) == before


@pytest.mark.slow
def test_two_workers_write_what_one_writes(whole: Path, tmp_path: Path) -> None:
    run(tmp_path, workers=2)
    assert content(tmp_path) == content(whole)


def test_a_part_first_and_the_rest_later(whole: Path, tmp_path: Path) -> None:
    assert run(tmp_path, rows=2) == 4
    assert run(tmp_path) == 2 * ROWS - 4
    assert content(tmp_path) == content(whole)


@pytest.mark.parametrize("missing", [0, 1, 20], ids=["whole lines", "no line end", "half a line"])
@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in SHARDS for line in range(lines + 1)])
def test_cut_at_every_record_boundary_and_inside_a_line(
    whole: Path, tmp_path: Path, name: str, line: int, missing: int
) -> None:
    """What is left of a build that died: the shards before are whole, this one has ``line`` lines, less ``missing``
    bytes of the last one."""
    names = [shard for shard, _ in SHARDS]
    for shard in names[: names.index(name) + 1]:
        (tmp_path / shard).parent.mkdir(exist_ok=True)
        (tmp_path / shard).write_bytes((whole / shard).read_bytes())
    lines = (whole / name).read_bytes().splitlines(keepends=True)[:line]
    kept = b"".join(lines)
    (tmp_path / name).write_bytes(kept[: len(kept) - missing] if kept else b"")
    if missing and kept:
        with pytest.warns(UserWarning, match="cut short"):
            run(tmp_path)
    else:
        run(tmp_path)
    assert content(tmp_path) == content(whole)


def trained(folder: Path) -> dict[str, int]:
    """The records of each shard."""
    return {
        f"{path.parent.name}/{path.name}": max(path.read_bytes().count(b"\n") - 1, 0)
        for path in sorted(folder.rglob("*.jsonl"))
    }


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "moments"), [(1, (1, 4, 9, 12)), (2, (5,))])
def test_killed_at_random_moments(longer: Path, tmp_path: Path, workers: int, moments: tuple[int, ...]) -> None:
    """Killed a moment after so many records in all, and started again at once, while its workers may still be there.
    One process: twice in seed 0, on both sides of the end of a shard, and twice in seeds 1 and 2."""
    context = multiprocessing.get_context("forkserver")  # processes that need not import torch each
    context.set_forkserver_preload([__name__])
    total, rng, found = sum(trained(longer).values()), random.Random(7), []
    for records in (*moments, total):
        process = context.Process(target=run, args=(tmp_path, MORE_ROWS, workers))
        process.start()
        while process.is_alive() and (records == total or sum(trained(tmp_path).values()) < records):
            time.sleep(0.002)
        time.sleep(rng.random() * 0.03)
        process.kill()
        process.join()
        found.append(trained(tmp_path))
    *killed, end = [sum(records.values()) for records in found]
    assert process.exitcode == 0
    assert end == total
    assert sum(0 < records < total for records in killed) >= min(2, len(moments))
    if workers == 1:
        assert "seeds_1_2/000.jsonl" not in found[0]
        assert any(MORE_ROWS < records < total for records in killed)  # in seeds 1 and 2
    assert content(tmp_path) == content(longer)


def test_a_shard_that_is_built_again_trains_what_is_missing_and_no_more(whole: Path, tmp_path: Path) -> None:
    """What a worker's death comes to: its shard is given to another with the same wish."""
    shard = Shard(tmp_path, (0,), 0, SIZE)
    assert [build_shard(shard, TINY, rows) for rows in (1, 2, 2)] == [1, 1, 0]
    assert done_in(shard, TINY) == 2
    assert build_shard(shard, TINY) == SIZE - 2
    assert shard.path.read_bytes() == (whole / "seeds_0" / "000.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_a_killed_worker_loses_nothing(longer: Path, tmp_path: Path) -> None:
    """Seed 0 costs one worker its life, and seeds 1 and 2 another: whoever is seen to write is killed."""
    code = (
        "from pathlib import Path; from tests.making.test_table_build import run; import sys;"
        f"run(Path(sys.argv[1]), {MORE_ROWS}, workers=2); print('done')"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    groups, left = ["seeds_0", "seeds_1_2"], []
    while process.poll() is None and groups:
        if pids := writers(tmp_path / groups[0]):
            os.kill(pids.pop(), signal.SIGKILL)
            left.append(sum(trained(tmp_path).values()))
            groups.pop(0)
        time.sleep(0.01)
    out, errors = process.communicate(timeout=120)
    assert out.strip() == b"done", errors
    assert len(left) == 2
    assert all(0 < records < 2 * MORE_ROWS for records in left)
    assert content(tmp_path) == content(longer)


def writers(folder: Path) -> set[int]:
    """Processes that have a shard with a record in it open."""
    shards = {str(path) for path in folder.glob("*.jsonl") if path.read_bytes().count(b"\n") > 1}
    found = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(handle.readlink()) in shards:
                found.add(int(handle.parts[2]))
        except OSError:
            continue
    return found


def test_records_are_the_training_they_name(whole: Path) -> None:
    lines = (whole / "seeds_1_2" / "001.jsonl").read_text().splitlines()
    record, _ = train_cell(order()[SIZE], (1, 2), TINY)
    assert f'"cell":"{order()[SIZE]}"' in lines[1]
    assert f'"test":[{record["test"][0]},{record["test"][1]}]' in lines[1]
    assert all(0 <= right <= TINY.valid_images for seed in record["valid"] for right in seed)


def test_another_design_and_foreign_lines_are_refused_and_nothing_is_touched(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "seeds_0" / "000.jsonl"
    path.parent.mkdir()
    for text in ('{"schema":1}\n', "no json\n", (whole / "seeds_1_2" / "000.jsonl").read_text()):
        path.write_text(text)
        with pytest.raises(CourseError) as caught:
            run(tmp_path)
        assert "\n" not in str(caught.value)
        assert path.read_text() == text


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_of_another_design_is_refused_and_changes_nothing(whole: Path, workers: int) -> None:
    before = content(whole)
    with pytest.raises(CourseError, match="header"):
        build(whole, Design(channels=4), workers=workers, rows=ROWS, shard_size=SIZE)
    assert content(whole) == before
    assert "design.json" in before


@pytest.mark.slow
def test_a_second_build_of_the_same_seeds_is_told_in_a_line_by_its_workers(whole: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from nascourse.runs.atomic import LineFile; "
        "file = LineFile(sys.argv[1]); print(1); sys.stdin.read()"
    )
    path = Shard(tmp_path, (0,), 0, SIZE).path
    first = subprocess.Popen(
        [sys.executable, "-u", "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    first.stdout.readline()
    with pytest.raises(CourseError, match="no other process is writing") as caught:
        run(tmp_path, workers=2)
    first.communicate()
    assert "\n" not in str(caught.value)
    run(tmp_path)
    assert content(tmp_path) == content(whole)


def test_the_command_builds_what_it_is_asked_for(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table_build, "Design", lambda: TINY)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    command = ["bench", "build", "--seeds", "1,2", "--workers", "1", "--rows", "2"]
    assert main([*command, "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2 cells trained\n"
    assert [path.name for path in tmp_path.glob("seeds_*")] == ["seeds_1_2"]
    built, (_, *expected) = (
        (folder / "seeds_1_2" / "000.jsonl").read_text().splitlines()[1:] for folder in (tmp_path, whole)
    )
    assert built[0] not in expected
    assert built[1] == expected[0]
    (sitting,) = map(json.loads, (tmp_path / "sittings.log").read_text().splitlines())
    assert sitting["command"] == "nascourse bench build --seeds 1,2 --workers 1 --rows 2"
    assert sitting["hardware"]["threads"] == 1  # a training computes on one thread, whatever was set
