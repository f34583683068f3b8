"""The command line, the doctor's table and the choice of the device."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nascourse import cli, doctor
from nascourse.device import pick_device
from nascourse.errors import CourseError, bad_input


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_function_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, summary = cli.COMMANDS[name]
    assert module.endswith((".commands", f".{name}"))
    getattr(importlib.import_module(module), name)(parser := argparse.ArgumentParser())
    ways = [action.choices.values() for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for way in [way for several in ways for way in several] or [parser]:
        assert callable(way.get_default("run") or parser.get_default("run"))
    for arguments in ([name, "--help"], ["--help"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0
        assert " ".join(summary.split()[:3]) in " ".join(capsys.readouterr().out.split())


def test_a_wrong_command_names_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["docter"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert all(name in error for name in ("docter", *cli.COMMANDS))


def test_bad_input_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(args: argparse.Namespace) -> int:
        raise bad_input("x", "y", "z")

    monkeypatch.setattr(doctor, "run", refuse)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "nascourse doctor: got 'x'; expected y; z\n"


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; from nascourse.cli import main; main(['doctor'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "WRONG" in done.stdout
    assert "To put right: torch" in done.stdout


# -- doctor ------------------------------------------------------------------------------------------------------


def test_doctor_knows_every_requirement() -> None:
    rows = {row.name: row for row in doctor.examine()}
    declared = {line.split(">=")[0] for line in importlib.metadata.requires("nascourse") or [] if ">=" in line}
    assert declared <= rows.keys()
    assert rows["torch"].found == importlib.metadata.version("torch")
    assert {"Python", "free disk", "Chromium", "mode", "torch device", "torch threads"} <= rows.keys()


def test_doctor_tells_missing_from_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def versions(name: str) -> str:
        if name in ("scipy", "gymnasium"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1"

    monkeypatch.setattr(importlib.metadata, "version", versions)
    states = {row.name: row.state for row in doctor.examine()}
    assert states["scipy"] == "MISSING"
    assert states["gymnasium"] == "-"  # only an extra
    assert states["torch"] == "WRONG"


def test_doctor_survives_a_wrong_mode_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASCOURSE_MODE", "fast")
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("WRONG") and "fast" in line for line in lines)
    assert lines[-1] == "To put right: mode"


def test_the_browser_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "own-browser.exe"
    own.touch()
    own.chmod(own.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHROMIUM", str(own))
    assert doctor.find_chromium() == str(own)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "absent"))
    assert doctor.find_chromium() is None


# -- device ------------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without an accelerator, whatever this one has."""
    monkeypatch.delenv("NASCOURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def test_the_best_device_is_taken(machine: pytest.MonkeyPatch) -> None:
    assert pick_device() == torch.device("cpu")
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == torch.device("mps")
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(CourseError, match="cuda:2"):
        pick_device("cuda:2")


def test_the_variable_and_the_argument_override(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: 1)
    machine.setenv("NASCOURSE_DEVICE", "cpu")
    assert pick_device() == torch.device("cpu")
    assert pick_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda", "mps", "cpu:1", "xla", "meta", "cuda:x"])
def test_a_bad_device_is_one_line(machine: pytest.MonkeyPatch, name: str) -> None:
    machine.setenv("NASCOURSE_DEVICE", name)
    with pytest.raises(CourseError) as refused:
        pick_device()
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
