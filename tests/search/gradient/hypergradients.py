"""Judges of the hypergradients: a toy with a closed form, the implicit function theorem, autograd's double backward."""

from __future__ import annotations

import torch
from torch import Tensor

from nascourse.lessons.lesson_07.hypergradients import Bilevel, Loss
from nascourse.lessons.lesson_07.problems import ridge_problem


def toy_problem() -> Bilevel:
    """One weight, one α: L_train = (w − α)², L_val = αw − 2α + 1. w*(α) = α, so L_val(w*(α), α) = (α − 1)²."""
    return Bilevel(
        train=lambda w, alpha: ((w - alpha) ** 2).sum(),
        valid=lambda w, alpha: (alpha * w - 2 * alpha + 1).sum(),
        solve=lambda alpha: alpha.clone(),
    )


def a_ridge() -> Bilevel:
    """Ridge regression on 20 examples of 6 features, three of which matter; validated on 15."""
    g = torch.Generator().manual_seed(0)
    x, x_valid = (torch.randn(n, 6, generator=g, dtype=torch.float64) for n in (20, 15))
    w = torch.tensor([1, -2, 0.5, 0, 0, 0], dtype=torch.float64)
    noise = torch.randn(35, generator=g, dtype=torch.float64)
    return ridge_problem(x, x @ w + noise[:20], x_valid, x_valid @ w + noise[20:])


def implicit_gradient(problem: Bilevel, w: Tensor, alpha: Tensor) -> Tensor:
    """The hypergradient at the inner minimum w = w*(α), by the implicit function theorem:
    ∂_α L_val − ∂²_{αw} L_train · (∂²_{ww} L_train)⁻¹ · ∂_w L_val. Builds the whole Hessian, so for small w only."""
    direct, direction = (torch.func.grad(problem.valid, argnums=n)(w, alpha) for n in (1, 0))
    hessian = torch.autograd.functional.hessian(lambda v: problem.train(v, alpha), w)
    vector = torch.linalg.solve(hessian.reshape(w.numel(), w.numel()), direction.flatten()).reshape(w.shape)
    return direct - mixed_product(problem.train, w, alpha, vector)


def mixed_product(train: Loss, w: Tensor, alpha: Tensor, vector: Tensor) -> Tensor:
    """∂²_{αw} L_train(w, α) · vector by double backward."""
    return torch.func.grad(lambda a: (torch.func.grad(train)(w, a) * vector).sum())(alpha)
