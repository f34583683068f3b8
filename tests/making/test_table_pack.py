"""What is packed is what the shards say; how far a build is; and whether a record comes out again."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse import data
from nascourse.cli import main
from nascourse.errors import CourseError
from nascourse.evaluation.tabular import MISSING, TABLE, TabularBenchmark
from nascourse.making import table_build, table_pack
from nascourse.making.table_build import SHARDS, Design, build, order
from nascourse.making.table_pack import (
    check,
    collect,
    enter,
    npz_bytes,
    pack,
    read_design,
    row_of_each_cell,
    sittings,
    status,
    stored,
    table_bytes,
)
from nascourse.spaces.functions import canonical
from nascourse.spaces.micro import MicroSpace
from tests.evaluation.tables import DESIGN, EPOCHS, ROWS, TINY, packed, rank, right, write_shards


def opened(raw: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real build: three rows of seed 0, two of seeds 1 and 2."""
    folder = tmp_path_factory.mktemp("tiny")
    build(folder, TINY, groups=[(0,)], rows=3)
    build(folder, TINY, groups=[(1, 2)], rows=2)
    return folder


# -- packing ----------------------------------------------------------------------------------------------------------


def test_a_whole_table_holds_every_count() -> None:
    file = opened(packed())
    rows = np.arange(ROWS)
    expected = [[[right(row, seed, epoch) for epoch in range(1, EPOCHS + 1)] for seed in range(3)] for row in rows]
    assert file["valid"].tolist() == expected
    assert file["test"].tolist() == [[right(row, seed) + 1000 for seed in range(3)] for row in rows]
    assert not file["diverged"].any()
    assert file["seconds"] == pytest.approx(np.array([[10 + rank(row) / 1000] * 3 for row in rows]), abs=1e-3)


def test_a_part_marks_what_is_missing() -> None:
    file = opened(packed(30, 10))
    there = np.zeros((ROWS, 3), bool)
    there[:30, 0] = there[:10, 1:] = True
    assert ((file["test"] != MISSING) == there).all()
    assert ((file["valid"] != MISSING) == there[..., None]).all()
    assert (~np.isnan(file["seconds"]) == there).all()


def test_the_description_says_where_it_comes_from() -> None:
    meta = json.loads(str(opened(packed(30, 10))["meta"]))
    assert (meta["schema"], meta["rows"], meta["seeds"], meta["trainings"]) == (1, ROWS, [0, 1, 2], 50)
    assert meta["design"] == DESIGN.describe()
    assert meta["commands"] == ["nascourse bench build", "nascourse bench pack"]
    (sitting,) = meta["sittings"]  # two that differ in the date only
    assert sitting["hardware"] == {"cpu": "abacus", "threads": 1}
    assert sitting["versions"] == {"torch": "9"}


def test_rows_are_the_functions_in_the_order_of_the_build() -> None:
    file, cells = opened(packed(30, 10)), list(MicroSpace().all_cells())
    assert [MicroSpace().decode(codes) for codes in file["cells"].tolist()] == list(order())
    rows = row_of_each_cell()
    assert rows.tolist() == file["row"].tolist()
    for place in np.random.default_rng(0).integers(len(cells), size=200):
        assert order()[rows[place]] == canonical(cells[place])


def test_packed_twice_it_is_the_same_and_small(tmp_path: Path) -> None:
    write_shards(tmp_path / "shards", 30, 10)
    for name in "ab":
        digest = pack(tmp_path / "shards", tmp_path / name)
        assert (tmp_path / name).read_bytes() == packed(30, 10)
        assert hashlib.sha256(packed(30, 10)).hexdigest() == digest
    rng, file = np.random.default_rng(0), opened(packed())
    for key in ("valid", "test"):  # counts without any pattern: more than a real table needs
        file[key] = rng.integers(0, 10_000, file[key].shape).astype(np.int16)
    file["seconds"] = rng.uniform(0, 100, file["seconds"].shape).astype(np.float32)
    assert len(npz_bytes(file)) <= 1_000_000


def test_what_a_real_build_wrote_is_what_is_packed(tiny: Path) -> None:
    pack(tiny, tiny / "table.npz")
    table = TabularBenchmark.load(tiny / "table.npz")
    assert table.meta["sittings"][0]["versions"]["torch"]
    assert table.meta["sittings"][0]["hardware"]["threads"] == 1
    for seeds, number in (((0,), 3), ((1, 2), 2)):
        path = tiny / f"seeds_{'_'.join(map(str, seeds))}" / "000.jsonl"
        lines = path.read_text().splitlines()[1:]
        assert len(lines) == number
        for line in lines:
            record = json.loads(line)
            cell = next(cell for cell in order()[:number] if str(cell) == record["cell"])
            for g, seed in enumerate(seeds):
                assert table.curve(cell, seed) == tuple(count / 50 for count in record["valid"][g])
                assert table.test_accuracy(cell, seed) == record["test"][g] / 50


