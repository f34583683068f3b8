"""Every explorer of every committed lesson lives in JupyterLab and follows its controls."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from nascourse.making.sources import NOTEBOOKS
from tests.browser.driver import NotebookPage
from tests.browser.slices import explorers_alone, shown

LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_explorers_of_a_lesson_follow(nbpage: NotebookPage, path: Path) -> None:
    cells = explorers_alone(nbformat.read(path, as_version=4))
    nbpage.open(cells).run_all()
    assert nbpage.errors() == []
    assert nbpage.page.locator(".jp-OutputArea-output").get_by_text("Error displaying widget").count() == 0
    names = [(index, name) for index, cell in enumerate(cells) for name in shown(cell)]
    assert names, "a lesson has something to move"
    for index, name in names:
        output = nbpage.output(index)
        if name.endswith("Editor"):  # a group of buttons, with its own test
            expect(output.locator("svg[role=group]")).to_be_visible()
        else:
            _moves(output)


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
