"""check, hint and solution: what a learner calls."""

from __future__ import annotations

import dataclasses
import html
import math
import numbers
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, Literal

import numpy as np
from IPython.display import display

from .exercise import CodeExercise, Question, find

_SEED = 20_240
_hints_given: dict[str, int] = {}


@dataclass(frozen=True)
class Verdict:
    """What a check found. message: for the learner, one or more lines."""

    status: Literal["passed", "failed", "not tried"]
    message: str


class NotPassed(AssertionError):
    """Raised by `check` when NASCOURSE_STRICT=1 and the answer is not right."""


def check(id: str, answer: object) -> None:
    """Prints whether `answer` (a function, a letter or a number) solves exercise `id`, and if not, why.

    Raises nothing for a wrong or untouched answer, unless NASCOURSE_STRICT=1; `CourseError` for an unknown id.
    """
    found = verdict(id, answer)
    title = find(id).title
    mark = {"passed": "ok", "failed": "no", "not tried": "--"}[found.status]
    text = f"[{mark}] {id} {title}: {found.status}." + "".join(f"\n     {line}" for line in found.message.splitlines())
    if found.status == "failed" and find(id).hints:
        text += f'\n     For a hint: hint("{id}")'
    print(text)
    if found.status != "passed" and os.environ.get("NASCOURSE_STRICT") == "1":
        raise NotPassed(text)


def hint(id: str) -> None:
    """Prints the next hint of the exercise; after the last one, the last again."""
    hints = find(id).hints
    if not hints:
        print(f"{id} has no hints.")
        return
    number = min(_hints_given.get(id, 0) + 1, len(hints))
    _hints_given[id] = number
    print(f"Hint {number} of {len(hints)} for {id}: {hints[number - 1]}")


def solution(id: str) -> None:
    """Shows the exercise's solution behind a line to click on; as plain text where there is no HTML."""
    entry = find(id)
    text = entry.solution if isinstance(entry, CodeExercise) else f"{entry.answer!r}: {entry.why}"
    folded = f"<details><summary>Solution of {id}</summary><pre><code>{html.escape(text)}</code></pre></details>"
    display({"text/html": folded, "text/plain": f"Solution of {id}:\n{text}"}, raw=True)


def verdict(id: str, answer: object) -> Verdict:
    """What `check` prints, as a value."""
    entry = find(id)
    if answer is None or answer is ...:
        return Verdict("not tried", "Put your answer where the ... is, then run the cell again.")
    if isinstance(entry, Question):
        return _judge_answer(entry, answer)
    if not callable(answer):
        return Verdict("failed", f"Pass the function itself, not {show(answer)}: check({id!r}, {_name(entry)}).")
    return _judge_function(entry, answer)


def _judge_answer(entry: Question, answer: Any) -> Verdict:
    if isinstance(answer, str) and isinstance(entry.answer, str):
        answer = answer.strip().lower()
    if same(answer, entry.answer):
        return Verdict("passed", entry.why)
    message = next((text for known, text in entry.wrong.items() if same(answer, known)), None)
    if message is None:
        options = ", ".join(sorted({entry.answer, *entry.wrong})) if isinstance(entry.answer, str) else ""
        message = f"Answer with one of {options}." if options else f"It is not {show(answer)}."
    return Verdict("failed", message + (f"\nRead: {entry.read}" if entry.read else ""))


@dataclass(frozen=True)
class _Outcome:
    """What a function did on one case: returned a value, or raised."""

    value: Any = None
    error: Exception | None = None

    def same_as(self, other: _Outcome) -> bool:
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error)
        return same(self.value, other.value)


def _outcomes(entry: CodeExercise, fn: Callable[..., Any]) -> Iterator[_Outcome]:
    for args in list(entry.cases(np.random.default_rng(_SEED))):
        try:
            yield _Outcome(entry.run(fn, *args))
        except Exception as error:
            yield _Outcome(error=error)


def _judge_function(entry: CodeExercise, fn: Callable[..., Any]) -> Verdict:
    got = list(_outcomes(entry, fn))
    expected = list(_outcomes(entry, entry.reference))
    wrong = [n for n, (a, b) in enumerate(zip(got, expected, strict=True)) if not a.same_as(b)]
    if not wrong:
        return Verdict("passed", "")
    first = got[wrong[0]]
    untouched = isinstance(first.error, NotImplementedError) or _has_blank(getattr(fn, "__code__", None))
    if untouched or all(one.error is None and one.value is None for one in got):
        name = _name(entry)
        return Verdict("not tried", f"{name} returns nothing yet: write its body, down to the return, in place of ...")
    for message, mistaken in entry.mistakes:
        if all(a.same_as(b) for a, b in zip(got, _outcomes(entry, mistaken), strict=True)):
            return Verdict("failed", message)
    args = list(entry.cases(np.random.default_rng(_SEED)))[wrong[0]]
    call = f"{_name(entry)}({', '.join(map(show, args))})"
    return Verdict("failed", f"{call}\ngot       {_in_words(first)}\nexpected  {_in_words(expected[wrong[0]])}")


def _name(entry: CodeExercise) -> str:
    return entry.reference.__name__


def _has_blank(code: CodeType | None) -> bool:
    """Whether a ``...`` is left in the function. (One that is a statement of its own leaves no trace in the code, but
    such a function returns None.)"""
    if code is None:
        return False
    return any(c is ... or (isinstance(c, CodeType) and _has_blank(c)) for c in code.co_consts)


def _in_words(outcome: _Outcome) -> str:
    if outcome.error is None:
        return show(outcome.value)
    frame = traceback.extract_tb(outcome.error.__traceback__)[-1]
    return f"{type(outcome.error).__name__}: {outcome.error} (in {frame.name}, line {frame.lineno})"


def same(got: Any, expected: Any) -> bool:
    """Equal, where numbers may differ by rounding and lists, tuples, arrays and tensors with equal items are equal."""
    got, expected = _plain(got), _plain(expected)
    if isinstance(expected, numbers.Real):
        if not isinstance(got, numbers.Real):
            return False
        return math.isclose(got, expected, rel_tol=1e-5, abs_tol=1e-8) or (math.isnan(got) and math.isnan(expected))
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(expected, dict):
        return isinstance(got, dict) and got.keys() == expected.keys() and all(same(got[k], expected[k]) for k in got)
    return type(got) is type(expected) and bool(got == expected)


def _plain(value: Any) -> Any:
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def show(value: Any) -> str:
    """A value in a line, the same on every run: no addresses, no long tails."""
    text = _shown(_plain(value) if not isinstance(value, tuple) else value)
    return text if len(text) <= 200 else text[:197] + "..."


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(show, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.random.Generator):
        return "rng"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    if dataclasses.is_dataclass(value) and type(value).__str__ is not object.__str__:
        return repr(str(value))
    if type(value).__repr__ is object.__repr__:
        return f"{type(value).__name__}()"
    return repr(value)
