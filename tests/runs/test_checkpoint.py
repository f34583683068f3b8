"""Checkpoints: what was saved is loaded, whatever is wrong is one line, and a failed save leaves the last good one."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nascourse.errors import CourseError
from nascourse.runs import atomic, checkpoint

CONFIG: dict[str, Any] = {"seed": 3, "recipe": {"lr": 0.025, "stages": (1, 2)}, "data": "fashion_mnist"}


def a_state() -> dict[str, Any]:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    sgd = torch.optim.SGD(network.parameters(), 0.1, 0.9)
    adam = torch.optim.Adam([torch.zeros(2, requires_grad=True)], 3e-4, (0.5, 0.999))
    network(torch.randn(5, 3)).sum().backward()
    sgd.step()
    return {
        "network": network.state_dict(),
        "sgd": sgd.state_dict(),
        "adam": adam.state_dict(),
        "schedule": torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 10).state_dict(),
        "generator": torch.Generator().manual_seed(5).get_state(),
        "rows": [{"epoch": 1, "loss": 0.5, "left": None}],
    }


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run.pt"
    checkpoint.save(path, a_state(), CONFIG)
    return path


def refusal(path: Path, config: dict[str, Any] = CONFIG) -> str:
    with pytest.raises(CourseError) as refused:
        checkpoint.load(path, config)
    assert "\n" not in str(refused.value)
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


def test_optimizers_schedules_and_generators_come_back_bit_for_bit(tmp_path: Path) -> None:
    state = a_state()
    checkpoint.save(tmp_path / "run.pt", state, CONFIG)
    again = checkpoint.load(tmp_path / "run.pt", CONFIG)
    assert equal(again, state)
    draws = [torch.Generator() for _ in range(2)]
    draws[0].set_state(again["generator"])
    draws[1].manual_seed(5)
    assert torch.equal(torch.rand(9, generator=draws[0]), torch.rand(9, generator=draws[1]))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.98, 0.9999])
def test_a_checkpoint_cut_short_is_told(saved: Path, part: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(part * len(data))])
    assert "cut short or damaged" in refusal(saved)


def test_a_flipped_bit_in_a_weight_is_found(saved: Path) -> None:
    weight = checkpoint.load(saved, CONFIG)["network"]["0.weight"].numpy().tobytes()
    data = bytearray(saved.read_bytes())
    data[data.index(weight) + 2] ^= 1
    saved.write_bytes(data)
    assert "cut short or damaged" in refusal(saved)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({**CONFIG, "seed": 4}, "seed=3"),
        ({**CONFIG, "recipe": {"lr": 0.1, "stages": (1, 2)}}, "recipe.lr=0.025"),
        ({**CONFIG, "recipe": {"lr": 0.025, "stages": (1, 3)}}, "recipe.stages=[1, 2]"),
        ({**CONFIG, "epochs": 5}, "no epochs"),
        ({"seed": 3, "recipe": CONFIG["recipe"]}, 'data="fashion_mnist"'),
    ],
)
def test_a_checkpoint_of_another_configuration_names_the_difference(
    saved: Path, config: dict[str, Any], named: str
) -> None:
    assert f"of a run with {named}" in refusal(saved, config)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    assert "No such file" in refusal(path)
    torch.save({"network": {}}, path)
    assert "a checkpoint of this course" in refusal(path)
    path.write_text("not a checkpoint")
    assert "cut short or damaged" in refusal(path)


class Runs:
    """What a malicious file would hold: a call, made on reading."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("ran",)


def test_a_file_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"kind": checkpoint.KIND, "schema": 1, "config": {}, "state": Runs()}, "run.pt")
    assert "not only tensors" in refusal(tmp_path / "run.pt", {})
    assert not (tmp_path / "ran").exists()


def test_a_save_that_fails_leaves_the_last_good_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    with pytest.raises(CourseError, match="not only tensors"):
        checkpoint.save(saved, {"rng": torch.Generator}, CONFIG)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(CourseError, match="No space left"):
        checkpoint.save(saved, a_state(), CONFIG)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_the_file_is_an_ordinary_one_of_torch(saved: Path) -> None:
    content = torch.load(io.BytesIO(saved.read_bytes()), weights_only=True)
    assert content["config"]["recipe"] == {"lr": 0.025, "stages": [1, 2]}
