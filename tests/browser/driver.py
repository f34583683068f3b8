"""What a browser test holds: the running JupyterLab, and a small driver over its one notebook.

What makes it reliable: cells are run and waited for through JupyterLab's own commands and the kernel's status
(``--expose-app-in-browser``), not through menus and clocks. What makes it quick: all tests share the page and the
kernel, which has imported torch once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page

SHOTS = Path(__file__).parent / "shots"
WIDE = {"width": 1280, "height": 900}
NOTEBOOK = "shared.ipynb"
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
FORGET = "import ipywidgets; ipywidgets.Widget.close_all(); get_ipython().run_line_magic('reset', '-f')"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token, and the folder it serves."""

    url: str
    token: str
    root: Path


class NotebookPage:
    """The notebook that is open in JupyterLab."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self.page_errors: list[str] = []
        self.console_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.console_errors.append(said.text))

    def begin(self) -> None:
        """Leave nothing of the test before: cells, names, widgets, errors, theme and size."""
        try:
            self._panel("async (panel, code) => { await panel.sessionContext.ready; }")
            self.wait_idle(timeout=5_000)
            self.execute(FORGET)
        except PlaywrightError:  # the first test, or one before has left the kernel busy or the page broken
            self._start()
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        self.theme("Light")
        self.page_errors.clear()
        self.console_errors.clear()

    def _start(self, timeout: float = 60_000) -> None:
        with contextlib.suppress(PlaywrightError):
            self._panel("async panel => { await panel.sessionContext.shutdown(); }")
        nbformat.write(new_notebook(metadata={"kernelspec": KERNELSPEC}), self.lab.root / NOTEBOOK)
        self.page.goto(f"{self.lab.url}/lab/tree/{NOTEBOOK}?token={self.lab.token}&reset", timeout=timeout)
        self.page.wait_for_function(
            """name => { const w = window.jupyterapp?.shell?.currentWidget;
                 return !!(w?.context?.path === name && w.context.isReady
                        && w.sessionContext?.session?.kernel?.status === 'idle'); }""",
            arg=NOTEBOOK,
            timeout=timeout,
        )

    def _panel(self, function: str, argument: Any = None) -> Any:
        """Call a JavaScript function with the notebook's panel."""
        return self.page.evaluate(
            f"argument => ({function})(window.jupyterapp.shell.currentWidget, argument)", argument
        )

    def execute(self, code: str) -> None:
        """Run code in the kernel that is in no cell."""
        self._panel(
            "(panel, code) => panel.sessionContext.session.kernel.requestExecute({ code, silent: true }).done", code
        )

    def open(self, cells: Sequence[str | nbformat.NotebookNode]) -> NotebookPage:
        """These cells (a text is a code cell) instead of those that are there."""
        made = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        self._panel(
            """(panel, cells) => { const model = panel.content.model.sharedModel, old = model.cells.length;
                model.insertCells(old, cells);
                model.deleteCellRange(0, old);
                panel.content.activeCellIndex = 0; }""",
            made,
        )
        return self

    def run_all(self, timeout: float = 120_000) -> NotebookPage:
        """Run every cell; returns when all have run or one has failed (see `errors`)."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.wait_idle(timeout)
        return self

    def run_cell(self, index: int, wait: bool = True) -> None:
        """Run one cell, as a reader does while a widget is on the page."""
        self._panel(
            """(panel, index) => { panel.content.activeCellIndex = index;
                window.ran = window.jupyterapp.commands.execute('notebook:run-cell'); }""",
            index,
        )
        if wait:
            self.page.evaluate("async () => { await window.ran; }")
            self.wait_idle()

    def wait_idle(self, timeout: float = 60_000) -> None:
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
            timeout=timeout,
        )

    def theme(self, name: str) -> None:
        """``Light`` or ``Dark``."""
        light = str(name == "Light").lower()
        if self.page.evaluate("() => document.body.dataset.jpThemeLight") == light:
            return
        command = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
        self.page.evaluate(command, f"JupyterLab {name}")
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
        self.page.locator("#jupyterlab-splash").wait_for(state="hidden")

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """The output area of a cell, counted from 0 with the markdown cells."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def errors(self) -> list[str]:
        """``Name: message`` of every error output; what goes to stderr (a progress bar) is none."""
        return self.page.evaluate(
            """() => { const found = [];
                for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells)
                    if (cell.type === 'code')
                        for (let i = 0; i < cell.outputs.length; i++) {
                            const output = cell.outputs.get(i).toJSON();
                            if (output.output_type === 'error') found.push(output.ename + ': ' + output.evalue);
                        }
                return found; }"""
        )

    def shot(self, name: str) -> Path:
        """Save a picture of the page as ``tests/browser/shots/NAME.png``."""
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path
