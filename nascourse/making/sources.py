"""A lesson's source, notebooks/src/NN_slug.py, and the editions made from it. Nothing is executed here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from ..errors import bad_input

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"

PARTS = (
    "You will be able to",
    "Set-up",
    "Predict first",
    "The idea",
    "From scratch",
    "See it",
    "Run it",
    "Full run",
    "What goes wrong",
    "Exercises",
    "Summary",
    "Key terms",
    "References",
)
"""The level-2 headings of a lesson, in order, after its head. A source's header may leave some out (`omit`)."""

NBVAL = ("lax", "strict")


@dataclass(frozen=True)
class Source:
    """One lesson as written. cells: those of all languages, in order; digest: SHA-256 of the file."""

    path: Path
    digest: str
    cells: tuple[NotebookNode, ...]
    nbval: str
    omit: tuple[str, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """English always; Chinese once there is a Chinese cell."""
        return ("en", "zh") if any(cell.metadata.get("lang") == "zh" for cell in self.cells) else ("en",)

    def notebook(self, lang: str) -> Path:
        """Where the edition in this language goes."""
        folder = self.path.parent.parent
        return (folder if lang == "en" else folder / lang) / f"{self.path.stem}.ipynb"


def find_sources(numbers: tuple[str, ...] = (), folder: Path = NOTEBOOKS) -> list[Source]:
    """The sources of the lessons with these numbers ("01"), or of all lessons."""
    paths = sorted((folder / "src").glob("[0-9][0-9]_*.py"))
    for number in numbers:
        if number not in (have := [path.name[:2] for path in paths]):
            raise bad_input(number, f"the number of a lesson: {', '.join(have) or 'none yet'}", "see notebooks/src")
    return [read_source(path) for path in paths if not numbers or path.name[:2] in numbers]


def notebook_paths(numbers: tuple[str, ...] = (), folder: Path = NOTEBOOKS) -> list[Path]:
    """Every notebook that the sources call for, there or not, and every one that is there."""
    wanted = {source.notebook(lang) for source in find_sources(numbers, folder) for lang in source.languages}
    there = {path for where in (folder, folder / "zh") for path in where.glob("*.ipynb")}
    return sorted(wanted | {path for path in there if not numbers or path.name[:2] in numbers})


def read_source(path: Path) -> Source:
    """Raises `CourseError` for a header value that is unknown or a text cell without a language."""
    text = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    header = dict(notebook.metadata.get("nascourse", {}))
    nbval, omit = header.pop("nbval", "lax"), tuple(header.pop("omit", ()))
    if header or nbval not in NBVAL or not set(omit) <= set(PARTS):
        raise bad_input(
            f"{path.name}: nascourse header {notebook.metadata.get('nascourse')}",
            f"nbval: {' or '.join(NBVAL)}, and omit: a list of {', '.join(PARTS)}",
            "correct the header of the source",
        )
    for number, cell in enumerate(notebook.cells, start=1):
        lang = cell.metadata.get("lang")
        if lang not in (("en", "zh") if cell.cell_type == "markdown" else (None,)):
            raise bad_input(
                f"{path.name}: {cell.cell_type} cell {number} with lang={lang!r}",
                'lang="en" or lang="zh" on every markdown cell, and none on code',
                'write # %% [markdown] lang="en"',
            )
    texts = [cell.metadata["lang"] for cell in notebook.cells if cell.cell_type == "markdown"]
    if texts.count("zh") not in (0, texts.count("en")):
        raise bad_input(
            f"{path.name}: {texts.count('en')} English text cells and {texts.count('zh')} Chinese ones",
            "a Chinese cell for each English one, or none at all",
            "translate the rest",
        )
    return Source(path, hashlib.sha256(text.encode()).hexdigest(), tuple(notebook.cells), nbval, omit)


def edition(source: Source, lang: str) -> NotebookNode:
    """The notebook in one language, without outputs: its text cells in that language, and every code cell."""
    cells: list[NotebookNode] = []
    for given in source.cells:
        if given.metadata.get("lang", lang) != lang:
            continue
        cell = nbformat.from_dict(given)
        cell.metadata = nbformat.from_dict({k: v for k, v in given.metadata.items() if k == "tags"})
        cell["id"] = f"{cell.cell_type}-{len(cells):03d}"  # stable, so that a rebuilt notebook differs little
        cells.append(cell)
    if len(source.languages) > 1:
        other = "zh" if lang == "en" else "en"
        target = f"zh/{source.path.stem}.ipynb" if lang == "en" else f"../{source.path.stem}.ipynb"
        cells[0].source += f"\n\n[{'中文版' if other == 'zh' else 'English edition'}]({target})"
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "nascourse": {"source_sha256": source.digest, "lang": lang, "nbval": source.nbval, "omit": source.omit},
        }
    )
    return notebook


def stale(path: Path) -> list[str]:
    """Why the committed notebook at `path` is not what its source says; empty when it is."""
    lang = "zh" if path.parent.name == "zh" else "en"
    folder = path.parent.parent if lang == "zh" else path.parent
    source_path = folder / "src" / f"{path.stem}.py"
    if not source_path.exists():
        return ["it has no source: write notebooks/src/NN_slug.py, or remove the notebook"]
    source = read_source(source_path)
    if not path.exists() or lang not in source.languages:
        return ["source and notebooks do not match: run nascourse notebooks build " + source_path.name[:2]]
    saved = nbformat.read(path, as_version=4)
    messages = []
    if saved.metadata.get("nascourse", {}).get("source_sha256") != source.digest:
        messages.append("its source has changed since it was built: run nascourse notebooks build " + path.name[:2])
    if _content(saved) != _content(edition(source, lang)):
        messages.append("its cells are not those of its source: edit the source, not the notebook, and build it")
    return messages


def _content(notebook: NotebookNode) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ()))) for cell in notebook.cells]
