"""Lesson 07's explorers in JupyterLab: a slider that counts and one that must not, and a walk that plays."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.driver import NotebookPage

EDGE = """\
import numpy as np
from nascourse.lessons.lesson_07 import RelaxationExplorer
RelaxationExplorer(["skip", "flat"], np.stack([np.eye(14), np.ones((14, 14))]), [1.0, 0.0])
"""
WALK = """\
from nascourse.lessons.lesson_07 import BilevelExplorer
BilevelExplorer(xi=0.25)
"""


def test_weights_follow_alpha_and_the_walk_plays(nbpage: NotebookPage) -> None:
    nbpage.open([EDGE, WALK]).run_all()
    assert nbpage.errors() == []

    edge, said = nbpage.output(0), nbpage.output(0).locator("[aria-live]")
    expect(said).to_contain_text("skip 0.73, flat 0.27")  # e / (e + 1)
    handles = edge.locator(".noUi-handle")
    handles.nth(3).press("ArrowRight")  # all plus
    expect(edge.locator("svg[role=img]")).to_contain_text("1.1")
    expect(said).to_contain_text("skip 0.73, flat 0.27")
    handles.nth(0).press("Home")
    expect(said).to_contain_text("Argmax keeps flat")

    walk, said = nbpage.output(1), nbpage.output(1).locator("[aria-live]")
    expect(said).to_contain_text("After 60 steps")
    nbpage.cell(1).scroll_into_view_if_needed()
    nbpage.shot("gradient")
    walk.locator(".widget-play button").first.click()
    expect(said).to_contain_text(re.compile(r"After [1-5]?\d steps"))
    expect(said).to_contain_text("After 60 steps", timeout=30_000)
    xi = walk.locator(".noUi-handle").first
    xi.press("Home")
    expect(said).to_contain_text("one step (ξ = 0.00): α = 2.00")
