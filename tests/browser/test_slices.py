"""The cells that a lesson's explorers need are found by the names that these take from one another."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.browser.slices import explorers_alone, names_of


@pytest.mark.parametrize(
    ("source", "read", "bound"),
    [
        ("import a.b as c, d.e", "", "c d"),
        ("x = y = f(x)", "f x", "x y"),
        ("x = 1\nx = x + y", "y", "x"),
        ("x += y", "x y", "x"),
        ("x[i] = y", "i x y", "x"),
        ("x.fit(y)", "x y", "x"),
        ("print(x)", "print x", ""),
        ("[k * n for k in xs]", "n xs", ""),
        ("def f(k, m=d):\n    j = k + g\n    return j + f(m)", "d f g", "f"),
        ("for k in xs:\n    y = k\n    f(y)", "f xs", "k y"),
        ("with f() as g:\n    g.x = 1", "f", "g"),
        ("try:\n    y = f()\nexcept E:\n    y = z\nelse:\n    w = y", "f z", "w y"),
    ],
)
def test_what_a_cell_takes_and_gives(source: str, read: str, bound: str) -> None:
    assert names_of(source) == (set(read.split()), set(bound.split()))


def test_an_explorer_gets_what_it_needs_and_no_more() -> None:
    begin = "from nascourse.lessons import setup\nbudget = setup('05')"
    sources = [begin, "a = 1", "b = a", "a = 2", "c = f(b)", "b.grow()", "show(b)", "Tree(b)"]
    cells = [new_code_cell(source) for source in sources]
    picture = {"image/png": "aGk=", "text/plain": "TreeExplorer: A tree."}
    cells[-1].outputs = [new_output("execute_result", picture)]
    cells[-2].outputs = [new_output("display_data", picture | {"text/plain": "A tree."})]
    kept = [cell.source for cell in explorers_alone(new_notebook(cells=cells))]
    assert kept == [begin, "a = 1", "b = a", "b.grow()", "Tree(b)"]
