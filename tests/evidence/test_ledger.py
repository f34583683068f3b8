from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nascourse import cli, evidence
from nascourse.errors import CourseError
from nascourse.evidence import ledger
from nascourse.evidence.ledger import Evidence, Row
from nascourse.evidence.statistics import Interval
from tests.children import Child
from tests.evidence_toys import NAME, SEEDS, toy


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The recorded rows without their times."""
    rows = json.loads((folder / f"{NAME}.json").read_text())["rows"]
    return [{key: row[key] for key in ("arm", "seed", "values")} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    evidence.record(NAME, folder=folder)
    return folder


def test_every_seed_of_every_arm_is_a_row_in_the_order_of_the_design(whole: Path) -> None:
    rows = rows_of(whole)
    assert [(row["arm"], row["seed"]) for row in rows] == [(a, s) for a in ("treated", "plain") for s in range(SEEDS)]
    for row in rows:
        live = toy(row["arm"], row["seed"], 1.0)
        assert row["values"] == {"score": live["score"], "curve": live["curve"].tolist(), "lost": None}
    assert [path.name for path in whole.iterdir()] == [f"{NAME}.json"]


def test_provenance_names_what_matters_and_neither_host_nor_path(whole: Path) -> None:
    text = (whole / f"{NAME}.json").read_text()
    (sitting,) = json.loads(text)["sittings"]
    assert sitting["command"] == f"nascourse evidence run {NAME}"
    assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", sitting["commit"])
    assert {"python", "numpy", "scipy", "torch"} <= set(sitting["versions"])
    assert set(sitting["hardware"]) == {"cpu", "cores", "threads", "workers"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", sitting["date"])
    assert socket.gethostname() not in text
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + "/" not in text


def test_what_a_row_was_resumed_from_goes_when_the_row_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[tuple[str, int]] = []

    def tidy(arm: str, seed: int) -> None:
        last = json.loads((tmp_path / f"{NAME}.rows.jsonl").read_text().splitlines()[-1])
        assert (last["arm"], last["seed"]) == (arm, seed)
        tidied.append((arm, seed))

    monkeypatch.setitem(ledger._REGISTRY, NAME, replace(evidence.find(NAME), tidy=tidy))
    evidence.record(NAME, ["plain"], [1, 2], folder=tmp_path)
    assert tidied == [("plain", 1), ("plain", 2)]


@pytest.mark.usefixtures("quick_workers")
def test_recorded_in_parts_or_by_workers_it_is_the_same(whole: Path, tmp_path: Path) -> None:
    evidence.record(NAME, ["plain"], [3, 1], folder=tmp_path)
    assert [(row["arm"], row["seed"]) for row in rows_of(tmp_path)] == [("plain", 1), ("plain", 3)]
    found = evidence.record(NAME, workers=2, folder=tmp_path)
    assert rows_of(tmp_path) == rows_of(whole)
    assert [row.sitting for row in found.of("plain")][:4] == [1, 0, 1, 0]
    assert found.sittings[1]["command"].endswith("--workers 2")
    before = (tmp_path / f"{NAME}.json").read_bytes()
    evidence.record(NAME, folder=tmp_path)  # nothing is left to do
    assert (tmp_path / f"{NAME}.json").read_bytes() == before


def to_be_killed(folder: Path, workers: int) -> None:
    evidence.record(NAME, folder=folder, workers=workers)


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize(
    ("workers", "kills", "bytes_more"),
    [(0, 4, 1000), (2, 2, 1000), *(pytest.param(workers, 20, 0, marks=pytest.mark.long) for workers in (0, 2))],
)
def test_kill_minus_nine_at_random_moments_loses_no_row(
    workers: int, kills: int, bytes_more: int, whole: Path, tmp_path: Path
) -> None:
    shard = tmp_path / f"{NAME}.rows.jsonl"
    kept: set[tuple[str, int]] = set()
    for _ in range(kills):
        begun = shard.stat().st_size if shard.exists() else 0
        child = Child.begin(to_be_killed, tmp_path, workers)
        child.kill_when(
            lambda begun=begun: shard.exists() and shard.stat().st_size > begun + bytes_more, random.random() * 0.02
        )
        lines = shard.read_text().split("\n")[:-1] if shard.exists() else []
        found = [json.loads(line) for line in lines]
        seen = [(row["arm"], row["seed"]) for row in found if "arm" in row]
        assert len(seen) == len(set(seen))  # no row is run twice
        assert kept <= set(seen) or not shard.exists()
        kept = set(seen)
    evidence.record(NAME, folder=tmp_path, workers=workers)
    assert rows_of(tmp_path) == rows_of(whole)
    assert not shard.exists()


def test_killed_between_the_merge_and_its_clean_up_rows_count_once(whole: Path, tmp_path: Path) -> None:
    text = (whole / f"{NAME}.json").read_text()
    (tmp_path / f"{NAME}.json").write_text(text)
    data = json.loads(text)
    lines = [{"sitting": data["sittings"][0], "budget": data["budget"]}, *data["rows"]]
    (tmp_path / f"{NAME}.rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"arm":"pl')
    with pytest.warns(UserWarning, match="cut short"):
        evidence.record(NAME, folder=tmp_path)
    assert (tmp_path / f"{NAME}.json").read_text() == text


def test_a_full_disk_is_one_line_and_loses_no_row(whole: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys, tests.evidence_toys; from pathlib import Path; from nascourse import evidence\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        f"evidence.record({NAME!r}, folder=Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "free some space" in done.stderr.splitlines()[-1]
    shard = (tmp_path / f"{NAME}.rows.jsonl").read_bytes()
    assert shard.endswith(b"\n")
    assert len(shard) > 1000
    evidence.record(NAME, folder=tmp_path)
    assert rows_of(tmp_path) == rows_of(whole)


def test_rerun_gives_the_recorded_row_and_a_change_is_named(whole: Path, tmp_path: Path) -> None:
    assert evidence.rerun(NAME, "plain", 2).values == evidence.load(NAME, whole).of("plain")[2].values
    assert evidence.differences(NAME, "plain", 2, whole) == []
    data = json.loads((whole / f"{NAME}.json").read_text())
    data["rows"][SEEDS + 2]["values"]["curve"][1] += 1e-9
    (tmp_path / f"{NAME}.json").write_text(json.dumps(data))
    (line,) = evidence.differences(NAME, "plain", 2, tmp_path)
    assert line.startswith("plain, seed 2, curve[1]: 0.")


def with_scores(treated: list[float], plain: list[float]) -> Evidence:
    rows = [
        Row(arm, n, 0.0, {"score": x}) for arm, xs in (("treated", treated), ("plain", plain)) for n, x in enumerate(xs)
    ]
    return Evidence(NAME, "", ("treated", "plain"), len(treated), {}, (), tuple(rows))


def test_the_verdict_follows_the_interval_and_the_smallest_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = np.linspace(0, 1, SEEDS).tolist(), np.linspace(2, 3, SEEDS).tolist()
    for treated, plain, smallest, word in (
        (high, low, 0.0, "holds"),
        (high, low, 1.9, "undecided"),  # the effect is 2, its interval reaches below 1.9
        (high, low, 5.0, "fails"),
        (low, high, 0.0, "fails"),
        (low, low, 0.0, "undecided"),
    ):
        monkeypatch.setitem(ledger._REGISTRY, NAME, replace(evidence.find(NAME), smallest=smallest))
        found = evidence.verdict(NAME, with_scores(treated, plain))
        assert found.word == word
        assert found.interval is not None
        assert word.capitalize() in str(found)


def test_too_few_seeds_and_missing_rows_decide_nothing() -> None:
    few = evidence.verdict(NAME, with_scores([9.0, 9.1, 9.2], [0.0, 0.1, 0.2]))
    assert (few.word, few.interval) == ("undecided", None)
    assert "smallest possible p is 0.1" in few.reason
    many = with_scores(np.linspace(2, 3, SEEDS).tolist(), np.linspace(0, 1, SEEDS).tolist())
    missing = evidence.verdict(NAME, replace(many, rows=many.rows[:-2]))
    none = evidence.verdict(NAME, replace(many, rows=many.rows[:SEEDS]))
    assert (none.word, none.reason) == ("undecided", f"{SEEDS} of its rows are still missing")
    assert missing.word == "undecided"
    assert missing.reason == "2 of its rows are still missing"
    assert isinstance(missing.interval, Interval)


def test_rows_of_another_design_are_refused(whole: Path, tmp_path: Path) -> None:
    data = json.loads((whole / f"{NAME}.json").read_text())
    for change in ({"budget": {"shift": 2.0}}, {"arms": ["treated", "other"]}, {"seeds": SEEDS + 1}):
        (tmp_path / f"{NAME}.json").write_text(json.dumps(data | change))
        with pytest.raises(CourseError, match="delete the file to record it anew"):
            evidence.record(NAME, folder=tmp_path)


def test_bad_names_are_refused_in_one_line(whole: Path, tmp_path: Path) -> None:
    for call, match in (
        (lambda: evidence.find("99_nothing"), "nascourse evidence list"),
        (lambda: evidence.rerun(NAME, "treatd", 0), "an arm out of treated, plain"),
        (lambda: evidence.rerun(NAME, "plain", SEEDS), f"a seed in 0..{SEEDS - 1}"),
        (lambda: evidence.load(NAME, tmp_path), f"nascourse evidence run {NAME}"),
        (lambda: evidence.load(NAME, whole).values("plain", "scor"), "a measure out of score, curve, lost"),
    ):
        with pytest.raises(CourseError, match=match) as error:
            call()
        assert "\n" not in str(error.value)
    (tmp_path / f"{NAME}.json").write_text("{")
    with pytest.raises(CourseError, match="evidence of schema 1"):
        evidence.load(NAME, tmp_path)


def test_the_command_records_checks_and_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASCOURSE_DATA", str(tmp_path))
    assert cli.main(["evidence", "run", NAME, "--slice"]) == 0
    assert "undecided" in capsys.readouterr().out.lower()
    assert [(row["arm"], row["seed"]) for row in rows_of(tmp_path / "evidence")] == [("treated", 0), ("plain", 0)]
    assert cli.main(["evidence", "run", NAME, "--seeds", "1:3", "--arms", "plain"]) == 0
    assert cli.main(["evidence", "run", NAME]) == 0
    assert cli.main(["evidence", "check", NAME]) == 0
    assert "treated, seed 0: as recorded" in capsys.readouterr().out
    assert cli.main(["evidence", "show", NAME]) == 0
    assert "The treated arm is higher. Holds: the effect is 1" in capsys.readouterr().out
    assert cli.main(["evidence", "run", NAME, "--seeds", "x"]) == 1
    assert "got '--seeds x'; expected N or A:B" in capsys.readouterr().err
