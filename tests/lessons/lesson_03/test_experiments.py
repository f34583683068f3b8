"""Lesson 03: its cells agree with the package, and what its text says of the evidence is what the rows give."""

from __future__ import annotations

from typing import Any

import jupytext
import pytest
import torch

from nascourse import evidence
from nascourse.bootstrap import ROOT
from nascourse.data import load
from nascourse.evidence.statistics import average, difference
from nascourse.lessons.lesson_03 import experiments as lesson_03
from nascourse.lessons.lesson_03.experiments import chosen_and_average, taus
from nascourse.networks.receptive_field import Window, cell_window

SOURCE = ROOT / "notebooks" / "src" / "03_cell_based.py"
DEFINED = ("cell_forward", "enumerate_cells")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """The cells of the lesson that define functions of its own, run by themselves."""
    names: dict[str, Any] = {"torch": torch}
    exec("from itertools import product", names)
    for cell in jupytext.read(SOURCE).cells:
        if cell.cell_type == "code" and any(f"def {name}(" in cell.source for name in DEFINED):
            exec(cell.source, names)
    return names


@pytest.fixture(scope="module")
def text() -> str:
    cells = jupytext.read(SOURCE).cells
    return " ".join(" ".join(c.source for c in cells if c.cell_type == "markdown").replace("*", "").split())


def test_the_lessons_cell_computes_what_the_packages_does(lesson: dict[str, Any]) -> None:
    ones = torch.ones(1, 1)
    for genotype in lesson_03.group_cells(0):
        sources = [source for _, source in genotype.normal.pairs()]
        paths = lesson["cell_forward"](sources, [lambda z: z] * 8, ones, ones).sum()
        window = cell_window(genotype.normal, [Window(), Window()])
        assert window is not None
        assert paths == window.paths  # with identities the output counts paths


def test_the_lessons_enumeration_counts_products(lesson: dict[str, Any]) -> None:
    assert lesson["enumerate_cells"](2, 3) == (2 * 2 * 9) * (3 * 3 * 9)


def test_groups_are_what_they_say() -> None:
    assert len({g for group in range(lesson_03.GROUPS) for g in lesson_03.group_cells(group)}) == 48
    images = load().valid
    half = lesson_03.only(images, [2, 7])
    assert len(half) == 800
    assert half.classes == (images.classes[2], images.classes[7])
    assert torch.equal(half.pixels[half.labels == 1], images.pixels[images.labels == 7])


def test_everything_is_recorded() -> None:
    for name in ("03_depth", "03_classes"):
        assert evidence.load(name).missing == 0
        assert evidence.find(name).seeds == 6 * 8


def test_the_text_says_what_the_rows_say(text: str) -> None:
    depth, classes = evidence.load("03_depth"), evidence.load("03_classes")
    words = {evidence.verdict(name).word for name in ("03_depth", "03_classes")}
    assert words == {"undecided"}
    assert "Both claims are undecided here" in text

    over_depth, again, over_classes = (
        average(t)
        for t in (
            taus(depth, "shallow", "deep"),
            taus(depth, "deep", "deep_again"),
            taus(classes, "found_on", "used_on"),
        )
    )
    assert all(0 < tau.estimate < 0.3 for tau in (over_depth, again, over_classes))
    assert over_depth.low < 0 < over_classes.low
    assert "Over classes the rankings agree more than by chance; over depth the interval reaches below zero" in text

    for rows, a, b in ((depth, "shallow", "deep"), (depth, "deep", "deep_again"), (classes, "found_on", "used_on")):
        chosen, mean = chosen_and_average(rows, a, b)
        assert chosen.mean() > mean.mean()  # "a little better in every row of the table"
    itself = difference(*chosen_and_average(depth, "deep", "deep_again"), paired=True)
    assert 0.01 < itself.estimate < 0.015  # "gains little more than a point"
    shallow, deep = (depth.values(arm, "accuracy").mean() for arm in ("shallow", "deep"))
    assert deep <= shallow  # "no better than a shallow one"


@pytest.mark.parametrize("name", ["03_depth", "03_classes"])
def test_a_slice_run_again_is_as_recorded(name: str) -> None:
    arm, seed = evidence.find(name).slice[0]
    torch.set_num_threads(1)
    assert evidence.differences(name, arm, seed) == []
