"""The builder on a small source of its own, in a real kernel: what it keeps, what it drops, and when it writes."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from nascourse import cli
from nascourse.errors import CourseError
from nascourse.making.builder import VIEW, build
from nascourse.making.sources import find_sources, stale

SOURCE = """# ---
# jupyter:
#   nascourse: {nbval: strict}
# ---

# %% [markdown] lang="en"
# # Small

# %% [markdown] lang="zh"
# # 小

# %%
import os, sys
from pathlib import Path

print(os.environ["NASCOURSE_MODE"], os.environ["OMP_NUM_THREADS"], "NASCOURSE_STRICT" in os.environ, Path.cwd().name)
print("progress", file=sys.stderr)

# %% tags=["nbval-check-output"]
6 * 7

# %%
from IPython.display import display

VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a slider"}
display(VIEW, raw=True)
display(VIEW | {"image/png": "aGk="}, metadata={"image/png": {"alt": "A dot."}}, raw=True)

# %%
quiet = 1
"""


def _folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "notebooks"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "98_small.py").write_text(text, encoding="utf-8")
    return folder


def test_build_keeps_what_a_reader_without_a_kernel_can_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASCOURSE_MODE", "ci")
    monkeypatch.setenv("NASCOURSE_STRICT", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = _folder(tmp_path, SOURCE)
    (source,) = find_sources(("98",), folder)
    paths = build(source)
    assert paths == [folder / "98_small.ipynb", folder / "zh" / "98_small.ipynb"]
    assert "98_small cell 3/5" in capsys.readouterr().out
    english, chinese = (nbformat.read(path, as_version=4) for path in paths)
    assert [cell.source for cell in english.cells[1:]] == [cell.source for cell in chinese.cells[1:]]
    assert english.cells[0].source.startswith("# Small")
    assert chinese.cells[0].source.startswith("# 小")
    for notebook in (english, chinese):
        first, second, third, fourth = notebook.cells[1:]
        assert [output.text for output in first.outputs] == ["lesson 2 False notebooks\n"]
        assert second.outputs[0].data == {"text/plain": "42"}
        assert [list(output.data) for output in third.outputs] == [["image/png", "text/plain"]]
        assert fourth.outputs == []
        assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4]
        assert "widgets" not in notebook.metadata
        assert VIEW not in third.outputs[0].data
        stamp = notebook.metadata.nascourse
        assert (stamp.mode, stamp.nbval, stamp.source_sha256) == ("lesson", "strict", source.digest)
        assert stamp.seconds > 0
    assert [stale(path) for path in paths] == [[], []]
    (folder / "src" / "98_small.py").write_text(SOURCE + "\n# a word more\n", encoding="utf-8")
    assert "has changed" in stale(paths[0])[0]


def test_a_cell_that_fails_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _folder(tmp_path, '# %% [markdown] lang="en"\n# # Small\n\n# %%\nx = 1\n\n# %%\nx / 0\n')
    (folder / "98_small.ipynb").write_text("the old one", encoding="utf-8")
    with pytest.raises(CourseError, match=r"98_small\.py: cell 3 did not run") as caught:
        build(*find_sources(folder=folder))
    assert "\n" not in str(caught.value)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (folder / "98_small.ipynb").read_text(encoding="utf-8") == "the old one"
    assert sorted(path.name for path in folder.iterdir()) == ["98_small.ipynb", "src"]


def test_unknown_lesson_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["notebooks", "build", "77", "--check"]) == 1
    assert "got '77'; expected the number of a lesson" in capsys.readouterr().err
