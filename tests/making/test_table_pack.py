"""What is packed is what the records say; how far a build is; and whether a record comes out again."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse import data
from nascourse.cli import main
from nascourse.errors import CourseError
from nascourse.evaluation.table_file import JUDGES, MISSING, TABLE
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.making import table_pack
from nascourse.making.table_build import Build, Design, judges_build, order, table_build
from nascourse.making.table_pack import (
    check,
    collect,
    enter,
    invocations,
    npz_bytes,
    pack,
    packed_bytes,
    row_of_each_cell,
    status,
)
from nascourse.spaces.functions import canonical
from nascourse.spaces.micro import MicroSpace
from tests.evaluation.tables import (
    DESIGN,
    EPOCHS,
    ROWS,
    TINY,
    judged_right,
    packed,
    rank,
    right,
    write_build,
    write_judges,
)


def opened(raw: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real build: three rows of seed 0, two of seeds 1 and 2."""
    folder = tmp_path_factory.mktemp("tiny") / "table"
    table_build(folder, TINY).run(rows=2)
    table_build(folder, TINY).run(rows=3)
    records = (folder / "records.jsonl").read_text().splitlines(keepends=True)
    (folder / "records.jsonl").write_text("".join(records[:-1]))
    return folder


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Build:
    """The tiny build, to be changed."""
    shutil.copytree(tiny, tmp_path / "copied")
    return table_build(tmp_path / "copied")


