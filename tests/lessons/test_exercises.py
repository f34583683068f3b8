"""What must hold for every exercise of every lesson; a new lesson_NN.py is found by itself."""

from __future__ import annotations
import __future__

import ast
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest

from nascourse.lessons.checking import verdict
from nascourse.lessons.exercise import CodeExercise, Question, find, ids_of
from nascourse.rooms import lessons_with

SOURCES = Path(__file__).parents[2] / "notebooks" / "src"
IDS = [id for lesson in lessons_with("exercises") for id in ids_of(lesson)]
CODE = [entry for entry in map(find, IDS) if isinstance(entry, CodeExercise)]
QUESTIONS = [entry for entry in map(find, IDS) if isinstance(entry, Question)]


def _ids(entry: CodeExercise | Question) -> str:
    return entry.id


def _stubs() -> Iterator[tuple[str, str, str]]:
    """(exercise, function, cell that defines it) for each code exercise as a lesson's source gives it to the reader."""
    for path in sorted(SOURCES.glob("*.py")):
        cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
        defined = {
            node.name: cell for cell in cells for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef)
        }
        for cell in cells:
            for node in ast.walk(ast.parse(cell)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
                    id, answer = map(ast.unparse, node.args)
                    if answer in defined:
                        yield ast.literal_eval(id), answer, defined[answer]


def test_every_lesson_file_numbers_its_own_exercises() -> None:
    assert IDS
    for lesson in lessons_with("exercises"):
        assert [int(id.partition(".")[2]) for id in ids_of(lesson)] == list(range(1, len(ids_of(lesson)) + 1))


@pytest.mark.parametrize("entry", CODE, ids=_ids)
def test_reference_and_solution_pass(entry: CodeExercise) -> None:
    assert verdict(entry.id, entry.reference).status == "passed"
    namespace: dict[str, object] = {}
    exec(entry.solution, namespace)
    found = verdict(entry.id, namespace[entry.reference.__name__])
    assert found.status == "passed", found.message


@pytest.mark.parametrize("entry", CODE, ids=_ids)
def test_each_mistake_is_named(entry: CodeExercise) -> None:
    assert len(entry.mistakes) >= 2
    assert entry.hints
    for message, mistaken in entry.mistakes:
        found = verdict(entry.id, mistaken)
        assert (found.status, found.message) == ("failed", message)


@pytest.mark.parametrize("entry", CODE, ids=_ids)
def test_an_unknown_wrong_answer_is_shown_its_first_case(entry: CodeExercise) -> None:
    found = verdict(entry.id, lambda *args: object)
    assert found.status == "failed"
    assert found.message.startswith(entry.reference.__name__ + "(")
    assert "0x" not in found.message, "an address changes from run to run"


@pytest.mark.parametrize("entry", QUESTIONS, ids=_ids)
def test_questions(entry: Question) -> None:
    assert len(entry.wrong) >= 2
    assert verdict(entry.id, entry.answer).status == "passed"
    for answer, message in entry.wrong.items():
        found = verdict(entry.id, answer)
        assert found.status == "failed"
        assert found.message.startswith(message)
    assert verdict(entry.id, ...).status == "not tried"


@pytest.mark.parametrize(("id", "name", "cell"), [pytest.param(*stub, id=stub[0]) for stub in _stubs()])
def test_stub_as_the_lesson_gives_it_is_not_tried(id: str, name: str, cell: str) -> None:
    namespace: dict[str, object] = {}
    # annotations may name what the lesson imported earlier
    exec(compile(cell, "stub", "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True), namespace)
    assert find(id).reference.__name__ == name
    assert verdict(id, namespace[name]).status == "not tried"
