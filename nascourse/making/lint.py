"""What every committed notebook must look like, found without executing it: `lint(path)` returns messages."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from ..errors import CourseError
from ..lessons.exercise import find, ids_of
from .sources import PARTS, ROOT, stale

MAX_BYTES = 500_000
MAX_SETUP_LINES = 6
MEDIAN_LINES, LONG_LINES, SHARE_NOT_LONG = 5, 20, 0.9

_LINK = re.compile(r'(!?)\[([^\]]*)\]\(([^)\s]+)(?:\s+"[^"]*")?\)')
_ID = re.compile(r"\b\d\d\.\d+\b")
_CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_ABSOLUTE = re.compile(
    r"(?<![\w.:/~-])/(?:home|root|Users|tmp|mnt|opt|usr|var|private|srv)/\S*|\b[A-Za-z]:\\\\?\w\S*|"
    + re.escape(str(ROOT))
)
_SHOWING = {"print", "show", "check", "display", "solution"}


@dataclass(frozen=True)
class Page:
    """A notebook as the rules see it."""

    path: Path
    notebook: NotebookNode

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @property
    def stamp(self) -> dict[str, Any]:
        return self.notebook.metadata.get("nascourse", {})

    @property
    def english(self) -> bool:
        return self.stamp.get("lang", "en") == "en"

    @cached_property
    def code(self) -> list[tuple[int, NotebookNode]]:
        """(number of the cell from 1, cell) of each code cell."""
        return [(n, c) for n, c in enumerate(self.notebook.cells, start=1) if c.cell_type == "code"]

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """(number of the cell, text without code and formulas) of each markdown cell."""
        return [(n, _plain(c.source)) for n, c in enumerate(self.notebook.cells, start=1) if c.cell_type == "markdown"]

    @cached_property
    def parts(self) -> list[str]:
        return [title for _, text in self.prose for level, title in _headings(text) if level == 2]

    def calls(self) -> Iterator[tuple[int, str, ast.Call]]:
        """(number of the cell, name, call) of each call of a plain name in the code."""
        for n, cell in self.code:
            for node in ast.walk(_tree(cell)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield n, node.func.id, node


def lint(path: Path) -> list[str]:
    """Everything about the notebook at `path` that is not as it must be; empty when all is well."""
    if not path.exists():
        return stale(path)
    page = Page(path, nbformat.read(path, as_version=4))
    return [message for rule in RULES for message in rule(page)]


def stamp(page: Page) -> Iterator[str]:
    """Built from its present source, in lesson mode."""
    yield from stale(page.path)
    if page.stamp.get("mode") != "lesson" or not isinstance(page.stamp.get("seconds"), float | int):
        yield "its stamp lacks mode: lesson and seconds: build it with nascourse notebooks build"


def head(page: Page) -> Iterator[str]:
    """The first cell: one title, and what the lesson takes."""
    if not page.english:
        return
    first = page.prose[0][1] if page.prose and page.prose[0][0] == 1 else ""
    titles = [title for _, text in page.prose for level, title in _headings(text) if level == 1]
    if len(titles) != 1 or [level for level, _ in _headings(first)] != [1]:
        yield "the first cell must hold the only level-1 heading, and no other heading"
    if missing := [word for word in ("**Read**", "**Run**", "**Needs**") if word not in first]:
        yield f"the first cell does not say {', '.join(missing)}"


def parts(page: Page) -> Iterator[str]:
    """The parts of a lesson, in order."""
    expected = [part for part in PARTS if part not in page.stamp.get("omit", ())]
    if page.english and page.parts != expected:
        wrong = next((a for a, b in zip(page.parts, expected, strict=False) if a != b), None)
        missing = [part for part in expected if part not in page.parts]
        yield f"level-2 headings: missing {missing}, first out of place {wrong!r}; expected {expected}"


def objectives(page: Page) -> Iterator[str]:
    """Three to five objectives, each naming an exercise of the lesson."""
    text = "\n".join(text for _, text in page.prose)
    found = re.search(r"^## You will be able to$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    if not page.english or not found:
        return
    items = re.findall(r"^(?:[-*]|\d+\.) (.*(?:\n {2,}\S.*)*)", found[1], re.MULTILINE)
    if not 3 <= len(items) <= 5:
        yield f"{len(items)} objectives; expected 3 to 5 list items"
    for item in items:
        if not set(_ID.findall(item)) & set(ids_of(page.number)):
            yield f"objective without an exercise of this lesson: {item[:60]!r}"


def setup_cell(page: Page) -> Iterator[str]:
    """The first code cell is the set-up's only one; it is short and calls setup."""
    in_setup, part = [], ""
    for n, cell in enumerate(page.notebook.cells, start=1):
        if cell.cell_type == "markdown":
            part = ([title for level, title in _headings(_plain(cell.source)) if level == 2] or [part])[-1]
        elif cell.cell_type == "code" and part == "Set-up":
            in_setup.append(n)
    first = page.code[0] if page.code else None
    if page.english and (first is None or in_setup != [first[0]]):
        yield "the first code cell must be the only one under Set-up"
    if first is not None:
        if len(_lines(first[1])) > MAX_SETUP_LINES:
            yield f"the set-up cell has {len(_lines(first[1]))} lines; at most {MAX_SETUP_LINES}"
        called = [ast.unparse(call) for n, name, call in page.calls() if name == "setup" and n == first[0]]
        if called != [f"setup('{page.number}')"]:
            yield f'the set-up cell must call setup("{page.number}")'


