"""The structure of the package: who may import whom, what a room hands out, what an import loads, how long all is."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import ModuleType

import jupytext
import networkx as nx
import pytest

import nascourse.evaluation
import nascourse.search
from nascourse.bootstrap import ROOT

ORDER = (
    ("errors", "rooms"),
    ("runs", "data", "device", "augment", "budgets", ""),
    ("spaces",),
    ("networks",),
    ("search",),
    ("evaluation",),
    ("evidence",),
    ("viz",),
    ("lessons",),
    ("making",),
    ("cli", "doctor", "bootstrap"),
)
"""Rooms, and files beside them, by what they build on; "" is the package itself. A later one may import an earlier."""
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
CORE = ("spaces", "networks", "search", "evaluation")
KNOW_NO_SPACE = ("search", "evaluation", "viz")


def imports(package: Path) -> nx.DiGraph:
    """Which module of a package imports which, wherever in the file: in functions and under TYPE_CHECKING as well.

    Names are relative to the package: "search.loop", "search" for the face of a room, "" for the package's own.
    """
    top = package.name
    files = {
        ".".join((top, *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    graph = nx.DiGraph()
    for module, path in files.items():
        graph.add_node(module.removeprefix(top).lstrip("."))
        room = module if path.stem == "__init__" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                parts = room.split(".")[: len(room.split(".")) + 1 - node.level] if node.level else []
                base = ".".join([*parts, *([node.module] if node.module else [])])
                whole = [f"{base}.{alias.name}" for alias in node.names]
                found = [name if name in files else base for name in whole]
            else:
                continue
            graph.add_edges_from(
                (module.removeprefix(top).lstrip("."), name.removeprefix(top).lstrip("."))
                for name in found
                if name in files
            )
    return graph


def circles(graph: nx.DiGraph) -> list[list[str]]:
    return [sorted(some) for some in nx.strongly_connected_components(graph) if len(some) > 1] + [
        [module, module] for module in nx.nodes_with_selfloops(graph)
    ]


def upwards(graph: nx.DiGraph) -> list[str]:
    """Imports of a later room, and lessons' of a later lesson."""

    def level(module: str) -> tuple[int, str]:
        room, _, inner = module.partition(".")
        return LEVEL[room], inner.partition(".")[0] if inner.startswith("lesson_") else ""

    return [f"{a} imports {b}" for a, b in graph.edges if level(a) < level(b)]


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    return imports(ROOT / "nascourse")


def test_no_circle_and_no_import_upwards(graph: nx.DiGraph) -> None:
    assert {module.partition(".")[0] for module in graph} == set(LEVEL)
    assert circles(graph) == []
    assert upwards(graph) == []


@pytest.mark.parametrize(
    ("file", "line", "circle", "upward"),
    [
        ("search/loop.py", "from ..spaces.base import Trial", False, False),
        ("spaces/base.py", "from ..search.loop import search", True, True),
        ("spaces/base.py", "def late():\n    from nascourse.search import loop", True, True),
        ("spaces/base.py", "if TYPE_CHECKING:\n    from ..viz import scene", False, True),
        ("viz/scene.py", "import nascourse.making.lint", False, True),
        ("search/history.py", "from . import loop", True, False),
        ("search/history.py", "from .history import History", True, False),
        ("lessons/lesson_05/pictures.py", "from ..lesson_06.pictures import scene", False, True),
        ("lessons/lesson_06/experiments.py", "from ..lesson_05.pictures import scene", False, False),
    ],
)
def test_a_planted_circle_and_a_planted_upward_import_are_found(
    file: str, line: str, circle: bool, upward: bool, tmp_path: Path
) -> None:
    package = tmp_path / "nascourse"
    for path, text in {
        "spaces/base.py": "",
        "search/loop.py": "from ..spaces.base import Trial\nfrom .history import History",
        "search/history.py": "from ..errors import CourseError",
        "errors.py": "",
        "viz/scene.py": "",
        "making/lint.py": "",
        "lessons/lesson_05/pictures.py": "from ...viz.scene import Scene",
        "lessons/lesson_06/pictures.py": "",
        "lessons/lesson_06/experiments.py": "",
    }.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).parent.joinpath("__init__.py").touch()
        (package / path).write_text(text)
    assert circles(imports(package)) == upwards(imports(package)) == []
    (package / file).write_text(f"{(package / file).read_text()}\n{line}\n")
    found = imports(package)
    assert (bool(circles(found)), bool(upwards(found))) == (circle, upward)