def test_a_line_that_is_being_written_is_not_counted(tmp_path: Path) -> None:
    write_shards(tmp_path, 30, 10)
    path = tmp_path / "seeds_0" / "000.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    path.with_suffix(".seconds").write_text("")
    assert (collect(tmp_path, DESIGN)["test"][:, 0] != MISSING).sum() == 29
    assert np.isnan(collect(tmp_path, DESIGN)["seconds"][:, 0]).all()
    assert not path.read_bytes().endswith(b"\n")  # not even repaired


def test_what_is_no_folder_of_shards_is_refused_in_a_line(tmp_path: Path) -> None:
    for content in (None, "no json", '{"channels":1}', '{"recipe":{},"cells":[1],"colour":3}'):
        if content:
            (tmp_path / "design.json").write_text(content)
        with pytest.raises(CourseError) as caught:
            pack(tmp_path, tmp_path / "t.npz")
        assert "\n" not in str(caught.value)
        assert "design.json" in str(caught.value)
    write_shards(tmp_path, 0, 0)
    with pytest.raises(CourseError, match="at least one"):
        pack(tmp_path, tmp_path / "t.npz")
    assert not (tmp_path / "t.npz").exists()


# -- the course's own table -------------------------------------------------------------------------------------------


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "SHA256SUMS").write_text(f"{'a' * 64}  images.npz\n")
    (folder / "README.md").write_text(
        f"# Data\n\n| file | SHA-256 |\n|---|---|\n| `images.npz` | `{'a' * 64}` |\n\nMore.\n"
    )
    monkeypatch.setattr(table_pack, "CHECKOUT_DATA", folder)
    return folder


def test_the_courses_own_table_needs_seed_0_of_all_cells(data_folder: Path, tmp_path: Path) -> None:
    write_shards(tmp_path, ROWS - 1, 0)
    before = {path: path.read_bytes() for path in data_folder.iterdir()}
    with pytest.raises(CourseError) as caught:
        pack(tmp_path, data_folder / TABLE)
    assert str(caught.value) == (
        "got '5,043 of 5,044 cells with seed 0'; expected all of them; go on with: nascourse bench build --seeds 0"
    )
    assert {path: path.read_bytes() for path in data_folder.iterdir()} == before
    pack(tmp_path, tmp_path / "elsewhere.npz")  # for a look, a part is welcome


def test_its_checksum_is_entered_and_replaced(data_folder: Path, tmp_path: Path) -> None:
    first = None
    for seeds_12 in (0, 10):  # seed 0 first, more later
        write_shards(tmp_path, ROWS, seeds_12)
        digest = pack(tmp_path, data_folder / TABLE)
        assert digest != first
        first = digest
        assert (data_folder / "SHA256SUMS").read_text() == f"{'a' * 64}  images.npz\n{digest}  {TABLE}\n"
        rows = f"| `images.npz` | `{'a' * 64}` |\n| `{TABLE}` | `{digest}` |\n"
        assert (data_folder / "README.md").read_text() == f"# Data\n\n| file | SHA-256 |\n|---|---|\n{rows}\nMore.\n"
    (data_folder / "README.md").write_text("# Data\n")
    with pytest.raises(CourseError, match="a table of checksums"):
        enter(data_folder, TABLE, "b" * 64)


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_counts_and_extrapolates(tmp_path: Path) -> None:
    write_shards(tmp_path, 30, 10)
    each, pair = (np.mean([10 + rank(row) / 1000 for row in range(n)]) for n in (30, 10))
    hours = ((ROWS - 30) * each + (ROWS - 10) * 2 * pair) / 3600
    assert status(tmp_path, workers=2) == [
        "50 of 15,132 trainings (0.3%)",
        f"seed 0: 30 of 5,044 cells, {each:.1f} s each, 5,014 to go",
        f"seeds 1, 2: 10 of 5,044 cells, {2 * pair:.1f} s each, 5,034 to go",
        f"left: {hours / 2:.1f} hours with 2 workers",
    ]


