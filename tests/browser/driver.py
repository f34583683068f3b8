"""What a browser test holds: the running JupyterLab, and a small driver over one open notebook.

What makes it reliable: cells are run and waited for through JupyterLab's own commands and the kernel's status
(``--expose-app-in-browser``), not through menus and clocks.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page

SHOTS = Path(__file__).parent / "shots"
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Lab:
    """A running JupyterLab: its address, its token, and the folder it serves."""

    def __init__(self, url: str, token: str, root: Path) -> None:
        self.url, self.token, self.root = url, token, root

    def add(self, notebook: Path | nbformat.NotebookNode, name: str = "") -> str:
        """Put a notebook (a file, or cells made by the test) into the served folder; returns its name there."""
        if isinstance(notebook, Path):
            name = name or notebook.name
            shutil.copyfile(notebook, self.root / name)
        else:
            notebook.metadata.setdefault("kernelspec", KERNELSPEC)
            nbformat.write(notebook, self.root / name)
        return name


class NotebookPage:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def open(self, name: str, timeout: float = 60_000) -> NotebookPage:
        """Open a notebook of the served folder and wait for its kernel."""
        self.page.goto(f"{self.lab.url}/lab/tree/{name}?token={self.lab.token}&reset", timeout=timeout)
        self.page.wait_for_function(
            """name => { const w = window.jupyterapp?.shell?.currentWidget;
                 return !!(w?.context?.path === name && w.context.isReady
                        && w.sessionContext?.session?.kernel?.status === 'idle'); }""",
            arg=name,
            timeout=timeout,
        )
        return self

    def run_all(self, timeout: float = 120_000) -> NotebookPage:
        """Run every cell; returns when all have run or one has failed (see `errors`)."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.wait_idle(timeout)
        return self

    def wait_idle(self, timeout: float = 60_000) -> None:
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'",
            timeout=timeout,
        )

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
