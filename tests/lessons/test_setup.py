"""The set-up call: what it says, what it returns, and that lines differ by more than colour."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch

from nascourse.budgets import BUDGETS
from nascourse.lessons import setup


def test_setup_tells_and_returns_and_seeds_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASCOURSE_MODE", "ci")
    monkeypatch.setenv("NASCOURSE_DEVICE", "cpu")
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with mpl.rc_context():
        numbers = setup("01")
        cycle = list(mpl.rcParams["axes.prop_cycle"])
        assert mpl.rcParams["figure.facecolor"] == "white"
    out = capsys.readouterr().out
    assert f"torch {torch.__version__}" in out
    assert "device cpu" in out
    assert "mode ci" in out
    assert numbers.trials == BUDGETS["01"]["trials"].ci
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert len({style["color"] for style in cycle}) == len({str(style["linestyle"]) for style in cycle}) == len(cycle)
