"""The references of lesson 07 against the package."""

from __future__ import annotations

import pytest
import torch

from nascourse.lessons.lesson_07 import problems
from nascourse.lessons.lesson_07.exercises import derive_node, product, relaxed_node, score_gradient, unrolled_gradient
from nascourse.search.gradient import strongest_edges
from tests.search.gradient import estimators


def tensors(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(4)
    return [torch.randn(*shape, generator=g, dtype=torch.float64) for shape in shapes]


def test_a_relaxed_node_is_the_sum_of_its_mixed_edges() -> None:
    x, y, alphas = tensors((5,), (5,), (2, 3))
    ops = [torch.sin, torch.exp, torch.zeros_like]
    expected = estimators.mixed(ops, x, alphas[0]) + estimators.mixed(ops, y, alphas[1])
    torch.testing.assert_close(relaxed_node(ops, [x, y], alphas), expected)


@pytest.mark.parametrize("edges", [2, 3, 5])
def test_derivation_is_that_of_the_package(edges: int) -> None:
    (alphas,) = tensors((edges, 4))
    assert derive_node(3 * alphas, 2) == strongest_edges(3 * alphas, 2, none=0)


def test_the_product_is_exact_on_a_linear_gradient() -> None:
    matrix, w, v = tensors((2, 5), (5,), (5,))
    pieces = [w[:2], w[2:]], [v[:2], v[2:]]
    torch.testing.assert_close(product(lambda ws: matrix @ torch.cat(list(ws)), *pieces), matrix @ v)


@pytest.mark.parametrize("xi", [0.0, 0.3, 1.0])
def test_the_unrolled_gradient_is_that_of_the_toy(xi: float) -> None:
    assert unrolled_gradient(0.7, -1.2, xi) == pytest.approx(problems.toy_gradient(0.7, -1.2, xi))


@pytest.mark.parametrize("baseline", [0.0, 1.3])
def test_score_gradients_average_to_the_true_one(baseline: float) -> None:
    losses, alphas = tensors((4,), (4,))
    mean = sum(p * score_gradient(losses, alphas, k, baseline) for k, p in enumerate(alphas.softmax(0)))
    torch.testing.assert_close(mean, estimators.enumerated_gradient(lambda z: z @ losses, alphas))
