"""What an exercise is, and where to find one: lesson_NN/exercises.py holds those of lesson NN."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.random import Generator

from ..errors import bad_input
from ..rooms import lessons_with

Function = Callable[..., Any]


def _call(fn: Function, *args: Any) -> Any:
    return fn(*args)


@dataclass(frozen=True, kw_only=True)
class CodeExercise:
    """A function to write. Decorating its `reference` registers it; the learner's function has the same name.

    cases: argument tuples, made afresh from a seeded generator for every function that is run on them, so that
    none can spoil another's; mistakes: (message, wrong function) pairs; run: how to call the function and what of
    its work to compare, for functions whose answer is not unique (a mutation) or not a plain value (a module).
    """

    id: str = field(kw_only=False)
    title: str
    cases: Callable[[Generator], Iterable[tuple[Any, ...]]]
    solution: str
    mistakes: tuple[tuple[str, Function], ...]
    hints: tuple[str, ...]
    run: Callable[..., Any] = _call
    reference: Function = _call

    def __call__(self, reference: Function) -> Function:
        _register(replace(self, reference=reference, solution=self.solution.strip() + "\n"))
        return reference


def exercise(id: str, **fields: Any) -> Callable[[Function], Function]:
    """Decorates the reference of exercise `id` ("05.2"); the other fields are those of a `CodeExercise`."""
    return CodeExercise(id, **fields)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One answer is right, a letter or a number; registers itself. wrong: answer -> what is wrong about it; why: shown
    when right and as the solution; read: where to read up on it."""

    id: str = field(kw_only=False)
    title: str
    answer: Any
    wrong: Mapping[Any, str]
    why: str
    hints: tuple[str, ...] = ()
    read: str = ""

    def __post_init__(self) -> None:
        _register(self)


question = Question
Exercise = CodeExercise | Question

_REGISTRY: dict[str, Exercise] = {}


def _register(entry: Exercise) -> None:
    known = _REGISTRY.get(entry.id)
    if known is not None and known.title != entry.title:
        raise bad_input(entry.id, f"an id that is free ({entry.id} is {known.title!r})", "choose the next number")
    _REGISTRY[entry.id] = entry


def ids_of(lesson: str) -> list[str]:
    """The ids of a lesson's exercises, in order; empty for a lesson that has none."""
    if module := lessons_with("exercises").get(lesson):
        importlib.import_module(module)
    return sorted((id for id in _REGISTRY if id.partition(".")[0] == lesson), key=lambda id: int(id.partition(".")[2]))


def find(id: str) -> Exercise:
    """The exercise with this id. Raises `CourseError` naming the ids that the lesson has."""
    known = ids_of(id.partition(".")[0]) if isinstance(id, str) else []
    if id not in known:
        expected = f"one of {', '.join(known)}" if known else 'the id of an exercise, such as "01.2"'
        raise bad_input(id, expected, "copy the id from the exercise's heading")
    return _REGISTRY[id]
