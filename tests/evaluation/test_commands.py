"""``nascourse train``: by name or from a file, in slices, with one line for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nascourse.cli import main
from nascourse.errors import CourseError
from nascourse.evaluation.commands import read_architecture
from nascourse.networks.export import save_design
from nascourse.spaces.base import Architecture
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import DARTS_V1, DARTS_V2

CELL = MicroCell(("nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "skip_connect"))
Said = pytest.CaptureFixture[str]


def train(out: Path, *options: str, arch: str = "DARTS_V2") -> int:
    return main(["train", arch, "--preset", "ci", "--device", "cpu", "--out", str(out), *options])


def test_in_slices_up_to_the_record_and_the_program(tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "new" / "run"
    assert train(out, "--minutes", "0") == 0
    said = capsys.readouterr()
    assert "0 of 2 epochs" in said.out
    assert "1/6" in said.err  # the bar: batches done, of all epochs
    assert not json.loads((out / "training.json").read_text())["finished"]
    assert train(out) == 0
    said = capsys.readouterr()
    record = json.loads((out / "training.json").read_text())
    assert f"test accuracy {record['test']:.4f} on 96 images; {record['params']:,} parameters" in said.out
    assert "6/6" in said.err
    assert [sitting["command"] for sitting in record["sittings"]] == [
        "nascourse train DARTS_V2 --data fashion --preset ci --seed 0"
    ] * 2
    program = torch.export.load(out / "network.pt2").module()
    assert program(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_another_setting_in_the_same_folder_is_a_line(tmp_path: Path, capsys: Said) -> None:
    assert train(tmp_path, "--minutes", "0") == 0
    capsys.readouterr()
    assert train(tmp_path, "--seed", "1") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("nascourse train: got 'checkpoint.pt of a run with seed=0'; expected seed=1")


@pytest.mark.parametrize(
    ("write", "arch"),
    [
        (lambda path: path.write_text(json.dumps(DARTS_V1.to_json())), DARTS_V1),
        (lambda path: path.write_text(json.dumps(CELL.to_json())), CELL),
        (lambda path: save_design(path, DARTS_V2, channels=4, cells=3), DARTS_V2),
    ],
)
def test_architectures_are_read_from_files(write: Callable[[Path], object], arch: Architecture, tmp_path: Path) -> None:
    write(tmp_path / "found.json")
    assert read_architecture(str(tmp_path / "found.json")) == arch


def test_published_ones_are_known_by_name() -> None:
    assert read_architecture("DARTS_V1") == DARTS_V1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "one of DARTS_V1"),
        ("{", "a JSON file of an architecture"),
        ("[1]", "field 'architecture' of type dict"),
        ("{}", "architecture.kind=None"),
        ('{"kind": "genotype", "schema": 1}', "field 'normal'"),
    ],
)
def test_what_is_no_architecture_is_a_line(text: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CourseError) as refused:
        read_architecture(str(path))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("options", "told"), [(["--seed", "-1"], "--seed -1"), (["--device", "tpu"], "tpu")])
def test_options_that_cannot_be(options: list[str], told: str, tmp_path: Path, capsys: Said) -> None:
    assert train(tmp_path, *options) == 1
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_images_that_are_not_there_are_a_line(tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_DATA", str(tmp_path))
    monkeypatch.setattr("nascourse.data.CHECKOUT_DATA", tmp_path)
    assert train(tmp_path / "out", "--data", "cifar10") == 1
    assert "cifar-10-batches-py" in capsys.readouterr().err.splitlines()[-1]
