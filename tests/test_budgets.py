"""Modes and budgets: one name, one set of numbers, and a line when the name is wrong."""

from __future__ import annotations

import pytest

from nascourse.budgets import BUDGETS, MODES, budget, mode
from nascourse.errors import CourseError


def test_lesson_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASCOURSE_MODE", raising=False)
    assert mode() == "lesson"
    monkeypatch.setenv("NASCOURSE_MODE", "")
    assert mode() == "lesson"


def test_unknown_mode_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_MODE", "fast")
    with pytest.raises(CourseError, match=r"got 'NASCOURSE_MODE=fast'; expected one of ci, lesson, full; set it") as e:
        budget("01")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("lesson", BUDGETS)
def test_every_mode_has_every_number_and_ci_asks_for_least(lesson: str) -> None:
    for name, numbers in BUDGETS[lesson].items():
        assert [getattr(budget(lesson, m), name) for m in MODES] == [numbers.ci, numbers.lesson, numbers.full]
        assert numbers.ci <= numbers.lesson <= numbers.full


def test_a_budget_is_frozen_and_names_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_MODE", "ci")
    numbers = budget("01")
    assert numbers.mode == "ci"
    with pytest.raises(CourseError, match=r"budgets\.py"):
        numbers.trials = 3
    with pytest.raises(AttributeError, match=r"got 'epoch'; expected one of .*epochs"):
        _ = numbers.epoch
