"""What check, hint and solution say, on the demonstration exercise and some values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nascourse.errors import CourseError
from nascourse.lessons import check, checking, hint, solution
from nascourse.lessons.checking import NotPassed, same, verdict
from nascourse.spaces.micro import MicroCell


def _returns_nothing(n: int) -> None: ...


def _raises(n: int) -> int:
    raise NotImplementedError


def _blank_inside(n: int) -> list[object]:
    edges = ...
    return [edges, n]


def _blank_then_error(n: int) -> int:
    return sum(1 for _ in ...)  # type: ignore[attr-defined]


@pytest.mark.parametrize("stub", [None, ..., _returns_nothing, _raises, _blank_inside, _blank_then_error])
def test_untouched_stubs_are_not_tried(stub: object, capsys: pytest.CaptureFixture[str]) -> None:
    check("00.6", stub)
    assert capsys.readouterr().out.startswith("[--] 00.6 Count the edges: not tried.")


def test_output_of_the_three_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    check("00.6", lambda n: n * (n - 1) / 2)
    check("00.6", lambda n: 7)
    check("00.6", lambda n: 1 // (n - n))
    out = capsys.readouterr().out
    assert out.startswith("[ok] 00.6 Count the edges: passed.\n[no] 00.6 Count the edges: failed.\n")
    assert "     count_edges(1)\n     got       7\n     expected  0\n" in out
    assert "ZeroDivisionError" in out
    assert 'hint("00.6")' in out


def test_a_half_right_answer_is_not_taken_for_a_known_mistake() -> None:
    found = verdict("00.6", lambda n: n * (n - 1) if n < 5 else 0)
    assert found.status == "failed"
    assert "got" in found.message


def test_result_instead_of_function() -> None:
    assert "check('00.6', count_edges)" in verdict("00.6", 6).message


def test_questions_take_any_spelling_and_list_the_options() -> None:
    assert verdict("00.5", " B ").status == "passed"
    assert verdict("00.5", "z").message.startswith("Answer with one of a, b, c.")
    assert verdict("00.1", np.int64(15)).status == "passed"
    assert verdict("00.1", 3).message.startswith("It is not 3.")


def test_strict_raises_unless_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_STRICT", "1")
    check("00.5", "b")
    for answer in ("a", ...):
        with pytest.raises(NotPassed):
            check("00.5", answer)


@pytest.mark.parametrize("id", ["00.99", "77.1", "", "nonsense", 6])
def test_unknown_ids_get_one_line(id: object) -> None:
    with pytest.raises(CourseError, match="expected") as caught:
        check(id, ...)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_hints_come_one_by_one_and_the_last_repeats(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_hints_given", {})
    for _ in range(3):
        hint("00.6")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("Hint 1 of 2")
    assert second == third != first


def test_solution_is_folded_and_has_a_plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(checking, "display", lambda data, raw: shown.append(data))
    solution("00.6")
    solution("00.5")
    code, answer = shown
    assert "<details><summary>" in code["text/html"]
    assert "def count_edges(n):" in code["text/plain"]
    assert "'b': In a topological order" in answer["text/plain"]


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (0.1 + 0.2, 0.3, True),
        (0.31, 0.3, False),
        (np.array([1, 2]), (1, 2), True),
        (torch.ones(2, 2), [[1, 1], [1, 1]], True),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        (math.nan, math.nan, True),
        ("1", 1, False),
        (None, 0, False),
        (MicroCell(("none",) * 6), MicroCell(("none",) * 6), True),
    ],
)
def test_same(got: object, expected: object, equal: bool) -> None:
    assert same(got, expected) is equal
