"""The plumbing itself: in JupyterLab a slider moved by keyboard and by mouse changes the picture beside it; what goes
wrong in a cell or on the page is seen; and a test finds nothing of the one before."""

from __future__ import annotations

from nbformat.v4 import new_markdown_cell
from playwright.sync_api import expect

from tests.browser.driver import NotebookPage

SLIDER = """\
import ipywidgets
slider = ipywidgets.IntSlider(value=3, min=0, max=10, description="radius")
picture = ipywidgets.HTML()
def draw(change):
    picture.value = f'<svg width="60" height="60"><circle cx="30" cy="30" r="{slider.value}"/></svg>'
slider.observe(draw, "value")
draw(None)
ipywidgets.VBox([slider, picture])
"""


def test_a_slider_changes_the_picture(nbpage: NotebookPage) -> None:
    nbpage.open([new_markdown_cell("# A slider"), SLIDER]).run_all()
    assert nbpage.errors() == []
    output = nbpage.output(1)
    circle, handle = output.locator("circle"), output.locator(".noUi-handle")
    expect(circle).to_have_attribute("r", "3")

    handle.focus()
    handle.press("ArrowRight")
    handle.press("ArrowRight")
    expect(circle).to_have_attribute("r", "5")

    grip, track = handle.bounding_box(), output.locator(".noUi-base").bounding_box()
    assert grip is not None
    assert track is not None
    height = grip["y"] + grip["height"] / 2
    nbpage.page.mouse.move(grip["x"] + grip["width"] / 2, height)
    nbpage.page.mouse.down()
    nbpage.page.mouse.move(track["x"] + 0.8 * track["width"], height, steps=8)
    nbpage.page.mouse.up()
    expect(circle).to_have_attribute("r", "8")
    assert nbpage.shot("slider").stat().st_size > 0


def test_a_failing_cell_is_seen(nbpage: NotebookPage) -> None:
    nbpage.open(["import sys; print('only a warning', file=sys.stderr)", "1 / 0"]).run_all()
    assert nbpage.errors() == ["ZeroDivisionError: division by zero"]


BROKEN = """\
import anywidget
class Broken(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('no picture'); } }"
Broken()
"""


def test_a_widget_that_cannot_be_drawn_is_seen(nbpage: NotebookPage) -> None:
    nbpage.open([BROKEN]).run_all()
    assert nbpage.errors() == []
    nbpage.page.evaluate("() => console.error('said')")
    assert nbpage.page_errors == ["no picture"]
    assert nbpage.console_errors[-1] == "said"
    nbpage.begin()  # all this was wanted


def test_nothing_is_left_of_the_test_before(nbpage: NotebookPage) -> None:
    nbpage.open([SLIDER, "left = 3"]).run_all()
    nbpage.begin()
    nbpage.open(["left", "import ipywidgets; print(len(ipywidgets.Widget.widgets), 'widgets')"]).run_all()
    assert nbpage.errors() == ["NameError: name 'left' is not defined"]
    nbpage.run_cell(1)
    expect(nbpage.output(1)).to_contain_text("0 widgets")
