"""A lesson is begun by copying a folder: the copy imports, its exercises and its experiment work, its notebook is in
form."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest

import nascourse.lessons
from nascourse import evidence
from nascourse.evidence import ledger
from nascourse.lessons import exercise
from nascourse.lessons.checking import verdict
from nascourse.making import lint, sources

EMPTY = Path(lint.__file__).with_name("lesson_NN")
NUMBER, ROOM = "77", "nascourse.lessons.lesson_77"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The copied folder among the lessons, with NN replaced and the notebook's source where sources lie."""
    folder = tmp_path / "lessons" / "lesson_77"
    shutil.copytree(EMPTY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src").mkdir()
    (folder / "notebook.py.txt").rename(source := tmp_path / "src" / "77_new.py")
    for path in (*folder.glob("*.py"), source):
        path.write_text(path.read_text(encoding="utf-8").replace("NN", NUMBER), encoding="utf-8")
    (tmp_path / "01_nas_pipeline.ipynb").touch()  # linked
    monkeypatch.setenv("NASCOURSE_MODE", "ci")
    monkeypatch.setattr(exercise, "_REGISTRY", dict(exercise._REGISTRY))
    monkeypatch.setattr(ledger, "_REGISTRY", dict(ledger._REGISTRY))
    nascourse.lessons.__path__.append(str(folder.parent))
    yield source
    nascourse.lessons.__path__.remove(str(folder.parent))
    for name in [name for name in sys.modules if name.startswith(ROOM)]:
        del sys.modules[name]
    vars(nascourse.lessons).pop("lesson_77", None)


def test_a_copied_lesson_works(copy: Path) -> None:
    room = importlib.import_module(ROOM)
    assert room.name_scene(4).alt in room.NameExplorer().render({"dots": 4}).alt
    assert exercise.ids_of(NUMBER) == ["77.1", "77.2"]
    code, question = (exercise.find(f"{NUMBER}.{k}") for k in (1, 2))
    assert isinstance(code, exercise.CodeExercise)
    assert isinstance(question, exercise.Question)
    assert verdict(code.id, code.reference).status == verdict(question.id, question.answer).status == "passed"
    for message, mistaken in code.mistakes:
        assert verdict(code.id, mistaken).message == message
    assert verdict(question.id, "a").message.startswith(question.wrong["a"])
    assert evidence.find("77_name").arms == ("with", "without")
    assert evidence.rerun("77_name", "with", 3).values == evidence.rerun("77_name", "with", 3).values


def test_its_notebook_lacks_nothing_but_to_be_built(copy: Path) -> None:
    source = sources.read_source(copy)
    page = lint.Page(source.notebook("en"), sources.edition(source, "en"))
    rules = [rule for rule in lint.RULES if rule not in (lint.stamp, lint.executed, lint.size)]
    assert [message for rule in rules for message in rule(page)] == []
    names: dict[str, object] = {}
    with mpl.rc_context():
        for _, cell, _ in page.code:
            exec(compile(cell.source, "cell", "exec"), names)
    assert names["budget"].mode == "ci"  # type: ignore[attr-defined]
