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
NEEDED = {"torch.load": ("weights_only", True), "numpy.load": ("allow_pickle", False)}
FORBIDDEN = {"eval", "exec", "torch.jit.load", "torch.hub.load", "pandas.read_pickle"}
IMPORTERS = {"__import__", "importlib.import_module"}
USUAL = {"np": {"numpy"}, "pd": {"pandas"}}


def names(node: ast.AST | None, bound: dict[str, set[str]]) -> set[str]:
    """What a name or a chain of attributes may stand for, with its module: ``{"numpy.load"}``."""
    if isinstance(node, ast.Name):
        return {name.removeprefix("builtins.") for name in bound.get(node.id, {node.id})}
    if isinstance(node, ast.Attribute):
        return {f"{base}.{node.attr}".removeprefix("builtins.") for base in names(node.value, bound)}
    return set()


def bindings(tree: ast.AST) -> dict[str, set[str]]:
    """What the names of a source stand for by its imports and by ``name = another``, wherever these are."""
    bound = {name: set(meaning) for name, meaning in USUAL.items()}
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                bound.setdefault(alias.asname or top, set()).add(alias.name if alias.asname else top)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name, set()).add(f"{module}.{alias.name}")
    for _ in range(3):  # a = eval, b = a, c = b
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        bound.setdefault(target.id, set()).update(names(node.value, bound))
    return {name: meaning for name, meaning in bound.items() if meaning}


def unsafe(source: str) -> list[str]:
    """What in a source could run code that a file brings, each once."""
    tree = ast.parse(source)
    bound, found = bindings(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if [alias.name for alias in node.names] != ["UnpicklingError"]:  # to tell what was refused
                found += [name for name in modules if name.split(".")[0] in MODULES]
        if isinstance(node, ast.Name | ast.Attribute):  # named is enough: it may be handed on
            found += names(node, bound) & FORBIDDEN
        if isinstance(node, ast.Call):
            found += of_call(node, names(node.func, bound))
    return list(dict.fromkeys(found))


def of_call(call: ast.Call, called: set[str]) -> list[str]:
    found = []
    given = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
    for name in called & set(NEEDED):
        keyword, value = NEEDED[name]
        if given.get(keyword) is not value:
            found.append(f"{name} without {keyword}={value}")
    if called & IMPORTERS:
        arguments = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")]
        texts = [str(one.value) for one in arguments if isinstance(one, ast.Constant)]
        found += [text for text in texts if text.split(".")[0] in MODULES]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_what_could_run(path: Path) -> None:
    assert unsafe(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval(open('genotype').read())", ["eval"]),
        ("e = eval; e(x)", ["eval"]),
        ("import builtins as b\nrun = b.exec", ["exec"]),
        ("from builtins import eval as parse\nparse(x)", ["eval"]),
        ("list(map(eval, lines))", ["eval"]),
        ("import pickle as p", ["pickle"]),
        ("from dill import load", ["dill"]),
        ("importlib.import_module('pickle')", ["pickle"]),
        ("from importlib import import_module as get\nget(name='joblib.numpy_pickle')", ["joblib.numpy_pickle"]),
        ("__import__('dill').load(file)", ["dill"]),
        ("from pickle import UnpicklingError", []),
        ("from pickle import UnpicklingError, loads", ["pickle"]),
        ("torch.load(path)", ["torch.load without weights_only=True"]),
        ("torch.load(path, weights_only=False)", ["torch.load without weights_only=True"]),
        ("import torch as t\nt.load(path)", ["torch.load without weights_only=True"]),
        ("from torch import load as get\nget(path)", ["torch.load without weights_only=True"]),
        ("torch.jit.load(path)", ["torch.jit.load"]),
        ("from torch import jit\njit.load(path)", ["torch.jit.load"]),
        ("np.load(path, allow_pickle=True)", ["numpy.load without allow_pickle=False"]),
        ("import numpy\nload = numpy.load\nload(path)", ["numpy.load without allow_pickle=False"]),
        ("def read(path):\n    from numpy import load\n    load(path)", ["numpy.load without allow_pickle=False"]),
        ("pd.read_pickle(path)", ["pandas.read_pickle"]),
        ("from pandas import read_pickle as read\nread(path)", ["pandas.read_pickle"]),
        ("model.eval(); torch.load(path, weights_only=True); np.load(path, allow_pickle=False); json.loads(text)", []),
        ("from nascourse.data import load\nload('fashion_mnist'); node = node.parent; import_module('json')", []),
        ("from numpy import load\nload(path, allow_pickle=False)", []),
    ],
)
def test_what_is_looked_for(source: str, found: list[str]) -> None:
    assert unsafe(source) == found
