"""Lesson 01's explorer in JupyterLab: chosen by keyboard, the picture and the sentence follow, wide and narrow."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.driver import NotebookPage

CELL = """\
from nascourse.lessons.lesson_01.micro_cell import MicroCellExplorer
MicroCellExplorer()
"""


def test_the_picture_follows_the_keyboard(nbpage: NotebookPage) -> None:
    nbpage.open([CELL]).run_all()
    assert nbpage.errors() == []
    output = nbpage.output(0)
    picture, sentence, choice = (
        output.locator("svg[role=img]"),
        output.locator("[aria-live]"),
        output.get_by_label("0 → 3"),
    )
    expect(sentence).to_contain_text("0→3 conv 3×3")
    nbpage.shot("explorer-wide")

    choice.focus()
    choice.press("Home")
    expect(sentence).to_contain_text("0→3 none")
    expect(picture.locator("[data-key=edge-3]")).to_contain_text("none")
    expect(picture).to_have_count(1)
    expect(choice).to_be_focused()

    page = output.bounding_box()
    drawn = picture.bounding_box()
    assert page is not None
    assert drawn is not None
    assert drawn["x"] + drawn["width"] <= page["x"] + page["width"] + 1
    assert choice.bounding_box()["x"] < drawn["x"]  # type: ignore[index]

    nbpage.page.set_viewport_size({"width": 760, "height": 900})
    expect(picture).to_be_visible()
    nbpage.page.wait_for_timeout(500)
    drawn, box = picture.bounding_box(), choice.bounding_box()
    assert drawn is not None
    assert box is not None
    nbpage.shot("explorer-narrow")
    assert box["y"] < drawn["y"]  # the controls wrap above the picture
