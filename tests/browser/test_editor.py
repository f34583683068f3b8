"""The cell editor in JupyterLab: by mouse and by keyboard, from Python and back, in the light and the dark theme."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from nascourse.networks.build import measure, small
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import DARTS_V2
from tests.browser.driver import NotebookPage

MICRO = """\
from nascourse.spaces.micro import MicroCell
from nascourse.lessons.lesson_03.editor import CellEditor
editor = CellEditor(MicroCell(("skip_connect",) * 6))
editor
"""
GENOTYPE = """\
from nascourse.spaces.published import DARTS_V2, NASNET_A
from nascourse.lessons.lesson_03.editor import CellEditor
editor = CellEditor(DARTS_V2)
editor
"""


def edge(output: Locator, k: int) -> Locator:
    return output.locator(f"[data-key=edge-{k}]")


def label(output: Locator, k: int) -> Locator:
    """The edge's label: the middle of a curved edge's box is not on the curve."""
    return edge(output, k).locator("rect")


def cell_types(nbpage: NotebookPage) -> list[str]:
    return nbpage.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(cell => cell.type)"
    )


def test_a_micro_cell_by_mouse_keyboard_and_python(nbpage: NotebookPage) -> None:
    cells = [MICRO, "editor.arch = MicroCell(('none',) * 5 + ('nor_conv_3x3',))", "print(editor.arch)"]
    nbpage.open(cells)
    nbpage.run_cell(0)
    output, page = nbpage.output(0), nbpage.page
    sentence = output.locator("[aria-live]")
    all_skips = MicroCell(("skip_connect",) * 6)
    start = measure(all_skips, **small(all_skips))
    expect(sentence).to_contain_text(f"{start.params:,} parameters")

    label(output, 4).click()
    expect(edge(output, 4)).to_have_attribute("aria-label", "edge from node 1 to node 3: conv 1×1")
    expect(edge(output, 4)).to_be_focused()
    changed = MicroCell(("skip_connect",) * 4 + ("nor_conv_1x1", "skip_connect"))
    now = measure(changed, **small(changed))
    for value in (now.params, now.macs, now.receptive_field, now.paths):
        expect(output.locator(".nascourse-editor svg")).to_contain_text(f"{value:,}")
    expect(sentence).to_contain_text(f"{now.params:,} (+{now.params - start.params:,}) parameters")

    page.keyboard.press("Tab")
    expect(edge(output, 5)).to_be_focused()
    page.keyboard.press("Enter")
    expect(edge(output, 5)).to_contain_text("conv 1×1")
    expect(edge(output, 5)).to_be_focused()
    page.keyboard.press(" ")
    expect(edge(output, 5)).to_contain_text("conv 3×3")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("ArrowUp")
    expect(edge(output, 5)).to_contain_text("skip")
    expect(edge(output, 5)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(edge(output, 3)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(edge(output, 3)).to_contain_text("conv 1×1")
    for expected in ("skip", "conv 1×1"):
        page.keyboard.press("Control+z")
        expect(edge(output, 3 if expected == "skip" else 5)).to_contain_text(expected)
    page.keyboard.press("r")  # elsewhere in JupyterLab this makes a raw cell
    expect(output.locator("[role=alert]")).to_be_hidden()
    assert cell_types(nbpage) == ["code"] * 3
    nbpage.shot("editor-micro")

    output.get_by_role("button", name="reset").click()
    expect(edge(output, 4)).to_contain_text("skip")
    output.get_by_role("button", name="undo").click()
    expect(edge(output, 4)).to_contain_text("conv 1×1")
    expect(edge(output, 3)).to_be_focused()  # a click on a button leaves the focus where it was

    nbpage.run_cell(1)
    expect(edge(output, 0)).to_have_attribute("aria-label", "edge from node 0 to node 1: none")
    expect(output.locator(".nascourse-editor svg")).to_contain_text("0")
    label(output, 3).click()
    expect(edge(output, 3)).to_contain_text("skip")
    nbpage.run_cell(2)
    expect(nbpage.output(2)).to_contain_text("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
    assert nbpage.errors() == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_genotype_is_rewired_and_its_cells_are_shown_in_turn(nbpage: NotebookPage, theme: str) -> None:
    nbpage.theme(theme)
    nbpage.open([GENOTYPE]).run_all()
    output, page = nbpage.output(0), nbpage.page
    expect(output.get_by_role("button", name="edge")).to_have_count(8)

    edge(output, 2).focus()
    page.keyboard.press("r")
    expect(edge(output, 3)).to_have_attribute("aria-label", "edge from node 2 to node 3: sep 3×3")
    expect(edge(output, 3)).to_be_focused()  # the focus goes with the edge that is drawn elsewhere now
    output.get_by_role("button", name=re.compile("other input")).click()
    expect(edge(output, 2)).to_have_attribute("aria-label", "edge from input k−2 to node 3: sep 3×3")
    expect(edge(output, 2)).to_be_focused()
    label(output, 6).click(modifiers=["Shift"])
    expect(edge(output, 6)).to_contain_text("avg 3×3")
    nbpage.shot(f"editor-genotype-{theme.lower()}")

    edge(output, 0).focus()
    page.keyboard.press("R")
    expect(output.locator("[role=alert]")).to_contain_text("rewire a later node")
    expect(edge(output, 0)).to_be_focused()

    reduction = output.get_by_role("button", name="reduction cell", exact=True)
    reduction.focus()
    page.keyboard.press("Enter")
    expect(reduction).to_have_attribute("aria-pressed", "true")
    expect(output.locator(".nascourse-editor svg")).to_contain_text("Reduction cell")
    expect(output.locator("[role=alert]")).to_be_hidden()
    output.locator("[data-key=place-1] text").click()
    expect(output.locator("svg[role=group]")).to_contain_text("Normal cell")
    output.locator("[data-key=place-3] text").click()
    expect(output.locator("svg[role=group]")).to_contain_text("The reduction cell (R) sits at 2 of 6 places")
    before, after = DARTS_V2.reduce.pairs()[0][0], "avg 3×3"
    assert before == "max_pool_3x3"
    label(output, 0).click()
    expect(edge(output, 0)).to_contain_text(after)
    drawn, area = output.locator(".nascourse-editor svg").bounding_box(), output.bounding_box()
    assert drawn is not None
    assert area is not None
    assert drawn["x"] + drawn["width"] <= area["x"] + area["width"] + 1
    assert nbpage.errors() == []


def test_an_error_in_the_kernel_and_a_busy_kernel_are_told(nbpage: NotebookPage) -> None:
    busy = "import pathlib, time\nwhile not pathlib.Path('go on').exists():\n    time.sleep(0.02)"
    cells = [MICRO, busy, "editor._measure = lambda arch: 1 / 0"]
    nbpage.open(cells)
    nbpage.run_cell(0)
    output = nbpage.output(0)
    nbpage.run_cell(1, wait=False)
    label(output, 0).click()
    expect(output.locator("[role=status]")).to_contain_text("busy")
    (nbpage.lab.root / "go on").touch()
    expect(edge(output, 0)).to_contain_text("conv 1×1")
    expect(output.locator("[role=status]")).to_be_empty()

    nbpage.run_cell(2)
    label(output, 1).click()
    expect(output.locator("[role=alert]")).to_contain_text("ZeroDivisionError: division by zero")
    expect(edge(output, 1)).to_contain_text("skip")
