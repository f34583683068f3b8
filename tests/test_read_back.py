"""Nothing that is read back may run code: no pickle, no eval, in the package, the lessons and the scripts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from nascourse.bootstrap import ROOT

SOURCES = sorted(
    path for folder in ("nascourse", "notebooks/src", "benchmarks", "data") for path in (ROOT / folder).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "shelve"}
NEEDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}


def unsafe(source: str) -> list[str]:
    """What in a source could run code that a file brings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if [alias.name for alias in node.names] == ["UnpicklingError"]:  # to tell what was refused
                continue
            found += [name for name in names if name.split(".")[0] in MODULES]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
        keyword, value = NEEDED.get(name, ("", None))
        if name in ("eval", "exec", "builtins.eval", "builtins.exec"):
            found.append(name)
        elif keyword and given.get(keyword) is not value:
            found.append(f"{name} without {keyword}={value}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_what_could_run(path: Path) -> None:
    assert unsafe(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval(open('genotype').read())", ["eval"]),
        ("import pickle as p", ["pickle"]),
        ("from dill import load", ["dill"]),
        ("from pickle import UnpicklingError", []),
        ("from pickle import UnpicklingError, loads", ["pickle"]),
        ("torch.load(path)", ["torch.load without weights_only=True"]),
        ("torch.load(path, weights_only=False)", ["torch.load without weights_only=True"]),
        ("np.load(path, allow_pickle=True)", ["np.load without allow_pickle=False"]),
        ("model.eval(); torch.load(path, weights_only=True); np.load(path, allow_pickle=False); json.loads(text)", []),
    ],
)
def test_what_is_looked_for(source: str, found: list[str]) -> None:
    assert unsafe(source) == found
