"""Lesson 03's editor in JupyterLab: an edge changed by keyboard and by mouse, and the numbers follow."""

from __future__ import annotations

from playwright.sync_api import expect

from nascourse.lessons.lesson_03.editor import step_operation
from nascourse.networks.build import measure
from nascourse.spaces.cell import Genotype
from nascourse.spaces.published import DARTS_V2
from tests.browser.driver import NotebookPage

EDITOR = """\
from nascourse.spaces.published import DARTS_V2
from nascourse.lessons.lesson_03.editor import CellEditor
editor = CellEditor(DARTS_V2, net={"channels": 16, "cells": 6})
editor
"""


def params(genotype: Genotype) -> str:
    return f"{measure(genotype, channels=16, cells=6).params:,}"


def test_an_edge_of_the_lessons_cell_changes_by_key_and_click(nbpage: NotebookPage) -> None:
    nbpage.open([EDITOR]).run_all()
    assert nbpage.errors() == []
    output = nbpage.output(0)
    expect(output.locator("svg[role=group]")).to_contain_text(params(DARTS_V2))

    first = step_operation(DARTS_V2, "normal", 0)[0]
    edge = output.locator("[data-key=edge-0]")
    edge.focus()
    edge.press("Enter")
    expect(output.locator("svg[role=group]")).to_contain_text(params(first))

    # the pairs of a node keep an order of their own: edge 2 belongs to node 3 and is where it was
    second = step_operation(first, "normal", 2)[0]
    output.locator("[data-key=edge-2] rect").click()
    expect(output.locator("svg[role=group]")).to_contain_text(params(second))
    nbpage.shot("lesson_03")
