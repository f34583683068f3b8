"""Two losses, one inside the other: min over α of L_val(w*(α), α), where w*(α) = argmin over w of L_train(w, α).

The hypergradient dL_val/dα exactly, and three stand-ins for it: first order, one unrolled step, and the unrolled step
with a Hessian-vector product by finite differences (Liu et al. 2019, *DARTS*, section 2.3, equations 3 to 8).
Small problems with a closed form, where all of them can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import bad_input

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


def implicit_gradient(problem: Bilevel, w: Tensor, alpha: Tensor) -> Tensor:
    """The hypergradient at the inner minimum w = w*(α), by the implicit function theorem:
    ∂_α L_val − ∂²_{αw} L_train · (∂²_{ww} L_train)⁻¹ · ∂_w L_val. Builds the whole Hessian, so for small w only."""
    w, alpha = _leaf(w), _leaf(alpha)
    direct, direction = torch.autograd.grad(problem.valid(w, alpha), (alpha, w), materialize_grads=True)
    hessian = torch.autograd.functional.hessian(lambda v: problem.train(v, alpha.detach()), w.detach())
    vector = torch.linalg.solve(hessian.reshape(w.numel(), w.numel()), direction.flatten()).reshape(w.shape)
    return direct - mixed_product(problem.train, w, alpha, vector)


def first_order_gradient(problem: Bilevel, w: Tensor, alpha: Tensor) -> Tensor:
    """∂_α L_val(w, α) with w as it is: what is left of equation 7 for ξ = 0."""
    w, alpha = _leaf(w), _leaf(alpha)
    return _gradient(problem.valid(w, alpha), alpha)


def unrolled_gradient(problem: Bilevel, w: Tensor, alpha: Tensor, xi: float) -> Tensor:
    """Equation 7 with autograd's exact product: d/dα of L_val(w − ξ ∂_w L_train(w, α), α)."""
    w, alpha = _leaf(w), _leaf(alpha)
    (slope,) = torch.autograd.grad(problem.train(w, alpha), w, create_graph=True)
    return _gradient(problem.valid(w - xi * slope, alpha), alpha)


def unrolled_by_differences(problem: Bilevel, w: Tensor, alpha: Tensor, xi: float, scale: float = 0.01) -> Tensor:
    """Equation 7 with the product of equation 8: four gradients, no second derivative."""
    (slope,) = torch.autograd.grad(problem.train(w := _leaf(w), alpha.detach()), w)
    stepped, alpha = _leaf(w - xi * slope), _leaf(alpha)
    direct, direction = torch.autograd.grad(problem.valid(stepped, alpha), (alpha, stepped), materialize_grads=True)

    def alpha_gradient(weights: Sequence[Tensor]) -> list[Tensor]:
        return [_gradient(problem.train(weights[0], alpha), alpha)]

    (product,) = hessian_vector_product(alpha_gradient, [w.detach()], [direction], scale)
    return direct - xi * product


def hessian_vector_product(
    gradient: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    weights: Sequence[Tensor],
    vector: Sequence[Tensor],
    scale: float = 0.01,
) -> list[Tensor]:
    """∂²_{αw} L · v by central differences, (∂_α L(w + εv) − ∂_α L(w − εv)) / 2ε with ε = ``scale`` / ‖v‖ (equation 8).

    gradient: weights -> ∂_α L there, a tensor for each tensor of α; weights, vector: tensors of the same shapes, as
    many as w has. Neither is changed.
    """
    norm = math.sqrt(sum(float(v.pow(2).sum()) for v in vector))
    eps = scale / max(norm, 1e-12)  # a zero vector has product zero
    plus = gradient([w + eps * v for w, v in zip(weights, vector, strict=True)])
    minus = gradient([w - eps * v for w, v in zip(weights, vector, strict=True)])
    return [(p - n) / (2 * eps) for p, n in zip(plus, minus, strict=True)]


def mixed_product(train: Loss, w: Tensor, alpha: Tensor, vector: Tensor) -> Tensor:
    """∂²_{αw} L_train(w, α) · vector by autograd's double backward: the judge of `hessian_vector_product`."""
    w, alpha = _leaf(w), _leaf(alpha)
    (slope,) = torch.autograd.grad(train(w, alpha), w, create_graph=True)
    return _gradient((slope * vector.detach()).sum(), alpha)


def toy_problem() -> Bilevel:
    """One weight, one α: L_train = (w − α)², L_val = αw − 2α + 1. w*(α) = α, so L_val(w*(α), α) = (α − 1)²."""
    return Bilevel(
        train=lambda w, alpha: ((w - alpha) ** 2).sum(),
        valid=lambda w, alpha: (alpha * w - 2 * alpha + 1).sum(),
        solve=lambda alpha: alpha.clone(),
    )


def toy_gradient(alpha: float, w: float, xi: float) -> float:
    """The unrolled gradient of `toy_problem` in plain numbers. ξ = 0 is first order; ξ = 1/2, one over the inner
    curvature, is exact."""
    stepped = w - xi * 2 * (w - alpha)
    return stepped - 2 + 2 * xi * alpha


def toy_path(
    xi: float,
    alpha: float = 2.0,
    w: float = -2.0,
    rate_alpha: float = 0.1,
    rate_w: float = 0.1,
    w_steps: int = 1,
    steps: int = 100,
) -> list[tuple[float, float]]:
    """(α, w) before and after each of ``steps`` rounds of one step of α and ``w_steps`` of w on `toy_problem`.

    Where it comes to rest, w = α and α = 2 / (1 + 2ξ).
    """
    path = [(alpha, w)]
    for _ in range(steps):
        alpha -= rate_alpha * toy_gradient(alpha, w, xi)
        for _ in range(w_steps):
            w -= rate_w * 2 * (w - alpha)
        path.append((alpha, w))
    return path


def ridge_problem(x: Tensor, y: Tensor, x_valid: Tensor, y_valid: Tensor) -> Bilevel:
    """Ridge regression with a penalty exp(α_j) for each feature j: L_train = ‖xw − y‖²/2n + Σ_j exp(α_j) w_j²/2, and
    L_val = ‖x_valid w − y_valid‖²/2m, in which α does not occur.

    x: (n, features), y: (n,), x_valid: (m, features), y_valid: (m,). Raises `CourseError` for other shapes.
    """
    if x.ndim != 2 or x_valid.shape[1:] != x.shape[1:] or y.shape != x.shape[:1] or y_valid.shape != x_valid.shape[:1]:
        shapes = [tuple(t.shape) for t in (x, y, x_valid, y_valid)]
        raise bad_input(shapes, "shapes (n, features), (n,), (m, features), (m,)", "one row and one target an example")
    gram, target = x.T @ x / len(x), x.T @ y / len(x)
    return Bilevel(
        train=lambda w, alpha: ((x @ w - y) ** 2).mean() / 2 + (alpha.exp() * w**2).sum() / 2,
        valid=lambda w, alpha: ((x_valid @ w - y_valid) ** 2).mean() / 2,
        solve=lambda alpha: torch.linalg.solve(gram + torch.diag(alpha.exp()), target),
    )


def _leaf(tensor: Tensor) -> Tensor:
    """The same numbers at the start of a graph of their own."""
    return tensor.detach().clone().requires_grad_()


def _gradient(value: Tensor, of: Tensor) -> Tensor:
    """d value/d of; zeros where ``of`` does not occur."""
    return torch.autograd.grad(value, of, materialize_grads=True)[0]
