"""Lesson 01's evidence: recorded whole, repeatable, and what the lesson's text says of it is what the rows give."""

from __future__ import annotations

import ast

import jupytext
import numpy as np
import pytest
import torch

from nascourse import evidence
from nascourse.bootstrap import ROOT
from nascourse.budgets import BUDGETS
from nascourse.data import load
from nascourse.evaluation.training import TrainFromScratch
from nascourse.evidence.statistics import Interval, difference
from nascourse.lessons.lesson_01 import experiments as lesson_01
from nascourse.lessons.lesson_01.experiments import IMAGE, NET, RESIDUAL, hand_made, one_search, recipe, search_data
from nascourse.networks.build import count
from nascourse.search.loop import trial_seed
from nascourse.spaces.base import Trial
from nascourse.spaces.micro import MicroCell

NAMES = ("01_winner_beats_median", "01_full_run")
SOURCE = ROOT / "notebooks" / "src" / "01_nas_pipeline.py"


def values(measure: str) -> np.ndarray:
    return evidence.load(NAMES[0]).values("search", measure)


# -- what the lesson's text says --------------------------------------------------------------------------------------


def test_the_verdicts_are_those_the_text_speaks_of() -> None:
    assert evidence.verdict(NAMES[0]).word == "holds"
    assert evidence.verdict(NAMES[1]).word == "undecided"


def test_winner_and_hand_made_network_are_not_told_apart() -> None:
    effect = difference(values("winner_test"), values("hand_made_test"), paired=True)
    assert effect.low < 0 < 0.005 < effect.high < 0.01
    assert abs(effect.estimate) < 0.0025
    assert values("winner_params").mean() > 1.2 * values("median_params").mean()


def test_winners_fall_and_median_cells_rise() -> None:
    def change(arm: str) -> Interval:
        return difference(values(f"{arm}_again"), values(f"{arm}_valid"), paired=True)

    assert change("winner").high < 0 < change("median").low
    assert -0.025 < change("winner").estimate < -0.015
    assert 0.005 < change("median").estimate < 0.015
    assert (values("winner_valid") - values("median_valid")).mean() > 0.05
    assert (values("winner_again") - values("median_again")).mean() == pytest.approx(0.02, abs=0.005)


# -- the rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_there_and_follows_from_its_own_numbers(name: str) -> None:
    recorded, design = evidence.load(name), evidence.find(name)
    assert recorded.missing == 0
    assert (recorded.budget, recorded.hypothesis) == (design.budget, design.hypothesis)
    for row in recorded.rows:
        scores = row.values["accuracies"]
        assert len(scores) == design.budget["trials"]
        assert row.values["winner_valid"] == max(scores) == scores[row.values["winner_trial"]]
        assert row.values["median_valid"] == sorted(scores)[len(scores) // 2]
        for text, params in zip(row.values["cells"], row.values["params"], strict=True):
            assert count(MicroCell.from_string(text), IMAGE, **NET).params == params
        assert row.values["hand_made_params"] == pytest.approx(row.values["winner_params"], rel=0.1)  # "of its size"


def test_lesson_mode_and_full_mode_run_what_is_recorded() -> None:
    for name, mode in zip(NAMES, ("lesson", "full"), strict=True):
        numbers = {key: getattr(value, mode) for key, value in BUDGETS["01"].items()}
        assert numbers.pop("final_images") == len(load().both())
        assert numbers == evidence.find(name).budget


def test_a_slice_run_again_is_as_recorded() -> None:
    """The cells of a whole search, and the training of its first trial."""
    design, row = evidence.find(NAMES[0]), evidence.load(NAMES[0]).rows[0]
    rerun = one_search("search", row.seed, **{**design.budget, "images": 64, "final_epochs": 1})
    assert rerun["cells"] == row.values["cells"]
    chooses, _ = search_data(design.budget["images"], row.seed)
    first = TrainFromScratch(chooses, recipe(design.budget["epochs"]), NET)(
        Trial(0, MicroCell.from_string(row.values["cells"][0]), trial_seed(row.seed, 0))
    )
    assert first.accuracy == pytest.approx(row.values["accuracies"][0], abs=design.tolerance)


def test_the_halves_are_disjoint_and_drawn_by_the_seed() -> None:
    (a, b), (again, _), (other, _) = search_data(100, 1), search_data(100, 1), search_data(100, 2)
    images = [image.numpy().tobytes() for half in (a.valid, b.valid) for image in half.pixels]
    assert sorted(images) == sorted(image.numpy().tobytes() for image in load().shrunk(2).valid.pixels)
    assert torch.equal(a.valid.pixels, again.valid.pixels)
    assert not torch.equal(a.valid.pixels, other.valid.pixels)


# -- the lesson's functions are the package's -------------------------------------------------------------------------


def _function(name: str) -> str:
    for cell in jupytext.read(SOURCE).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return ast.unparse(node)
    raise AssertionError(name)


def test_the_lessons_hand_made_network_is_the_experiments() -> None:
    namespace = {"NET": dict(NET), "RESIDUAL": RESIDUAL, "count": count, "data": load().shrunk(2)}
    exec(_function("same_size"), namespace)
    for params in (194, 1970, 3986, 7538, 10_850):
        assert namespace["same_size"](params) == hand_made(params)  # type: ignore[operator]


def test_the_lessons_final_test_is_the_experiments() -> None:
    data = load().shrunk(2)
    few, test = data.train.subset(128), data.valid.subset(200)
    namespace = {name: getattr(lesson_01, name) for name in ("SearchData", "accuracy", "build_seeded", "train")}
    namespace |= {"SEED": 3, "device": "cpu", "everything": few, "recipe": recipe(1)}
    exec(_function("tested"), namespace)
    assert namespace["tested"](RESIDUAL, NET, test) == lesson_01.tested(RESIDUAL, NET, few, test, 1, 3)
