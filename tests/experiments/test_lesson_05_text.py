"""What lesson 05 says of its recorded experiments is what their rows give."""

from __future__ import annotations

import pytest

from nascourse import evidence
from nascourse.evidence import Evidence

ONE_DECISION = ("aging", "drop worst")
GENETIC = ("GA, roulette", "GA, tournament")


@pytest.fixture(scope="module")
def exact() -> Evidence:
    return evidence.load("05_exact")


def mean(rows: Evidence, arm: str, quantity: str) -> float:
    return float(rows.values(arm, quantity).mean())


def test_how_far_each_ends_from_the_best_cell(exact: Evidence) -> None:
    """ "about 0.7 percentage points below the best cell, local search 0.3, regularized evolution 0.2"."""
    points = {arm: round(100 * mean(exact, arm, "regret"), 1) for arm in ("random", "local", "aging")}
    assert points == {"random": 0.7, "local": 0.3, "aging": 0.2}


def test_what_two_fifths_are_left_by(exact: Evidence) -> None:
    for arm in ("local", "mu + lambda", "GA, tournament"):
        assert 0.35 < mean(exact, arm, "regret") / mean(exact, "random", "regret") < 0.47


def test_who_meets_the_same_functions_again(exact: Evidence) -> None:
    random = mean(exact, "random", "functions")
    assert random < 0.75 * exact.budget["evaluations"]  # "random search repeats itself, too"
    assert all(mean(exact, arm, "functions") < 0.8 * random for arm in ONE_DECISION)
    assert all(mean(exact, arm, "functions") > 0.95 * random for arm in GENETIC)
