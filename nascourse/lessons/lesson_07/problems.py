"""Small bilevel problems with a closed form, where the hypergradient and its stand-ins can be compared."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import bad_input
from .hypergradients import Bilevel


def toy_gradient(alpha: float, w: float, xi: float) -> float:
    """The unrolled gradient of the toy L_train = (w − α)², L_val = αw − 2α + 1, in plain numbers. ξ = 0 is first order;
    ξ = 1/2, one over the inner curvature, is exact."""
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
    """(α, w) before and after each of ``steps`` rounds of one step of α and ``w_steps`` of w on the toy.

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
