"""What every committed notebook must look like, found without executing it: `lint(path)` returns messages."""

from __future__ import annotations

import ast
import pkgutil
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

import nascourse

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


class Page:
    """A notebook as the rules see it; cells are numbered from 1.

    code: (number, cell, its syntax tree) of each code cell; prose: (number, text without code and formulas) of each
    other one; headings: (number of the cell, level, title); outputs: (number of the cell, output).
    """

    def __init__(self, path: Path, notebook: NotebookNode) -> None:
        self.path, self.notebook, self.number = path, notebook, path.name[:2]
        self.stamp: dict[str, Any] = notebook.metadata.get("nascourse", {})
        self.english = self.stamp.get("lang", "en") == "en"
        cells = list(enumerate(notebook.cells, start=1))
        self.code = [(n, cell, _tree(cell)) for n, cell in cells if cell.cell_type == "code"]
        self.prose = [(n, _plain(cell.source)) for n, cell in cells if cell.cell_type == "markdown"]
        self.headings = [(n, level, title) for n, text in self.prose for level, title in _headings(text)]
        self.outputs = [(n, output) for n, cell, _ in self.code for output in cell.outputs]

    def calls(self) -> Iterator[tuple[int, str, ast.Call]]:
        """(number of the cell, name, call) of each call of a plain name in the code."""
        for n, _, tree in self.code:
            for node in ast.walk(tree):
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
    first = "".join(text for n, text in page.prose if n == 1)
    if [(n, level) for n, level, _ in page.headings if level == 1 or n == 1] != [(1, 1)]:
        yield "the first cell must hold the only level-1 heading, and no other heading"
    if missing := [word for word in ("**Read**", "**Run**", "**Needs**") if word not in first]:
        yield f"the first cell does not say {', '.join(missing)}"


def parts(page: Page) -> Iterator[str]:
    """The parts of a lesson, in order."""
    expected = [part for part in PARTS if part not in page.stamp.get("omit", ())]
    found = [title for _, level, title in page.headings if level == 2]
    if page.english and found != expected:
        wrong = next((a for a, b in zip(found, expected, strict=False) if a != b), None)
        missing = [part for part in expected if part not in found]
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
    parts = {n: [title for m, level, title in page.headings if level == 2 and m < n] for n, *_ in page.code}
    under = [n for n, titles in parts.items() if titles[-1:] == ["Set-up"]]
    if page.english and (not under or under != [n for n, *_ in page.code[:1]]):
        yield "the first code cell must be the only one under Set-up"
    for n, cell, tree in page.code[:1]:
        imports = sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in _imports(tree))
        if (count := len(_lines(cell)) - imports) > MAX_SETUP_LINES:
            yield f"the set-up cell has {count} lines besides its imports; at most {MAX_SETUP_LINES}"
        called = [ast.unparse(call) for at, name, call in page.calls() if (at, name) == (n, "setup")]
        if called != [f"setup('{page.number}')"]:
            yield f'the set-up cell must call setup("{page.number}")'


def executed(page: Page) -> Iterator[str]:
    """Run from top to bottom, without an error, with what was shown kept."""
    if [cell.execution_count for _, cell, _ in page.code] != list(range(1, len(page.code) + 1)):
        yield "execution counts are not 1, 2, 3, …: build it, do not run it by hand"
    shows = {id(call) for _, name, call in page.calls() if name in _SHOWING}
    for n, cell, tree in page.code:
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {n}: an error is saved as its output"
        if not cell.outputs and any(id(node.value) in shows for node in tree.body if isinstance(node, ast.Expr)):
            yield f"cell {n}: it shows something, but no output is saved"


def widgets(page: Page) -> Iterator[str]:
    """No widget state and no live view: without their kernel they are error messages."""
    if "widgets" in page.notebook.metadata:
        yield "widget state is saved in its metadata"
    for n, output in page.outputs:
        if any("widget-view" in kind for kind in output.get("data", {})):
            yield f"cell {n}: a live view is saved"


def size(page: Page) -> Iterator[str]:
    """Small enough to look at in a repository."""
    if (length := page.path.stat().st_size) > MAX_BYTES:
        yield f"{length / 1000:.0f} kB; at most {MAX_BYTES / 1000:.0f}"


def code_lengths(page: Page) -> Iterator[str]:
    """Cells of a few lines."""
    lengths = {n: len(_lines(cell)) for n, cell, _ in page.code}
    if lengths and (median := statistics.median(lengths.values())) > MEDIAN_LINES:
        yield f"code cells have a median of {median:g} lines; at most {MEDIAN_LINES}"
    long = [n for n, length in lengths.items() if length > LONG_LINES]
    if len(long) > (1 - SHARE_NOT_LONG) * len(lengths):
        yield f"cells {long} have more than {LONG_LINES} lines; at most a tenth of the cells may"


def plain_code(page: Page) -> Iterator[str]:
    """Code is Python, and English."""
    for n, cell, _ in page.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"cell {n}: not plain Python: {error.msg}"
        if _CHINESE.search(cell.source):
            yield f"cell {n}: Chinese in a code cell"


def faces(page: Page) -> Iterator[str]:
    """What a lesson imports of the course it takes from the face of a room, or from a file beside the rooms."""
    rooms = [found.name for found in pkgutil.walk_packages(nascourse.__path__, "nascourse.") if found.ispkg]
    for n, _, tree in page.code:
        for name in [node.module for node in _imports(tree) if isinstance(node, ast.ImportFrom) and node.module]:
            room, _, _ = name.rpartition(".")
            if room in rooms and name not in rooms:
                yield f"cell {n}: imports from {name}: add what it needs to {room}, and import it from there"


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
    for n, output in page.outputs:
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
FORM: tuple[Rule, ...] = (stamp, head, parts, objectives, setup_cell, links, size)
CODE: tuple[Rule, ...] = (code_lengths, plain_code, faces, exercises)
OUTPUTS: tuple[Rule, ...] = (executed, widgets, pictures, absolute_paths)
RULES = FORM + CODE + OUTPUTS


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


def _imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def _texts(output: NotebookNode) -> list[str]:
    return [str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
