"""Lesson 08's explorer in JupyterLab: by keyboard, by its switch and by playing, in the light and the dark theme."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.driver import NotebookPage

SEARCH = """\
import numpy as np
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.spaces.cell import CELL_OPS
from nascourse.lessons.lesson_08 import AlphaEvolutionExplorer
edges = tuple((i, j) for j in range(2, 6) for i in range(j))
drift = np.random.default_rng(0).normal(size=(2, 1, 14, 8)) * np.linspace(0, 1.5, 21)[:, None, None]
alphas = dict(zip(("normal", "reduce"), drift.astype(np.float32)))
AlphaEvolutionExplorer(AlphaHistory("cell", tuple(alphas), ("none", *CELL_OPS), edges, np.arange(21), alphas), 10)
"""


def test_the_recorded_search_follows_keys_switch_and_player(nbpage: NotebookPage) -> None:
    nbpage.open([SEARCH]).run_all()
    assert nbpage.errors() == []
    output, said = nbpage.output(0), nbpage.output(0).locator("[aria-live]")
    expect(said).to_contain_text("Normal cell after 10 of 20 steps")
    handle = output.locator(".noUi-handle")
    handle.press("ArrowRight")
    expect(said).to_contain_text("Normal cell after 11 of 20 steps")
    expect(output.locator("svg[role=img]")).to_contain_text("normal cell after 11 steps")
    output.get_by_role("button", name="reduction cell").press("Enter")
    expect(said).to_contain_text("Reduction cell after 11 of 20 steps")
    nbpage.cell(0).scroll_into_view_if_needed()
    for theme in ("Light", "Dark"):
        nbpage.theme(theme)
        nbpage.shot(f"alpha-{theme.lower()}")
    handle.press("Home")
    expect(said).to_contain_text("Reduction cell after 0 of 20 steps")
    output.locator(".widget-play button").first.click()
    expect(said).to_contain_text(re.compile(r"after 1?\d of"))
    expect(said).to_contain_text("after 20 of 20 steps", timeout=30_000)
