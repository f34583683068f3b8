"""A benchmark build that is broken off anywhere ends with the same bytes as one that is not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nascourse.errors import CourseError
from nascourse.evaluation.table_build import Design, Shard, build, build_shard, done_in, order, train_cell
from nascourse.spaces.canonical import canonical

from .tables import TINY

ROWS, SIZE = 5, 3


def run(folder: Path, rows: int = ROWS, workers: int = 1) -> int:
    return build(folder, TINY, groups=[(0,), (1, 2)], workers=workers, rows=rows, shard_size=SIZE)


def content(folder: Path) -> dict[str, bytes]:
    """What must be the same: everything but the seconds."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.json*"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == 2 * ROWS
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


@pytest.mark.parametrize("cut", range(13))
def test_cut_at_every_record_boundary_and_inside_a_line(whole: Path, tmp_path: Path, cut: int) -> None:
    source = (whole / "seeds_0" / "000.jsonl").read_bytes()
    ends = [0] + [at + 1 for at, byte in enumerate(source) if byte == ord("\n")]
    places = sorted(set(ends) | {end - 7 for end in ends[1:]} | {end - 1 for end in ends[1:]})
    if cut >= len(places):
        pytest.skip("fewer places than that")
    target = tmp_path / "seeds_0" / "000.jsonl"
    target.parent.mkdir()
    target.write_bytes(source[: places[cut]])
    if places[cut] in ends:
        run(tmp_path)
    else:
        with pytest.warns(UserWarning, match="cut short"):
            run(tmp_path)
    assert content(tmp_path) == content(whole)


@pytest.mark.slow
def test_killed_at_random_moments(whole: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.evaluation.test_table_build import run; import sys;"
        "run(Path(sys.argv[1])); print('done')"
    )
    rng, kills = random.Random(7), 0
    while True:
        command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        files = tmp_path / "seeds_0" / "000.jsonl"
        until = time.monotonic() + 60
        size = files.stat().st_size if files.exists() else 0
        while process.poll() is None and time.monotonic() < until and kills < 2:
            if files.exists() and files.stat().st_size > size:  # it is at work
                time.sleep(rng.random() * 0.1)
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
        out, _ = process.communicate()
        if out.strip() == b"done":
            break
    assert kills > 0
    assert content(tmp_path) == content(whole)


def test_a_shard_that_is_built_again_trains_what_is_missing_and_no_more(whole: Path, tmp_path: Path) -> None:
    """What a worker's death comes to: its shard is given to another with the same wish."""
    shard = Shard(tmp_path, (0,), 0, SIZE)
    assert [build_shard(shard, TINY, rows) for rows in (1, 2, 2)] == [1, 1, 0]
    assert done_in(shard, TINY) == 2
    assert build_shard(shard, TINY) == SIZE - 2
    assert shard.path.read_bytes() == (whole / "seeds_0" / "000.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_a_killed_worker_loses_nothing(whole: Path, tmp_path: Path) -> None:
    """Every record of seed 0 costs one worker its life: as soon as there is one more, whoever writes it is killed."""
    code = (
        "from pathlib import Path; from tests.evaluation.test_table_build import run; import sys;"
        "run(Path(sys.argv[1]), workers=2); print('done')"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    killed: set[int] = set()
    while process.poll() is None and len(killed) < 2:
        for pid in writers(tmp_path / "seeds_0") - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.01)
    out, errors = process.communicate(timeout=120)
    assert out.strip() == b"done", errors
    assert len(killed) == 2
    assert content(tmp_path) == content(whole)


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
    other = Design(channels=4)
    with pytest.raises(CourseError, match="header"):
        done_in(Shard(whole, (0,), 0, SIZE), other)
