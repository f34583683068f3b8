"""Two losses, one inside the other: min over α of L_val(w*(α), α), where w*(α) = argmin over w of L_train(w, α).

The hypergradient dL_val/dα exactly, and two stand-ins for it: first order and one unrolled step (Liu et al. 2019,
*DARTS*, section 2.3, equations 3 to 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""(w, alpha) -> a scalar."""


@dataclass(frozen=True)
class Bilevel:
    """A bilevel problem whose inner part has a closed form: ``solve(alpha)`` is the minimum of ``train`` over w, and
    can be differentiated."""

    train: Loss
    valid: Loss
    solve: Callable[[Tensor], Tensor]


def exact_gradient(problem: Bilevel, alpha: Tensor) -> Tensor:
    """dL_val(w*(α), α)/dα by autograd through the closed form of w*."""
    alpha = _leaf(alpha)
    return _gradient(problem.valid(problem.solve(alpha), alpha), alpha)


def first_order_gradient(problem: Bilevel, w: Tensor, alpha: Tensor) -> Tensor:
    """∂_α L_val(w, α) with w as it is: what is left of equation 7 for ξ = 0."""
    w, alpha = _leaf(w), _leaf(alpha)
    return _gradient(problem.valid(w, alpha), alpha)


def unrolled_gradient(problem: Bilevel, w: Tensor, alpha: Tensor, xi: float) -> Tensor:
    """Equation 7 with autograd's exact product: d/dα of L_val(w − ξ ∂_w L_train(w, α), α)."""
    w, alpha = _leaf(w), _leaf(alpha)
    (slope,) = torch.autograd.grad(problem.train(w, alpha), w, create_graph=True)
    return _gradient(problem.valid(w - xi * slope, alpha), alpha)


def _leaf(tensor: Tensor) -> Tensor:
    """The same numbers at the start of a graph of their own."""
    return tensor.detach().clone().requires_grad_()


def _gradient(value: Tensor, of: Tensor) -> Tensor:
    """d value/d of; zeros where ``of`` does not occur."""
    return torch.autograd.grad(value, of, materialize_grads=True)[0]
