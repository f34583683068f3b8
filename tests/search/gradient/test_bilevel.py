"""Every hypergradient against a closed form or autograd's double backward, in float64; and traps T1 and T2."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nascourse.lessons.lesson_07.hypergradients import (
    Bilevel,
    exact_gradient,
    first_order_gradient,
    unrolled_gradient,
)
from nascourse.search.gradient.darts_step import hessian_vector_product
from tests.search.gradient.hypergradients import a_ridge, implicit_gradient, mixed_product, toy_problem

close = torch.testing.assert_close


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def ridge() -> Bilevel:
    return a_ridge()


def smooth_problem() -> Bilevel:
    """Not quadratic in w, not linear in alpha, no closed form."""

    def train(w: Tensor, alpha: Tensor) -> Tensor:
        return (torch.tanh(w * alpha) - 0.3).pow(2).sum() + (w.pow(4) * alpha.exp()).sum() + w.prod() * alpha.sum()

    def valid(w: Tensor, alpha: Tensor) -> Tensor:
        return (torch.sigmoid(w + alpha) - 0.7).pow(2).sum() + (w.sin() * alpha).sum()

    return Bilevel(train, valid, lambda alpha: alpha)


def points(n: int = 5) -> list[tuple[Tensor, Tensor]]:
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(3, generator=g).double(), torch.randn(3, generator=g).double()) for _ in range(n)]


# -- exact ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [-1.0, 0.3, 2.0])
def test_the_toys_hypergradient_is_that_of_its_parabola(alpha: float) -> None:
    close(exact_gradient(toy_problem(), tensor(alpha)), tensor(2 * (alpha - 1)))
    close(implicit_gradient(toy_problem(), tensor(alpha), tensor(alpha)), tensor(2 * (alpha - 1)))


def test_implicit_equals_exact_and_the_difference_quotient_on_ridge(ridge: Bilevel) -> None:
    alpha = torch.linspace(-3, 1, 6, dtype=torch.float64)
    exact = exact_gradient(ridge, alpha)
    close(implicit_gradient(ridge, ridge.solve(alpha), alpha), exact)
    step = 1e-5 * torch.eye(6, dtype=torch.float64)
    outer = [ridge.valid(ridge.solve(alpha + s), alpha) - ridge.valid(ridge.solve(alpha - s), alpha) for s in step]
    close(exact, torch.stack(outer) / 2e-5, rtol=1e-6, atol=1e-9)


# -- stand-ins --------------------------------------------------------------------------------------------------------


def test_first_order_is_blind_where_alpha_acts_through_the_weights_only(ridge: Bilevel) -> None:
    alpha = torch.zeros(6, dtype=torch.float64)
    w = ridge.solve(alpha)
    assert torch.equal(first_order_gradient(ridge, w, alpha), torch.zeros_like(alpha))
    exact = exact_gradient(ridge, alpha)
    assert exact.norm() > 1e-3
    assert torch.nn.functional.cosine_similarity(unrolled_gradient(ridge, w, alpha, 0.1), exact, dim=0) > 0.5


def test_unrolled_with_xi_one_over_the_curvature_is_exact_on_the_toy() -> None:
    for w, alpha in ((-2.0, 2.0), (0.5, 0.1)):
        close(unrolled_gradient(toy_problem(), tensor(w), tensor(alpha), 0.5), tensor(2 * (alpha - 1)))


def test_unrolled_is_the_double_backward_of_equation_7() -> None:
    problem = smooth_problem()
    for w, alpha in points():
        stepped = w - 0.05 * torch.func.grad(problem.train)(w, alpha)
        direct, direction = (torch.func.grad(problem.valid, argnums=n)(stepped, alpha) for n in (1, 0))
        cross = torch.func.jacrev(torch.func.grad(problem.train, argnums=1))(w, alpha)  # (alpha, w)
        close(unrolled_gradient(problem, w, alpha, 0.05), direct - 0.05 * cross @ direction)


# -- the product, and the traps ---------------------------------------------------------------------------------------


def bilinear() -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(2)
    return tuple(torch.randn(*s, generator=g, dtype=torch.float64) for s in ((4, 5), (5,), (5,)))  # type: ignore[return-value]


def test_the_product_divides_by_epsilon() -> None:
    """T1: ``(p - n) / 2. * eps`` is smaller by eps squared."""
    matrix, w, v = bilinear()
    (product,) = hessian_vector_product(lambda ws: [matrix @ ws[0]], [w], [v])
    close(product, matrix @ v)
    eps = 0.01 / v.norm()
    p, n = matrix @ (w + eps * v), matrix @ (w - eps * v)
    wrong = (p - n) / 2.0 * eps
    close(wrong, eps**2 * (matrix @ v))
    assert wrong.norm() < 1e-4 * product.norm()


def test_the_product_takes_weights_in_pieces_and_leaves_them_alone() -> None:
    matrix, w, v = bilinear()
    pieces, before = [w[:2].clone(), w[2:].clone()], w.clone()
    (product,) = hessian_vector_product(lambda ws: [matrix @ torch.cat(list(ws))], pieces, [v[:2], v[2:]])
    close(product, matrix @ v)
    assert torch.equal(torch.cat(pieces), before)


def test_the_product_with_a_zero_vector_is_zero() -> None:
    matrix, w, _ = bilinear()
    (product,) = hessian_vector_product(lambda ws: [matrix @ ws[0]], [w], [torch.zeros(5, dtype=torch.float64)])
    assert torch.equal(product, torch.zeros(4, dtype=torch.float64))


def test_the_product_agrees_with_double_backward() -> None:
    problem = smooth_problem()
    for w, alpha in points():
        v = torch.cos(w)
        (product,) = hessian_vector_product(
            lambda ws, a=alpha: [torch.func.grad(problem.train, argnums=1)(ws[0], a)], [w], [v]
        )
        close(product, mixed_product(problem.train, w, alpha, v), rtol=1e-3, atol=1e-3)


def test_the_virtual_step_moves_the_weights() -> None:
    """T2: ``for p in weights: p = p - xi * g`` changes no weight; the gradient is then taken at w instead of w'."""
    problem = smooth_problem()
    for w, alpha in points(2):
        before = w.clone()
        right = unrolled_gradient(problem, w, alpha, 0.3)
        assert torch.equal(w, before)
        direct, direction = (torch.func.grad(problem.valid, argnums=n)(w, alpha) for n in (1, 0))
        rebound = direct - 0.3 * mixed_product(problem.train, w, alpha, direction)
        assert (right - rebound).norm() > 0.05 * right.norm()