def executed(page: Page) -> Iterator[str]:
    """Run from top to bottom, without an error, with what was shown kept."""
    if [cell.execution_count for _, cell in page.code] != list(range(1, len(page.code) + 1)):
        yield "execution counts are not 1, 2, 3, …: build it, do not run it by hand"
    for n, cell in page.code:
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {n}: an error is saved as its output"
        if not cell.outputs and any(
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id in _SHOWING
            for node in _tree(cell).body
        ):
            yield f"cell {n}: it shows something, but no output is saved"


def widgets(page: Page) -> Iterator[str]:
    """No widget state and no live view: without their kernel they are error messages."""
    if "widgets" in page.notebook.metadata:
        yield "widget state is saved in its metadata"
    for n, output in _outputs(page):
        if any("widget-view" in kind for kind in output.get("data", {})):
            yield f"cell {n}: a live view is saved"


def size(page: Page) -> Iterator[str]:
    """Small enough to look at in a repository."""
    if (length := page.path.stat().st_size) > MAX_BYTES:
        yield f"{length / 1000:.0f} kB; at most {MAX_BYTES / 1000:.0f}"


def code_lengths(page: Page) -> Iterator[str]:
    """Cells of a few lines."""
    lengths = [len(_lines(cell)) for _, cell in page.code]
    if not lengths:
        return
    if (median := statistics.median(lengths)) > MEDIAN_LINES:
        yield f"code cells have a median of {median:g} lines; at most {MEDIAN_LINES}"
    long = [n for n, cell in page.code if len(_lines(cell)) > LONG_LINES]
    if len(long) > (1 - SHARE_NOT_LONG) * len(lengths):
        yield f"cells {long} have more than {LONG_LINES} lines; at most a tenth of the cells may"


def plain_code(page: Page) -> Iterator[str]:
    """Code is Python, and English."""
    for n, cell in page.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {n}: not plain Python: {error.msg}"
        if _CHINESE.search(cell.source):
            yield f"cell {n}: Chinese in a code cell"


def exercises(page: Page) -> Iterator[str]:
    """Every exercise used is known, and every one of the lesson is used."""
    used = set()
    for n, name, call in page.calls():
        if name in ("check", "hint", "solution"):
            id = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            try:
                find(id)  # type: ignore[arg-type]
            except CourseError as error:
                yield f"cell {n}: {name}: {error}"
            used |= {id} if name == "check" else set()
    for id in ids_of(page.number):
        if id not in used:
            yield f"exercise {id} is not checked anywhere"


def links(page: Page) -> Iterator[str]:
    """Relative links lead to a file or a heading that is there; pictures in the text say what they show."""
    for n, text in page.prose:
        for picture, label, target in _LINK.findall(text):
            if picture and not label.strip():
                yield f"cell {n}: picture {target} without alternative text"
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = unquote(target).partition("#")
            file = page.path.parent / name if name else page.path
            if not file.exists():
                yield f"cell {n}: link to {target}: no such file"
            elif anchor and anchor not in _anchors(file):
                yield f"cell {n}: link to {target}: no such heading"


def pictures(page: Page) -> Iterator[str]:
    """Every picture has alternative text and a sentence under it."""
    cells = page.notebook.cells
    for n, output in _outputs(page):
        kinds = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        if any(not str(output.metadata.get(kind, {}).get("alt", "")).strip() for kind in kinds):
            yield f"cell {n}: a picture without alternative text: show it with nascourse.viz.show(figure, alt=…)"
        if kinds and (n == len(cells) or cells[n].cell_type != "markdown"):
            yield f"cell {n}: no text under the picture says what is seen"


def absolute_paths(page: Page) -> Iterator[str]:
    """Nothing tells on which machine the notebook was built."""
    for n, cell in enumerate(page.notebook.cells, start=1):
        shown = [output.get("text", "") for output in cell.get("outputs", ())]
        shown += [text for output in cell.get("outputs", ()) for text in _texts(output)]
        for text in [cell.source, *shown]:
            if found := _ABSOLUTE.search(text):
                yield f"cell {n}: absolute path {found[0]}"
                break


Rule = Callable[[Page], Iterator[str]]
RULES: tuple[Rule, ...] = (
    stamp,
    head,
    parts,
    objectives,
    setup_cell,
    executed,
    widgets,
    size,
    code_lengths,
    plain_code,
    exercises,
    links,
    pictures,
    absolute_paths,
)


def _plain(markdown: str) -> str:
    """Without fenced code, code and formulas, whose brackets and number signs mean something else."""
    text = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.DOTALL)


def _headings(text: str) -> list[tuple[int, str]]:
    return [(len(signs), title) for signs, title in re.findall(r"^(#{1,6}) +(.+?) *$", text, re.MULTILINE)]


def _anchors(file: Path) -> set[str]:
    """What may follow # in a link to this file: JupyterLab's form for notebooks, GitHub's for other text."""
    if file.suffix == ".ipynb":
        cells = nbformat.read(file, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        return {re.sub(r"[`*]", "", title).replace(" ", "-") for _, title in _headings(text)}
    titles = _headings(file.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in titles}


def _lines(cell: NotebookNode) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def _tree(cell: NotebookNode) -> ast.Module:
    try:
        return ast.parse(cell.source)
    except SyntaxError:  # told by `plain_code`
        return ast.Module([], [])


def _outputs(page: Page) -> Iterator[tuple[int, NotebookNode]]:
    return ((n, output) for n, cell in page.code for output in cell.outputs)


def _texts(output: NotebookNode) -> list[str]:
    return [str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
