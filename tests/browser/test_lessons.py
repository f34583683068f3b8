"""Every committed lesson in JupyterLab: all cells run without an error, and its explorers follow their controls."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from nascourse.making.sources import NOTEBOOKS
from tests.browser.driver import Lab, NotebookPage

LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
MINUTES = 60_000


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_explorers_follow(lab: Lab, nbpage: NotebookPage, path: Path) -> None:
    nbpage.open(lab.add(path)).run_all(timeout=5 * MINUTES)
    assert nbpage.errors() == []
    page = nbpage.page
    assert page.locator(".jp-OutputArea-output").get_by_text("Error displaying widget").count() == 0

    live = page.locator(".jp-OutputArea-output", has=page.locator("svg[role=img], svg[role=group]"))
    expect(live.first).to_be_visible(timeout=MINUTES)
    explorers = live.filter(has=page.locator("svg[role=img]"))  # an editor is a group of buttons, with its own test
    for k in range(explorers.count()):
        _moves(explorers.nth(k))
    assert nbpage.page_errors == []


def _moves(explorer: Locator) -> None:
    """The first control of the explorer, moved by keyboard, changes picture and sentence."""
    picture, sentence = explorer.locator("svg[role=img]").first, explorer.locator("[aria-live]").first
    expect(sentence).not_to_be_empty()
    before, said = picture.get_attribute("aria-label"), sentence.inner_text()
    assert before
    control = explorer.locator(".noUi-handle, select").first
    control.scroll_into_view_if_needed()
    control.focus()
    is_list = control.evaluate("control => control.tagName === 'SELECT'")
    first = is_list and control.evaluate("control => control.selectedIndex === 0")
    ends = [control.get_attribute(f"aria-value{end}") for end in ("now", "max")]
    back = "ArrowLeft" if ends[0] == ends[1] else "ArrowRight"  # a slider that begins at its end
    control.press("End" if first else "Home" if is_list else back)
    expect(picture).not_to_have_attribute("aria-label", before)
    expect(sentence).not_to_have_text(said)
