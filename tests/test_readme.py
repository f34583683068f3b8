"""The README says what is there: its map against the notebooks, its links against the files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from nascourse import __version__
from nascourse.bootstrap import COMMANDS, ROOT
from nascourse.evaluation import TabularBenchmark
from nascourse.making.table_show import show
from nascourse.search import History
from nascourse.spaces import MicroCell

README = (ROOT / "README.md").read_text()
MAP = dict(re.findall(r"^\| (\d\d) \| (.+)$", README, re.M))
NOTEBOOKS = {path.name[:2]: path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}


def test_the_map_has_every_lesson_in_order() -> None:
    assert list(MAP) == [f"{number:02}" for number in range(13)]


@pytest.mark.parametrize("number", MAP)
def test_the_map_links_what_exists_and_marks_what_is_to_come(number: str) -> None:
    linked = re.findall(r"\(notebooks/([^)]+)\)", MAP[number])
    assert linked == ([NOTEBOOKS[number]] if number in NOTEBOOKS else []), "link the lesson in README.md, or mark it"
    assert ("*to come*" in MAP[number]) == (not linked)


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "data/README.md"])
def test_links_and_named_files_resolve(file: str) -> None:
    text = (ROOT / file).read_text()
    named = [(ROOT / file).parent / name for name in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)]
    named += [
        ROOT / name for name in re.findall(r"`((?:nascourse|tests|notebooks|data)/[\w/.]+)`", text) if "NN" not in name
    ]
    assert named
    assert [str(path) for path in named if not path.exists()] == []


def test_what_the_data_readme_says_of_the_table_is_what_it_holds() -> None:
    text, table = " ".join((ROOT / "data" / "README.md").read_text().split()), TabularBenchmark.load()
    pairs = [(0, 1), (0, 2), (1, 2)]
    for top, sentence in ((None, "Kendall's tau {:.2f} to {:.2f}"), (100, "hardly do ({:.2f} to {:.2f})")):
        taus = [table.tau(a, b, top) for a, b in pairs]
        assert sentence.format(min(taus), max(taus)) in text
    noise = table.noise(top=100)
    assert f"scatters by {table.noise().training:.4f} around its cell's mean, and by {noise.training:.4f}" in text
    assert f"known to within {noise.floor:.4f}" in text
    assert f"{int((table.means >= table.means.max() - noise.floor).sum())} cells lie that close" in text
    within, best, taus = show(table)[-3:]
    assert f"known to within {within.rpartition(' ')[2]}. `TabularBenchmark.judged" in text
    assert f"is number {best.rpartition(' ')[2]} by the three" in text
    assert f"a tau of {taus.split()[5]} among the best hundred" in text


CLUSTER = """
from dask.distributed import LocalCluster

class SLURMCluster(LocalCluster):
    def __init__(self, *, cores, processes, memory, walltime):
        super().__init__(n_workers=0, threads_per_worker=cores, host="127.0.0.1", dashboard_address=None)

    def scale(self, n=0, *, jobs=0):
        super().scale(n or jobs // 8)
"""
"""In place of dask-jobqueue, with what the README takes of it: a cluster on this machine, 8 jobs a worker."""

SMALL = {
    "import load\n": "import SearchData, load\n",
    "load(), ": "SearchData(load().train.subset(64), load().valid.subset(64)), ",
    "Recipe(epochs=12)": "Recipe(epochs=1, batch_size=32)",
    "            200,\n": "            5,\n",
}


def the_script() -> str:
    (script,) = re.findall(r"^```python\n(.+?)^```", README, re.M | re.S)
    return script


def test_the_script_for_a_cluster_finds_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=None))  # type: ignore[arg-type]
    exec(compile(the_script(), "script.py", "exec"), {"__name__": "not main"})


@pytest.mark.long
def test_the_script_for_a_cluster_runs(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    script = the_script()
    for said, smaller in SMALL.items():
        assert script.count(said) == 1
        script = script.replace(said, smaller)
    (tmp_path / "dask_jobqueue.py").write_text(CLUSTER)
    (tmp_path / "script.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    history = History.load(tmp_path / "random.jsonl", MicroCell.from_json)
    assert len(history) == 5
    assert not history.failures
    assert f"accuracy={history.best.result.accuracy!r}" in done.stdout


def test_the_commands_exist() -> None:
    assert set(re.findall(r"^make (\w+)", README, re.M)) | set(re.findall(r"bootstrap\.py (\w+)", README)) <= set(
        COMMANDS
    )
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    assert set(targets.group(1).split()) == set(COMMANDS)


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
