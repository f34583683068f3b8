"""``nascourse darts search`` with the smallest preset: what it writes, in one go and in slices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nascourse.cli import main
from nascourse.runs.runner import CHECKPOINT
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.search.gradient.commands import GENOTYPE, HISTORY
from nascourse.spaces.cell import Genotype
from nascourse.spaces.micro import MicroCell


def search(folder: Path, *more: str) -> int:
    return main(["darts", "search", "--preset", "ci", "--device", "cpu", "--out", str(folder), *more])


@pytest.mark.parametrize(
    ("space", "arch", "order", "taken"), [("cell", Genotype, "1", "first"), ("micro", MicroCell, "2", "second")]
)
def test_a_search_leaves_history_architecture_and_where_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], space: str, arch: type, order: str, taken: str
) -> None:
    assert search(tmp_path, "--space", space, "--order", order, "--seed", "3") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CHECKPOINT, GENOTYPE, HISTORY])
    history = AlphaHistory.load(tmp_path / HISTORY)
    found = arch.from_json(json.loads((tmp_path / GENOTYPE).read_text()))
    assert history.derived(-1) == found
    assert (history.space, history.meta["seed"], history.meta["config"]["order"]) == (space, 3, taken)
    (sitting,) = history.meta["sittings"]
    assert sitting["command"].startswith(f"nascourse darts search --space {space} --data fashion --preset ci --seed 3")
    assert {"commit", "versions", "hardware", "date", "device", "seconds", "steps"} <= sitting.keys()
    assert str(tmp_path) not in json.dumps(history.meta)
    assert "supernet accuracy" in capsys.readouterr().out


def test_slices_of_minutes_come_to_the_same_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--space", "micro", "--order", "1")
    search(tmp_path / "whole", *options)
    capsys.readouterr()
    for _ in range(20):
        assert search(tmp_path / "sliced", *options, "--minutes", "0") == 0
        if "the same command goes on" not in capsys.readouterr().out:
            break
    whole, sliced = (AlphaHistory.load(tmp_path / name / HISTORY) for name in ("whole", "sliced"))
    np.testing.assert_array_equal(whole.alphas["cell"], sliced.alphas["cell"])
    assert len(sliced.meta["sittings"]) == 10
    assert (tmp_path / "whole" / GENOTYPE).read_bytes() == (tmp_path / "sliced" / GENOTYPE).read_bytes()


def test_what_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(tmp_path, "--space", "micro", "--minutes", "0") == 0
    capsys.readouterr()
    assert search(tmp_path, "--space", "micro", "--order", "2") == 1
    assert "config.order" in capsys.readouterr().err
    assert search(tmp_path / "other", "--seed", "-1") == 1
    assert search(tmp_path / "other", "--space", "micro", "--partial", "3") == 1
    assert capsys.readouterr().err.count("\n") == 2
