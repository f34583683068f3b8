"""The committed notebooks are in form; and for each rule of the lint, a notebook that it must catch."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output

from nascourse.errors import CourseError
from nascourse.lessons.exercise import ids_of
from nascourse.making import lint, sources

TEMPLATE = Path(lint.__file__).with_name("lesson_NN") / "notebook.py.txt"


@pytest.mark.parametrize("path", sources.notebook_paths(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_committed_notebooks_are_in_form(path: Path) -> None:
    assert lint.lint(path) == []


def _source() -> str:
    """The template as lesson 00, with every exercise of that lesson checked."""
    text = TEMPLATE.read_text(encoding="utf-8").replace("NN", "00").replace("[01](01_nas_pipeline.ipynb)", "nothing")
    checks = "".join(f'# %%\ncheck("{id}", ...)\n\n' for id in ids_of("00"))
    return text.replace('# %% [markdown] lang="en"\n# ## Summary', checks + '# %% [markdown] lang="en"\n# ## Summary')


def _picture(alt: str) -> NotebookNode:
    return new_output("display_data", {"image/png": "aGk=", "text/plain": alt}, metadata={"image/png": {"alt": alt}})


def _write(folder: Path, source: str, lang: str = "en", change: Callable[[NotebookNode], None] | None = None) -> Path:
    """The notebook that a build of `source` would leave, without executing it; then changed by hand."""
    path = folder / "src" / "00_demo.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding="utf-8")
    read = sources.read_source(path)
    notebook = sources.edition(read, lang)
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
        cell.outputs = [
            _picture("A card.") if "show(" in cell.source else new_output("stream", name="stdout", text="6\n")
        ]
    notebook.metadata.nascourse.update(mode="lesson", seconds=1.5)
    if change is not None:
        change(notebook)
    target = read.notebook(lang)
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, target)
    return target


def test_the_template_is_in_form(tmp_path: Path) -> None:
    assert lint.lint(_write(tmp_path, _source())) == []


def _chinese(source: str) -> str:
    """With a Chinese cell before each English one."""
    return re.sub(
        r'(# %% \[markdown\] lang=)"en"((?:\n#.*)*)',
        lambda found: f'{found[1]}"zh"\n# 中文\n\n{found[0]}',
        source,
    )


def test_two_editions_link_to_each_other(tmp_path: Path) -> None:
    source = _chinese(_source())
    english, chinese = _write(tmp_path, source), _write(tmp_path, source, "zh")
    assert lint.lint(english) == lint.lint(chinese) == []
    first = [nbformat.read(path, as_version=4).cells[0].source for path in (english, chinese)]
    assert "(zh/00_demo.ipynb)" in first[0]
    assert first[1].startswith("中文")
    assert "(../00_demo.ipynb)" in first[1]


IN_SOURCE = [
    ("**Needs**", "Needs", r"does not say \*\*Needs\*\*"),
    ("# # 00 · A title with a verb", "# A title without a mark", "level-1 heading"),
    ("# ## The idea", "# ## Idea", r"missing \['The idea'\]"),
    ("# ## See it", "# ## Run it", "level-2 headings"),
    ("# - do something else (exercise 00.1)", "", "2 objectives; expected 3 to 5"),
    ("(exercise 00.2)", "", "objective without an exercise"),
    ("(exercise 00.2)", "(exercise 77.2)", "objective without an exercise"),
    (
        'setup("00")\n',
        'setup("00")\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n',
        "has 7 lines besides its imports; at most 6",
    ),
    (
        "from nascourse.viz import show",
        "from nascourse.viz.show import show",
        "add what it needs to nascourse.viz, and",
    ),
    ('budget = setup("00")', "budget = None", r"must call setup\(\"00\"\)"),
    ("# ## Set-up", "# ## Set-up\n\n# %%\nx = 1\n\n# %%\ny = 2", "only one under Set-up"),
    ("def double(n):\n    return ...", "def f(:", "cell 19: not plain Python"),
    ("print(5**6,", "print('元胞',", "cell 10: Chinese in a code cell"),
    ('check("00.2", ...)', 'check("00.99", ...)', r"check: got '00.99'; expected one of 00.1"),
    ('solution("00.1")', 'solution("88.1")', "solution: got '88.1'"),
    ('check("00.3", ...)', "x = 3", "exercise 00.3 is not checked anywhere"),
    ("# One line for each objective.", "# [there](99_nowhere.ipynb)", "99_nowhere.ipynb: no such file"),
    ("# One line for each objective.", "# [there](#Nowhere)", "#Nowhere: no such heading"),
    ("# One line for each objective.", "# [there](00_demo.ipynb#Set-down)", "Set-down: no such heading"),
    ("# One line for each objective.", "# ![](src/00_demo.py)", "picture src/00_demo.py without alternative text"),
    ("# One line for each objective.", "# See /home/someone/notes.txt", "absolute path /home/someone/notes.txt"),
    ("print(5**6,", 'print("C:\\\\Users\\\\someone",', r"absolute path C:\\+Users"),
    (
        '# %% [markdown] lang="en"\n# *What is seen in the figure',
        '# %%\nx = 1\n\n# %% [markdown] lang="en"\n# *What is seen in the figure',
        "cell 7: no text under the picture",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), IN_SOURCE, ids=[row[2] for row in IN_SOURCE])
def test_a_lesson_out_of_form_is_caught(tmp_path: Path, old: str, new: str, message: str) -> None:
    source = _source()
    assert old in source
    assert re.search(message, "\n".join(lint.lint(_write(tmp_path, source.replace(old, new)))))


def test_long_cells_are_caught(tmp_path: Path) -> None:
    source = re.sub(r"^# %%$", "# %%\na = 1\nb = 2\nc = 3\nd = 4\ne = 5", _source(), flags=re.MULTILINE)
    assert any("median of 6 lines" in message for message in lint.lint(_write(tmp_path, source)))
    lines = "\n".join(f"x{n} = {n}" for n in range(21))
    one = _source().replace("print(5**6,", f"{lines}\nprint(5**6,")
    assert lint.lint(_write(tmp_path, one)) == []
    two = one.replace('check("00.3"', f'{lines}\ncheck("00.3"')
    assert any("have more than 20 lines" in message for message in lint.lint(_write(tmp_path, two)))


def test_links_that_hold_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# What's new, here?\n", encoding="utf-8")
    good = (
        "[a](#Key-terms) [b](00_demo.ipynb#The-idea) [c](notes.md#whats-new-here) [d](https://a.b/c) $f[i](x)$ `[e](f)`"
    )
    assert lint.lint(_write(tmp_path, _source().replace("# One line for each objective.", "# " + good))) == []


def _code(notebook: NotebookNode, n: int) -> NotebookNode:
    return [cell for cell in notebook.cells if cell.cell_type == "code"][n]


def _add(output: NotebookNode) -> Callable[[NotebookNode], None]:
    return lambda notebook: _code(notebook, 1).outputs.append(output)


VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": "aGk="}
BY_HAND: list[tuple[Callable[[NotebookNode], object], str]] = [
    (lambda nb: nb.metadata.nascourse.update(source_sha256="0"), "its source has changed since it was built"),
    (lambda nb: nb.cells[0].update(source=nb.cells[0].source + " edited"), "its cells are not those of its source"),
    (lambda nb: _code(nb, 1).metadata.update(tags=["nbval-skip"]), "its cells are not those of its source"),
    (lambda nb: nb.metadata.nascourse.update(mode="ci"), "its stamp lacks mode: lesson"),
    (lambda nb: nb.metadata.nascourse.pop("seconds"), "its stamp lacks mode: lesson and seconds"),
    (lambda nb: _code(nb, 2).update(execution_count=None), "execution counts are not 1, 2, 3"),
    (lambda nb: _code(nb, 2).update(execution_count=9), "execution counts are not 1, 2, 3"),
    (lambda nb: _code(nb, 1).update(outputs=[]), "cell 7: it shows something, but no output is saved"),
    (_add(new_output("error", ename="E", evalue="", traceback=[])), "cell 7: an error is saved"),
    (_add(new_output("display_data", VIEW, metadata={"image/png": {"alt": "A"}})), "cell 7: a live view is saved"),
    (_add(_picture(" ")), "cell 7: a picture without alternative text"),
    (_add(new_output("display_data", {"image/png": "aGk="})), "cell 7: a picture without alternative text"),
    (_add(new_output("stream", name="stdout", text="saved /tmp/x.json\n")), "cell 7: absolute path /tmp/x.json"),
    (_add(new_output("execute_result", {"text/plain": f"{sources.ROOT}"}, execution_count=2)), "cell 7: absolute path"),
    (_add(new_output("stream", name="stdout", text="x" * 500_001)), "at most 500"),
    (lambda nb: nb.metadata.update(widgets={"state": {}}), "widget state"),
]


@pytest.mark.parametrize(("change", "message"), BY_HAND, ids=[f"{n} {row[1]}" for n, row in enumerate(BY_HAND)])
def test_a_notebook_changed_by_hand_is_caught(
    tmp_path: Path, change: Callable[[NotebookNode], None], message: str
) -> None:
    assert any(message in found for found in lint.lint(_write(tmp_path, _source(), change=change)))


def test_missing_stray_and_untranslated_notebooks_are_caught(tmp_path: Path) -> None:
    path = _write(tmp_path, _source())
    stray = path.with_name("01_stray.ipynb")
    stray.write_bytes(path.read_bytes())
    chinese = tmp_path / "zh" / path.name
    chinese.parent.mkdir()
    chinese.write_bytes(path.read_bytes())
    path.unlink()
    found = {p: lint.lint(p) for p in sources.notebook_paths(folder=tmp_path)}
    assert set(found) == {path, stray, chinese}
    assert "run nascourse notebooks build 00" in found[path][0]
    assert "no source" in found[stray][0]
    assert "do not match" in found[chinese][0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nbval: lax", "nbval: loose"),
        ("nbval: lax", "omit: [The appendix]"),
        ("nbval: lax", "colour: red"),
        ('# %% [markdown] lang="en"\n# ## See it', "# %% [markdown]\n# ## See it"),
        ('# %% tags=["nbval-check-output"]', '# %% lang="en"'),
        ('# %% [markdown] lang="en"\n# ## See it', '# %% [markdown] lang="zh"\n# ## See it'),
    ],
)
def test_a_source_with_an_unknown_header_or_a_text_without_language_is_refused(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in _source()
    with pytest.raises(CourseError, match=r"00_demo\.py") as caught:
        _write(tmp_path, _source().replace(old, new))
    assert "\n" not in str(caught.value)


def test_parts_may_be_left_out_by_name(tmp_path: Path) -> None:
    source = _source().replace("nbval: lax", "nbval: lax, omit: [Full run]")
    without = source.replace("# ## Full run", "# ### Full run")
    assert lint.lint(_write(tmp_path, without)) == []
    assert any("Full run" in message for message in lint.lint(_write(tmp_path, source)))
