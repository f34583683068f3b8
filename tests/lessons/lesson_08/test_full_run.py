"""The stored full run of lesson 08: one search, and the training of what it found, with the presets they name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from nascourse.data import find, load_test
from nascourse.evaluation import retrain_plan
from nascourse.networks.build import count
from nascourse.runs.plain import plain
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.search.gradient.darts_config import PRESETS
from nascourse.spaces.cell import Genotype

PLAN = retrain_plan.PRESETS["cpu_hour"]


@pytest.fixture(scope="module")
def history() -> AlphaHistory:
    return AlphaHistory.load(find("results/08_full_search.npz"))


@pytest.fixture(scope="module")
def training() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(find("results/08_full_training.json").read_text(encoding="utf-8"))
    return record


def test_the_search_is_whole_and_the_presets(history: AlphaHistory) -> None:
    config = PRESETS["cell"]["cpu_hour"].config
    assert history.meta["config"] == plain(asdict(config))
    assert len(history.epochs) == config.epochs
    assert history.steps[-1] == history.epochs[-1]["step"]
    assert sum(sitting["steps"] for sitting in history.meta["sittings"]) == history.steps[-1]


def test_what_was_trained_is_what_was_found(history: AlphaHistory, training: dict[str, Any]) -> None:
    found = history.derived(-1)
    assert isinstance(found, Genotype)
    assert training["architecture"] == found.to_json()
    assert training["settings"] == plain(asdict(PLAN))
    assert training["finished"]
    assert len(training["rows"]) == PLAN.epochs


def test_the_training_was_tested_on_the_official_images(history: AlphaHistory, training: dict[str, Any]) -> None:
    images = load_test("fashion_mnist")
    assert training["images"]["test"]["number"] == len(images) == 10_000
    assert training["images"]["test"]["sha256"] == images.digest()
    net = PLAN.net(history.derived(-1), images.shape, 10)
    net.pop("auxiliary")
    assert training["params"] == count(history.derived(-1), images.shape, **net).params


def test_each_sitting_says_where_it_ran(history: AlphaHistory, training: dict[str, Any]) -> None:
    for sitting in (*history.meta["sittings"], *training["sittings"]):
        assert {"command", "commit", "versions", "hardware", "date", "device"} <= set(sitting)
        assert sitting["command"].startswith("nascourse ")
        assert "cpu_hour" in sitting["command"]
