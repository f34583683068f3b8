"""What an exercise is, and where to find one: lesson_NN/exercises.py holds those of lesson NN."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.random import Generator

from ..errors import CourseError, bad_input

Function = Callable[..., Any]


def _call(fn: Function, *args: Any) -> Any:
    return fn(*args)


@dataclass(frozen=True)
class CodeExercise:
    """A function to write, judged on small random cases against `reference`.

    cases: argument tuples, made afresh from a seeded generator for every function that is run on them, so that
    none can spoil another's; mistakes: (message, wrong function) pairs; run: how to call the function and what of
    its work to compare, for functions whose answer is not unique (a mutation) or not a plain value (a module).
    """

    id: str
    title: str
    reference: Function
    cases: Callable[[Generator], Iterable[tuple[Any, ...]]]
    solution: str
    mistakes: tuple[tuple[str, Function], ...]
    hints: tuple[str, ...]
    run: Callable[..., Any] = _call


@dataclass(frozen=True)
class Question:
    """One answer is right: a letter or a number. wrong: answer -> what is wrong about it; why: shown when right and
    as the solution; read: where to read up on it."""

    id: str
    title: str
    answer: Any
    wrong: Mapping[Any, str]
    why: str
    hints: tuple[str, ...] = ()
    read: str = ""


Exercise = CodeExercise | Question

_REGISTRY: dict[str, Exercise] = {}


def exercise(
    id: str,
    *,
    title: str,
    cases: Callable[[Generator], Iterable[tuple[Any, ...]]],
    solution: str,
    mistakes: Iterable[tuple[str, Function]],
    hints: Iterable[str],
    run: Callable[..., Any] = _call,
) -> Callable[[Function], Function]:
    """Registers the decorated reference as exercise `id` ("05.2"). The learner's function has its name."""

    def register(reference: Function) -> Function:
        _register(
            CodeExercise(id, title, reference, cases, solution.strip() + "\n", tuple(mistakes), tuple(hints), run)
        )
        return reference

    return register


def question(
    id: str,
    *,
    title: str,
    answer: Any,
    wrong: Mapping[Any, str],
    why: str,
    hints: Iterable[str] = (),
    read: str = "",
) -> None:
    """Registers a question whose answer is a letter or a number."""
    _register(Question(id, title, answer, dict(wrong), why, tuple(hints), read))


def _register(entry: Exercise) -> None:
    known = _REGISTRY.get(entry.id)
    if known is not None and known.title != entry.title:
        raise bad_input(entry.id, f"an id that is free ({entry.id} is {known.title!r})", "choose the next number")
    _REGISTRY[entry.id] = entry


def lessons_with_exercises() -> list[str]:
    """The numbers of the lessons that have an exercises file."""
    rooms = Path(__file__).parent.glob("lesson_*/exercises.py")
    return sorted(path.parent.name.removeprefix("lesson_") for path in rooms)


def ids_of(lesson: str) -> list[str]:
    """The ids of a lesson's exercises, in order; empty for a lesson that has none."""
    if lesson in lessons_with_exercises():
        importlib.import_module(f"{__package__}.lesson_{lesson}.exercises")
    return sorted((id for id in _REGISTRY if id.partition(".")[0] == lesson), key=lambda id: int(id.partition(".")[2]))


def find(id: str) -> Exercise:
    """The exercise with this id. Raises `CourseError` naming the ids that the lesson has."""
    if not isinstance(id, str) or id not in (known := ids_of(id.partition(".")[0])):
        raise _unknown(id, known if isinstance(id, str) else [])
    return _REGISTRY[id]


def _unknown(id: object, known: list[str]) -> CourseError:
    expected = f"one of {', '.join(known)}" if known else 'the id of an exercise, such as "01.2"'
    return bad_input(id, expected, "copy the id from the exercise's heading")