def change_lines(path: Path, **values: Any) -> None:
    lines = [json.loads(line) | values for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


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
    builds = [write_build(tmp_path / name, 30, 10) for name in "ab"]
    for build in builds:
        assert pack(build) == hashlib.sha256(packed(30, 10)).hexdigest()
        assert build.packed.read_bytes() == packed(30, 10)
        assert pack(build) == hashlib.sha256(packed(30, 10)).hexdigest()  # from itself and the records
    rng, file = np.random.default_rng(0), opened(packed())
    for key in ("valid", "test"):  # counts without any pattern: more than a real table needs
        file[key] = rng.integers(0, 10_000, file[key].shape).astype(np.int16)
    file["seconds"] = rng.uniform(0, 100, file["seconds"].shape).astype(np.float32)
    assert len(npz_bytes(file)) <= 1_000_000


def test_what_a_real_build_wrote_is_what_is_packed(copied: Build) -> None:
    pack(copied)
    table = TabularBenchmark.load(copied.packed)
    assert table.meta["sittings"][0]["versions"]["torch"]
    assert table.meta["sittings"][0]["hardware"]["threads"] == 1
    records = [json.loads(line) for line in (copied.folder / "records.jsonl").read_text().splitlines()]
    assert [(record["row"], record["seeds"]) for record in records] == [
        (0, [0]), (1, [0]), (0, [1, 2]), (1, [1, 2]), (2, [0])
    ]  # fmt: skip
    for record in records:
        cell = order()[record["row"]]
        assert str(cell) == record["cell"]
        for g, seed in enumerate(record["seeds"]):
            assert table.curve(cell, seed) == tuple(count / 50 for count in record["valid"][g])
            assert table.test_accuracy(cell, seed) == record["test"][g] / 50


def test_a_line_that_is_being_written_is_not_counted(tmp_path: Path) -> None:
    build, path = write_build(tmp_path, 30, 10), tmp_path / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    assert (collect(build)["test"][:, 0] != MISSING).sum() == 29
    assert np.isnan(collect(build)["seconds"][:, 0]).sum() == ROWS - 29
    assert not path.read_bytes().endswith(b"\n")  # not even repaired


def test_what_is_no_folder_of_a_build_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in (None, "no json", '{"channels":1}', '{"recipe":{},"cells":[1],"colour":3}'):
        if content:
            (tmp_path / "design.json").write_text(content)
        assert main(["bench", "pack", "--folder", str(tmp_path)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
        with pytest.raises(CourseError, match=r"design\.json"):
            table_build(tmp_path)
    build = write_build(tmp_path / "build", 0, 0)
    with pytest.raises(CourseError, match="at least one"):
        pack(build)
    assert not build.packed.exists()


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
    build = write_build(data_folder / Path(TABLE).stem, ROWS - 1, 0)
    before = {path: path.read_bytes() for path in data_folder.rglob("*") if path.is_file()}
    with pytest.raises(CourseError) as caught:
        pack(build)
    assert str(caught.value) == (
        "got '5,043 of 5,044 cells with seeds 0'; expected all of them; go on with: nascourse bench build"
    )
    assert {path: path.read_bytes() for path in data_folder.rglob("*") if path.is_file()} == before
    pack(write_build(tmp_path / "elsewhere", ROWS - 1, 0))  # for a look, a part is welcome


def test_its_checksum_is_entered_and_replaced(data_folder: Path, tmp_path: Path) -> None:
    first = None
    for seeds_12 in (0, 10):  # seed 0 first, more later
        digest = pack(write_build(data_folder / Path(TABLE).stem, ROWS, seeds_12))
        assert digest != first
        first = digest
        assert (data_folder / "SHA256SUMS").read_text() == f"{'a' * 64}  images.npz\n{digest}  {TABLE}\n"
        rows = f"| `images.npz` | `{'a' * 64}` |\n| `{TABLE}` | `{digest}` |\n"
        assert (data_folder / "README.md").read_text() == f"# Data\n\n| file | SHA-256 |\n|---|---|\n{rows}\nMore.\n"
    table = TabularBenchmark.load(data_folder / TABLE)
    judges = pack(write_judges(data_folder / Path(JUDGES).stem, table))
    sums = f"{'a' * 64}  images.npz\n{first}  {TABLE}\n{judges}  {JUDGES}\n"
    assert (data_folder / "SHA256SUMS").read_text() == sums
    assert f"{rows}| `{JUDGES}` | `{judges}` |\n\nMore." in (data_folder / "README.md").read_text()
    (data_folder / "README.md").write_text("# Data\n")
    with pytest.raises(CourseError, match="a table of checksums"):
        enter(data_folder, TABLE, "b" * 64)


# -- the judges -------------------------------------------------------------------------------------------------------


def test_packed_judges_say_what_they_are(table: TabularBenchmark, tmp_path: Path) -> None:
    build = write_judges(tmp_path / "judges", table)
    pack(build)
    file = opened(build.packed.read_bytes())
    meta = json.loads(str(file.pop("meta")))
    assert meta["table"] == table.digest
    assert meta["seeds"] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert (meta["schema"], meta["rows"], meta["trainings"], meta["sittings"]) == (1, 20, 180, [])
    assert meta["commands"] == ["nascourse bench judges", "nascourse bench pack --judges"]
    assert meta["design"] == DESIGN.describe()
    rows = file["row"].tolist()
    assert [rank(row) for row in rows] == list(range(1, 21))
    assert file["valid"].tolist() == [
        [[judged_right(row, seed, epoch) for epoch in range(1, EPOCHS + 1)] for seed in range(3, 12)] for row in rows
    ]
    assert file["test"].tolist() == [[judged_right(row, seed) + 1000 for seed in range(3, 12)] for row in rows]
    before = build.packed.read_bytes()
    (build.folder / "records.jsonl").unlink()
    pack(build)
    assert build.packed.read_bytes() == before


def test_judges_are_packed_when_all_of_them_are_there(table: TabularBenchmark, tmp_path: Path) -> None:
    build = write_judges(tmp_path / "judges", table)
    path = build.folder / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(CourseError) as caught:
        pack(build)
    assert str(caught.value) == (
        "got '59 of 60 cells with seeds 3, 4, 5, 6, 7, 8, 9, 10, 11'; expected all of them; "
        "go on with: nascourse bench judges"
    )
    assert not build.packed.exists()


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_counts_and_extrapolates(tmp_path: Path) -> None:
    build = write_build(tmp_path, 30, 10)
    each, pair = (seeds * np.mean([10 + rank(row) / 1000 for row in range(n)]) for seeds, n in ((1, 30), (2, 10)))
    assert status(build, workers=2) == [
        f"seeds 0: 30 of 5,044 cells, {each:.1f} s each; the rest: {(ROWS - 30) * each / 3600 / 2:.1f} hours",
        f"seeds 1, 2: 10 of 5,044 cells, {pair:.1f} s each; the rest: {(ROWS - 10) * pair / 3600 / 2:.1f} hours",
        "with 2 workers",
    ]


def test_status_does_not_guess_what_was_never_timed(tmp_path: Path) -> None:
    assert status(write_build(tmp_path, 30, 0))[1] == "seeds 1, 2: 0 of 5,044 cells"
    lines = status(write_build(tmp_path))
    assert [line.rpartition("; ")[2] for line in lines] == ["the rest: 0.0 hours"] * 2 + ["with 1 worker"]


# -- check ------------------------------------------------------------------------------------------------------------


def test_a_record_comes_out_again(copied: Build) -> None:
    for _ in ("from the records", "from the packed file"):
        records = sorted(copied.records().values(), key=lambda record: record["seconds"])
        assert len(records) == 5
        lines, wrong = check(copied, cells=5)
        assert not wrong
        assert lines == [
            f"{record['cell']}, seeds {', '.join(map(str, record['seeds']))}: as recorded" for record in records
        ]
        pack(copied)
        (copied.folder / "records.jsonl").unlink(missing_ok=True)


def test_a_changed_record_is_found_and_another_processor_is_excused(
    copied: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(copied.folder)]
    assert main(["bench", "check", *folder, "--cells", "2"]) == 0
    assert capsys.readouterr().out.count("as recorded") == 2
    path = copied.folder / "records.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["test"][0] += line["seeds"] == [0]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["bench", "check", *folder, "--cells", "5"]) == 1
    out = capsys.readouterr().out
    assert out.count("differs") == 3
    assert out.count("test: recorded") == 3
    change_lines(copied.folder / "sittings.log", hardware={"cpu": "another"})
    assert main(["bench", "check", *folder, "--cells", "5"]) == 0
    assert "another processor" in capsys.readouterr().out


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = write_build(tmp_path / "build", 3, 1)
    folder = ["--folder", str(build.folder)]
    assert main(["bench", "status", *folder, "--workers", "4"]) == 0
    assert "with 4 workers" in capsys.readouterr().out
    assert main(["bench", "pack", *folder]) == 0
    digest = hashlib.sha256(build.packed.read_bytes()).hexdigest()
    assert capsys.readouterr().out == f"{digest}  build.npz\n"
    assert main(["bench", "check", "--folder", str(tmp_path / "none")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_that_trains_notes_where_and_one_with_nothing_to_do_does_not(tiny: Path) -> None:
    lines = (tiny / "sittings.log").read_text().splitlines()
    commands = [json.loads(line)["command"] for line in lines]
    assert commands == [f"nascourse bench build --workers 1 --rows {rows}" for rows in (2, 3)]
    table_build(tiny, TINY).run(rows=2)
    assert (tiny / "sittings.log").read_text().splitlines() == lines


# -- what ships -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "build"),
    [(TABLE, table_build), pytest.param(JUDGES, judges_build, marks=pytest.mark.skipif(
        JUDGES not in data.checksums(), reason="the judges are not computed to the end yet"
    ))],
)  # fmt: skip
def test_what_ships_is_what_its_build_packs(name: str, build: Any) -> None:
    """Its trainings are those of the file; the rest comes from the code and the notes in the folder."""
    mine = build()
    assert mine.design == Design()
    assert mine.missing() == []
    raw, shipped = packed_bytes(mine), data.verified(name).read_bytes()
    assert {key: array.tobytes() for key, array in opened(raw).items()} == {
        key: array.tobytes() for key, array in opened(shipped).items()
    }
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same content into other bytes
        assert hashlib.sha256(raw).hexdigest() == data.checksums()[name]
    arrays = opened(shipped)
    for key, images in (("valid", 4000), ("test", 10_000)):
        assert arrays[key].min() >= images // 20  # far below chance would be a broken measure
        assert arrays[key].max() <= images
    assert invocations(mine.folder)[0]["hardware"]["threads"] == 1
