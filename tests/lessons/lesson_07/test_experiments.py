"""Lesson 07: its cells agree with the package, and what its text says of the evidence is what the rows give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nascourse import evidence
from nascourse.bootstrap import ROOT
from nascourse.evidence.statistics import difference
from nascourse.lessons.lesson_07 import experiments as lesson_07
from nascourse.lessons.lesson_07 import hypergradients, problems
from nascourse.search.gradient.darts_step import hessian_vector_product
from tests.lessons.helpers import names_of
from tests.search.gradient import estimators
from tests.search.gradient.hypergradients import mixed_product, toy_problem

NAME = "07_exact_hypergradient"
SOURCE = ROOT / "notebooks" / "src" / "07_gradient.py"
ARMS = ("first order", "one step unrolled", "first order, w solved", "exact")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """The names that the lesson's cells define, up to its first explorer."""
    return names_of("07_gradient")


def test_the_lessons_mixed_operation_is_the_packages(lesson: dict[str, Any]) -> None:
    x, ops = lesson["x"], lesson["OPS"]
    alpha = torch.randn(len(ops), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(lesson["mixed"](ops, x, alpha), estimators.mixed(ops, x, alpha))


def test_the_lessons_cell_is_the_experiments(lesson: dict[str, Any]) -> None:
    alphas = torch.randn(3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cell = lesson_07.relaxed_cell(lesson["x"], alphas.softmax(1))
    assert torch.allclose(lesson["relaxed_cell"](lesson["x"], alphas), cell)


@pytest.mark.parametrize("xi", [0.0, 0.5])
def test_the_lessons_walk_is_the_packages(lesson: dict[str, Any], xi: float) -> None:
    alpha, w = problems.toy_path(xi, steps=30)[-1]
    assert lesson["walk"](xi, rounds=30) == pytest.approx((w, alpha), abs=1e-4)


def test_the_lessons_gradients_are_the_packages(lesson: dict[str, Any]) -> None:
    toy = toy_problem()
    for w, a, xi in ((3.0, 3.0, 0.25), (-1.5, 0.5, 0.7)):
        wt, at = (torch.tensor(v, dtype=torch.float64) for v in (w, a))
        assert torch.allclose(lesson["first_order"](wt, at), hypergradients.first_order_gradient(toy, wt, at))
        assert torch.allclose(lesson["unrolled"](wt, at, xi), hypergradients.unrolled_gradient(toy, wt, at, xi))
        assert float(lesson["unrolled"](wt, at, xi)) == pytest.approx(problems.toy_gradient(a, w, xi))


def test_the_lessons_product_is_the_packages(lesson: dict[str, Any]) -> None:
    draw = torch.Generator().manual_seed(2)
    w, alpha, v = (torch.randn(3, generator=draw, dtype=torch.float64) for _ in range(3))
    loss = lesson["smooth_loss"]
    (package,) = hessian_vector_product(lambda ws: [torch.func.grad(loss, argnums=1)(ws[0], alpha)], [w], [v])
    assert torch.allclose(lesson["product_by_differences"](loss, w, alpha, v), package, atol=1e-9)
    judge = mixed_product(loss, w, alpha, v)
    assert torch.allclose(lesson["product_by_autograd"](loss, w, alpha, v), judge)


def test_the_lessons_reinforce_is_the_packages(lesson: dict[str, Any]) -> None:
    loss, alpha = lesson["choice_loss"], lesson["alpha"]
    ours = lesson["reinforce"](alpha, 50, torch.Generator().manual_seed(4), 0.3)
    assert torch.allclose(ours, estimators.reinforce(loss, alpha, 50, torch.Generator().manual_seed(4), 0.3))


# -- the filter cell --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def problem() -> hypergradients.Bilevel:
    return lesson_07.filter_problem(seed=1, images=30)


ALPHA = torch.randn(3, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def test_its_hypergradient_is_the_difference_quotient(problem: hypergradients.Bilevel) -> None:
    exact, step = hypergradients.exact_gradient(problem, ALPHA), torch.zeros_like(ALPHA)
    for place in ((0, 1), (1, 4), (2, 5)):
        step.zero_()[place] = 1e-5
        quotient = lesson_07.solved_loss(problem, ALPHA + step) - lesson_07.solved_loss(problem, ALPHA - step)
        assert float(exact[place]) == pytest.approx(quotient / 2e-5, rel=1e-4, abs=1e-7)


def test_its_weights_minimize_and_its_steps_are_stable(problem: hypergradients.Bilevel) -> None:
    w = problem.solve(ALPHA)
    torch.testing.assert_close(torch.func.grad(problem.train)(w, ALPHA), torch.zeros_like(w))
    rows = lesson_07.features(lesson_07.draw_images(1, 30)[0][0], ALPHA.softmax(1))
    assert torch.linalg.eigvalsh(rows.T @ rows / len(rows))[-1] + lesson_07.RIDGE < 2 / lesson_07.RATE_W


def test_best_of_is_the_expected_minimum() -> None:
    losses = {(0,): 1.0, (1,): 2.0, (2,): 4.0}
    assert lesson_07.best_of(losses, 1) == pytest.approx(7 / 3)
    pairs = [min(a, b) for a in losses.values() for b in losses.values()]
    assert lesson_07.best_of(losses, 2) == pytest.approx(sum(pairs) / 9)


# -- what the lesson's text says of the evidence ----------------------------------------------------------------------


def values(arm: str, measure: str) -> np.ndarray:
    return evidence.load(NAME).values(arm, measure)


def test_the_verdict_and_where_the_gain_comes_from() -> None:
    assert evidence.verdict(NAME).word == "holds"
    crude, solved, exact = (values(arm, "relaxed").mean() for arm in (ARMS[0], ARMS[2], ARMS[3]))
    assert crude - solved > solved - exact > 0  # most of it from solving for the weights
    assert exact < values("random", "best").mean()  # the mixture is better than the best single cell


def test_the_best_of_three_random_cells_is_as_good() -> None:
    assert abs(values("random", "best_of_3").mean() - values("exact", "derived").mean()) < 0.002


def test_what_is_said_of_ranks_weights_and_the_derived_cells() -> None:
    ranks = {arm: values(arm, "rank") for arm in ARMS}
    assert all((r > 100).any() for r in ranks.values())
    assert (ranks["exact"] <= 10).sum() > max((ranks[arm] <= 10).sum() for arm in ARMS[:3])
    weights = [values(arm, "largest_weight").mean() for arm in ARMS]
    assert weights == sorted(weights, reverse=True)
    effect = difference(values("first order", "derived"), values("exact", "derived"), paired=True)
    assert effect.low < 0 < effect.high


def test_keeping_one_filter_breaks_the_fitted_weights() -> None:
    assert all(values(arm, "kept").mean() > values(arm, "derived").mean() + 0.01 for arm in ARMS)


@pytest.mark.parametrize("arm", ["exact", "first order"])
def test_a_row_run_again_is_the_row_recorded(arm: str) -> None:
    assert evidence.differences(NAME, arm, 0) == []
