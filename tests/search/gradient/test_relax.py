"""The relaxation by hand and by enumeration; the means of the estimators against closed forms."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from nascourse.lessons.lesson_07.estimators import gumbel_softmax, mixture_gradient, straight_through
from nascourse.search.gradient.derive import argmax_operations, strongest_edges
from tests.search.gradient.estimators import enumerated_gradient, mixed, reinforce

close = torch.testing.assert_close
ALPHAS = torch.tensor([0.7, -0.2, 0.1, 0.4], dtype=torch.float64)
VALUES = torch.tensor([1.0, -0.5, 2.0, 0.3], dtype=torch.float64)
P = ALPHAS.softmax(0)
JACOBIAN = torch.diag(P) - torch.outer(P, P)
SAMPLES = 100_000


def square(z: Tensor) -> Tensor:
    return (z @ VALUES - 0.4) ** 2


def linear(z: Tensor) -> Tensor:
    return z @ VALUES


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def assert_mean(samples: Tensor, expected: Tensor) -> None:
    error = samples.std(0) / len(samples) ** 0.5
    assert ((samples.mean(0) - expected).abs() < 4.5 * error + 1e-12).all()


# -- mixing and deriving ----------------------------------------------------------------------------------------------


def test_mixed_by_hand() -> None:
    x = torch.tensor([1.0, 2.0])
    out = mixed([lambda x: x, lambda x: 10 * x, torch.zeros_like], x, torch.tensor([0.0, 0.0, 0.0]))
    close(out, 11 * x / 3)


def test_mixed_becomes_the_argmax_as_alpha_grows() -> None:
    x = torch.tensor([1.0, 2.0])
    close(mixed([lambda x: x, lambda x: 10 * x], x, torch.tensor([0.0, 50.0])), 10 * x)


def test_top_k_compares_edges_after_softmax() -> None:
    """T3: on raw α the first edge is the strongest; after softmax it is the weakest."""
    alphas = torch.tensor([[5.0, 5.0, 5.0], [0.0, 3.0, 0.0], [2.0, 0.0, 0.0]])
    assert strongest_edges(alphas, k=2) == [(1, 1), (2, 0)]
    assert alphas.max(1).values.argsort(descending=True)[0] == 0


def test_none_is_never_kept_but_takes_its_share_of_the_softmax() -> None:
    alphas = torch.tensor([[9.0, 1.0, 0.0], [0.0, 0.0, 0.5], [-9.0, 0.2, 0.1]])
    # strengths besides none: about 0, 0.45, 0.52
    assert strongest_edges(alphas, k=2, none=0) == [(1, 2), (2, 1)]
    assert strongest_edges(alphas, k=1, none=0) == [(2, 1)]


def test_derivation_maximizes_the_product_of_weights_over_all_cells() -> None:
    alphas = torch.randn(3, 4, generator=torch.Generator().manual_seed(3))
    weights = alphas.softmax(1)
    best = max(itertools.product(range(4), repeat=3), key=lambda cell: weights[range(3), cell].prod())
    assert argmax_operations(alphas) == best


# -- estimators -------------------------------------------------------------------------------------------------------


def test_the_enumerated_gradient_is_the_covariance_of_loss_and_choice() -> None:
    close(enumerated_gradient(square, ALPHAS), JACOBIAN @ (VALUES - 0.4) ** 2)


@pytest.mark.parametrize("baseline", [0.0, 0.9, -3.0])
def test_reinforce_is_unbiased_for_every_baseline(baseline: float) -> None:
    samples = reinforce(square, ALPHAS, SAMPLES, generator(), baseline)
    assert samples.shape == (SAMPLES, 4)
    assert_mean(samples, enumerated_gradient(square, ALPHAS))


def test_a_good_baseline_lowers_the_variance_as_computed_by_enumeration() -> None:
    losses, score = (VALUES - 0.4) ** 2, torch.eye(4, dtype=torch.float64) - P

    def variance(baseline: float) -> Tensor:
        each = (losses - baseline)[:, None] * score
        return (P[:, None] * each**2).sum() - (P[:, None] * each).sum(0).pow(2).sum()

    mean = float(P @ losses)
    assert variance(mean) < variance(0)
    for baseline in (0.0, mean):
        measured = reinforce(square, ALPHAS, SAMPLES, generator(), baseline).var(0).sum()
        close(measured, variance(baseline), rtol=0.03, atol=0)


def test_straight_through_has_the_mean_that_is_computed_and_it_is_not_the_gradient() -> None:
    expected = JACOBIAN @ ((P * 2 * (VALUES - 0.4)).sum() * VALUES)  # the slope at each choice, averaged
    assert_mean(straight_through(square, ALPHAS, SAMPLES, generator()), expected)
    assert (expected - enumerated_gradient(square, ALPHAS)).norm() > 0.1 * expected.norm()


def test_all_agree_on_a_linear_loss() -> None:
    exact = enumerated_gradient(linear, ALPHAS)
    close(mixture_gradient(linear, ALPHAS), exact)
    close(straight_through(linear, ALPHAS, 5, generator()), exact.expand(5, -1))


def test_the_mixture_is_the_gradient_of_the_relaxed_loss() -> None:
    close(mixture_gradient(square, ALPHAS), JACOBIAN @ (2 * (P @ VALUES - 0.4) * VALUES))


def test_gumbel_softmax_trades_bias_for_variance_by_its_temperature() -> None:
    exact = enumerated_gradient(square, ALPHAS)
    cold, hot = (gumbel_softmax(square, ALPHAS, 400_000, generator(), temperature=t) for t in (0.1, 3.0))
    assert (cold.mean(0) - exact).norm() < 0.3 * (hot.mean(0) - exact).norm()
    assert cold.var(0).sum() > 10 * hot.var(0).sum()


def test_a_hard_gumbel_sample_is_a_draw_from_the_softmax() -> None:
    seen: list[Tensor] = []

    def keep(z: Tensor) -> Tensor:
        seen.append(z.detach())
        return square(z)

    gumbel_softmax(keep, ALPHAS, SAMPLES, generator(), temperature=0.5, hard=True)
    close(seen[0].sort(1).values[:, -1], torch.ones(SAMPLES, dtype=torch.float64))
    assert_mean(seen[0], P)


def test_a_hard_sample_keeps_its_gradient() -> None:
    """T5: a sample turned to bool before use cuts the path back to α."""
    assert gumbel_softmax(square, ALPHAS, 100, generator(), hard=True).abs().sum() > 0
    soft = ALPHAS.clone().requires_grad_().softmax(0)
    assert not (soft > 0.3).to(soft).requires_grad
