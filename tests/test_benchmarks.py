"""The benchmarks run and print what they promise; how quick anything is, no test asks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from nascourse.bootstrap import ROOT


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "sizes", "ratios"),
    [
        ("table_lookup", {"LOOK_UPS": 100, "RUNS": 1, "EVALUATIONS": 20, "PAIRS": 1}, 6),
        ("search_overhead", {"EVALUATIONS": 20, "SEEDS": 2}, 4),
    ],
)
def test_ratios_are_printed(
    name: str, sizes: dict[str, int], ratios: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = benchmark(name)
    for constant, size in sizes.items():
        assert hasattr(module, constant)
        monkeypatch.setattr(module, constant, size)
    if name == "table_lookup":  # its default was read when it was defined
        monkeypatch.setattr(module.compare, "__defaults__", (1,))
    module.main()
    assert len(re.findall(r"ratio.* [\d.]+", capsys.readouterr().out)) == ratios


def test_the_step_of_the_course_is_compared_with_the_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--channels", "4", "--cells", "2", "--batch", "4", "--image", "8", "--pairs", "1", "--threads", "1"]
    module, run = benchmark("darts_step"), subprocess.run
    real: list[Any] = []

    def once(command: list[str], **keywords: Any) -> Any:
        """The first process of its own is one; what it prints stands for the second as well."""
        if not real:
            real.append(run(command, **keywords))
        assert command[1:-1] == real[0].args[1:-1]
        return real[0]

    monkeypatch.setattr(module.subprocess, "run", once)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "benchmarks" / "darts_step.py"), *small])
    module.main()
    told = capsys.readouterr().out
    assert float(re.search(r"first losses differ by (\S+)", told)[1]) < 1e-4  # type: ignore[index]
    assert re.search(r"median of 1 pairs: [\d.]+ times faster", told)
    assert re.search(r"peak memory: course [\d.]+ GiB, reference [\d.]+ GiB", told)
