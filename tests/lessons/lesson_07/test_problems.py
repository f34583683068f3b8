"""Lesson 07's small bilevel problems: what their closed forms say of themselves."""

from __future__ import annotations

import pytest
import torch

from nascourse.errors import CourseError
from nascourse.lessons.lesson_07.hypergradients import unrolled_gradient
from nascourse.lessons.lesson_07.problems import ridge_problem, toy_gradient, toy_path
from tests.search.gradient.hypergradients import a_ridge, toy_problem

close = torch.testing.assert_close


def tensor(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def test_ridge_solution_is_where_the_training_gradient_vanishes() -> None:
    ridge = a_ridge()
    alpha = torch.linspace(-3, 1, 6, dtype=torch.float64)
    w = ridge.solve(alpha).requires_grad_()
    close(torch.autograd.grad(ridge.train(w, alpha), w)[0], torch.zeros(6, dtype=torch.float64))


@pytest.mark.parametrize("xi", [0.0, 0.1, 0.5, 1.0])
def test_plain_numbers_equal_autograd_on_the_toy(xi: float) -> None:
    for w, alpha in ((-2.0, 2.0), (0.5, -0.1), (1.0, 1.0)):
        close(tensor(toy_gradient(alpha, w, xi)), unrolled_gradient(toy_problem(), tensor(w), tensor(alpha), xi))


@pytest.mark.parametrize("xi", [0.0, 0.25, 0.5, 1.0])
def test_the_toys_path_rests_at_two_over_one_plus_two_xi(xi: float) -> None:
    assert toy_path(xi, steps=600)[-1] == pytest.approx((2 / (1 + 2 * xi),) * 2, abs=1e-9)


def test_ridge_refuses_shapes_that_do_not_fit() -> None:
    x = torch.ones(3, 2)
    with pytest.raises(CourseError, match="expected shapes"):
        ridge_problem(x, torch.ones(3, 1), x, torch.ones(3))