def test_strategies_evaluations_and_pictures_know_no_space(graph: nx.DiGraph) -> None:
    """Concrete: a module that defines a space, or builds on one. `known` has them by name, and commands offer them."""
    spaces = [module for module in graph if module.startswith("spaces.")]
    defining = {
        module
        for module in spaces
        for node in ast.parse((ROOT / "nascourse" / f"{module.replace('.', '/')}.py").read_text()).body
        if isinstance(node, ast.ClassDef) and any("SearchSpace" in ast.unparse(base) for base in node.bases)
    }
    assert {"spaces.cell", "spaces.micro"} <= defining
    concrete = defining | {module for module in spaces if nx.descendants(graph, module) & defining}
    concrete -= {"spaces.known"}
    assert "spaces.base" not in concrete
    knowing = [
        f"{a} imports {b}"
        for a, b in graph.edges
        if a.partition(".")[0] in KNOW_NO_SPACE and b in concrete and not a.endswith(".commands")
    ]
    assert knowing == []


# -- faces -------------------------------------------------------------------------------------------------------------


def rooms() -> Iterator[ModuleType]:
    yield nascourse
    for found in pkgutil.walk_packages(nascourse.__path__, "nascourse."):
        if found.ispkg:
            yield importlib.import_module(found.name)


def test_every_room_hands_out_what_it_says() -> None:
    assert {"search", "RandomSearch", "regularized_evolution", "classical_ga", "Reinforce"} <= set(
        nascourse.search.__all__
    )
    for room in rooms():
        for name in getattr(room, "__all__", ()):
            assert not isinstance(getattr(room, name), ModuleType), f"{room.__name__}.{name}"
            assert name in dir(room)
        with pytest.raises(AttributeError, match="nonsense"):
            _ = room.nonsense


def test_a_name_of_the_face_stays_that_name_whatever_is_imported() -> None:
    """`evaluation.retrain` is a function, and a module that holds it."""
    module = importlib.import_module("nascourse.evaluation.retrain")
    assert nascourse.evaluation.retrain is module.retrain


LOADS = """
import sys

def loaded():
    names = "torch numpy scipy pandas dask distributed matplotlib ipywidgets networkx gymnasium jupytext tqdm".split()
    print(*sorted(set(names) & set(sys.modules)))

import nascourse.evaluation, nascourse.evidence, nascourse.lessons.lesson_08, nascourse.networks, nascourse.runs
import nascourse.search.gradient, nascourse.viz
loaded()
from nascourse.spaces import *
from nascourse.search import LocalSearch, RandomSearch, classical_ga, regularized_evolution, search
from nascourse.runs import process_pool
print(MicroSpace, "torch" in sys.modules)
"""


def test_a_face_loads_what_is_asked_for_and_spaces_and_evolution_no_torch() -> None:
    told = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True).stdout
    assert told == "\n<class 'nascourse.spaces.micro.MicroSpace'> False\n"


# -- notebooks ---------------------------------------------------------------------------------------------------------


def from_the_course(source: Path) -> list[ast.Import | ast.ImportFrom]:
    cells = [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code"]
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    return [
        node
        for node in nodes
        if (isinstance(node, ast.ImportFrom) and str(node.module).startswith("nascourse"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("nascourse") for alias in node.names))
    ]


def test_notebooks_import_what_there_is_in_few_lines() -> None:
    found = {source.stem: from_the_course(source) for source in (ROOT / "notebooks" / "src").glob("*.py")}
    assert median(len(lines) for lines in found.values()) <= 8
    for line in {ast.unparse(node) for lines in found.values() for node in lines}:
        exec(line, {})


# -- lines -------------------------------------------------------------------------------------------------------------


def test_the_house_stays_small() -> None:
    package = ROOT / "nascourse"
    lines = {path.relative_to(package): path.read_text(encoding="utf-8").count("\n") for path in package.rglob("*.py")}
    lessons: dict[str, int] = {}
    core = rest = 0
    for path, count in lines.items():
        assert count <= 400, path
        if path.parts[0] in CORE:
            core += count
        elif path.parts[0] == "lessons" and len(path.parts) == 3:
            lessons[path.parts[1]] = lessons.get(path.parts[1], 0) + count
        else:
            rest += count
    assert core <= 6000
    assert rest <= 6000
    assert median(lessons.values()) <= 1000, lessons