def test_status_does_not_guess_what_was_never_timed(tmp_path: Path) -> None:
    write_shards(tmp_path, 30, 0)
    lines = status(tmp_path)
    assert lines[2] == "seeds 1, 2: none of 5,044 cells, so their seconds are not known"
    assert lines[3].startswith("left for what has seconds: ")
    write_shards(tmp_path)
    assert status(tmp_path)[0] == "15,132 of 15,132 trainings (100.0%)"
    assert status(tmp_path)[-1] == "left: 0.0 hours with 1 worker"


# -- check ------------------------------------------------------------------------------------------------------------


def test_a_record_comes_out_again(tiny: Path) -> None:
    done = list(check(tiny, cells=5))
    assert len(done) == 5
    assert all(item.equal and item.same_cpu for item in done)
    assert [item.stored.seconds for item in done] == sorted(item.seconds for item in stored(tiny, TINY))


def test_a_changed_record_is_found_and_another_processor_is_excused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in tiny.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(tiny)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert main(["bench", "check", "--folder", str(tmp_path), "--cells", "2"]) == 0
    assert capsys.readouterr().out.count("as recorded") == 2
    shard = tmp_path / "seeds_0" / "000.jsonl"
    lines = [json.loads(line) for line in shard.read_text().splitlines()]
    for line in lines[1:]:
        line["test"] = [line["test"][0] + 1]
    shard.write_text("".join(table_build.compact(line) + "\n" for line in lines))
    assert main(["bench", "check", "--folder", str(tmp_path), "--cells", "5"]) == 1
    out = capsys.readouterr().out
    assert out.count("differs") == 3
    assert out.count("test: recorded") == 3
    log = tmp_path / "sittings.log"
    log.write_text(log.read_text().replace(sittings(tmp_path)[0]["hardware"]["cpu"], "another"))
    assert main(["bench", "check", "--folder", str(tmp_path), "--cells", "5"]) == 0
    assert "another processor" in capsys.readouterr().out


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shards(tmp_path, 3, 1)
    folder = ["--folder", str(tmp_path)]
    assert main(["bench", "status", *folder, "--workers", "4"]) == 0
    assert "with 4 workers" in capsys.readouterr().out
    assert main(["bench", "pack", *folder, "--out", str(tmp_path / "t.npz")]) == 0
    digest = hashlib.sha256((tmp_path / "t.npz").read_bytes()).hexdigest()
    assert capsys.readouterr().out == f"{digest}  t.npz\n"
    assert main(["bench", "check", "--folder", str(tmp_path / "none")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_that_trains_notes_where_and_one_with_nothing_to_do_does_not(tiny: Path) -> None:
    log = tiny / "sittings.log"
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    commands = [json.loads(line)["command"] for line in lines]
    assert commands == [f"nascourse bench build --seeds {s} --workers 1 --rows {n}" for s, n in (("0", 3), ("1,2", 2))]
    build(tiny, TINY, groups=[(0,)], rows=3)
    assert log.read_text().splitlines() == lines


# -- the shards that ship ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARDS / "seeds_0" / "000.jsonl").exists(), reason="no shards here")
def test_the_table_that_ships_is_what_the_shards_that_ship_say() -> None:
    """Read three times: by the pack, out of the table, and by lines of JSON alone."""
    assert read_design(SHARDS) == Design()
    raw, shipped = table_bytes(SHARDS), data.verified(TABLE).read_bytes()
    assert {key: array.tobytes() for key, array in opened(raw).items()} == {
        key: array.tobytes() for key, array in opened(shipped).items()
    }
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same content into other bytes
        assert hashlib.sha256(raw).hexdigest() == data.checksums()[TABLE]
    arrays, trainings = opened(shipped), 0
    for path in sorted(SHARDS.glob("seeds_*/*.jsonl")):
        seeds = list(map(int, path.parent.name.split("_")[1:]))
        header, *lines = path.read_text().rpartition("\n")[0].splitlines()
        first = json.loads(header)["shard"] * 100
        for row, line in enumerate(lines, start=first):
            record, trainings = json.loads(line), trainings + len(seeds)
            assert record["cell"] == str(order()[row])
            assert arrays["valid"][row, seeds].tolist() == record["valid"]
            assert arrays["test"][row, seeds].tolist() == record["test"]
            assert arrays["diverged"][row, seeds].tolist() == [epoch or 0 for epoch in record["diverged"]]
    assert trainings == 3 * ROWS
    for key, images in (("valid", 4000), ("test", 10_000)):
        assert arrays[key].min() >= images // 20  # far below chance would be a broken measure
        assert arrays[key].max() <= images
    assert sittings(SHARDS)[0]["hardware"]["threads"] == 1
