"""Lesson 07: a cell of fixed image filters with a linear read-out, small enough to solve and to enumerate.

Three nodes, three edges, six filters: 216 cells. The weights w are those of a ridge regression from the cell's output
to the ten classes, so w*(α) has a closed form and the hypergradient of the relaxed cell is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, one_hot

from ...data import Images, load
from ...evidence.ledger import difference_in, experiment
from ...search.gradient.derive import argmax_operations
from .hypergradients import Bilevel, exact_gradient, first_order_gradient, unrolled_gradient

_ACROSS = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64) / 4


def _edges(x: Tensor, kernel: Tensor) -> Tensor:
    return conv2d(x, kernel[None, None].to(x), padding=1).abs()


FILTERS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zeros_like,
    "skip": lambda x: x,
    "max 3×3": lambda x: max_pool2d(x, 3, 1, 1),
    "avg 3×3": lambda x: avg_pool2d(x, 3, 1, 1, count_include_pad=False),
    "upright": lambda x: _edges(x, _ACROSS),
    "level": lambda x: _edges(x, _ACROSS.T),
}
"""Filters without weights, (batch, 1, h, w) -> the same shape; the last two find upright and level edges (Sobel)."""
FILTER_EDGES = ((0, 1), (0, 2), (1, 2))
"""(source, target): node 0 is the image, node 2 the output of the cell."""

RIDGE = 0.01
RATE_W = 0.03
"""Step size of w, and ξ: below two over the largest curvature, which is at most the sum of all (50.5)."""
RATE_ALPHA = 0.1


def relaxed_cell(x: Tensor, weights: Tensor) -> Tensor:
    """The cell's output, each edge the mixture of all filters. x: (batch, 1, h, w); weights: (3 edges, 6 filters)."""
    nodes = [x, torch.zeros_like(x), torch.zeros_like(x)]
    for (i, j), row in zip(FILTER_EDGES, weights, strict=True):
        for weight, op in zip(row, FILTERS.values(), strict=True):
            nodes[j] = nodes[j] + weight * op(nodes[i])
    return nodes[2]


def features(x: Tensor, weights: Tensor) -> Tensor:
    """The cell's output in blocks of 2×2 pixels, centred and scaled over the batch, and a column of ones."""
    flat = avg_pool2d(relaxed_cell(x, weights), 2).flatten(1)
    flat = flat - flat.mean(0)
    return torch.cat([flat / (flat.pow(2).mean().sqrt() + 1e-12), torch.ones_like(flat[:, :1])], 1)


@lru_cache(maxsize=1)
def _search_images() -> tuple[Images, Images]:
    data = load().shrunk(2)
    return data.train, data.valid


def draw_images(seed: int, images: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """So many training and validation images of 14×14 pixels in 0..1, drawn by ``seed``, each as (x, one-hot y)."""
    generator = torch.Generator().manual_seed(seed)

    def draw(source: Images) -> tuple[Tensor, Tensor]:
        chosen = source[torch.randperm(len(source), generator=generator)[:images]]
        return chosen.pixels.double() / 255, one_hot(chosen.labels, len(source.classes)).double()

    train, valid = _search_images()
    return draw(train), draw(valid)


def filter_problem(seed: int, images: int) -> Bilevel:
    """w: (50 features, 10 classes); α: (3 edges, 6 filters). Squared error to one-hot labels; in training ridge."""
    (x, y), (x_valid, y_valid) = draw_images(seed, images)

    def squared(w: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        return (rows @ w - labels).pow(2).sum(1).mean() / 2

    def solve(alpha: Tensor) -> Tensor:
        rows = features(x, alpha.softmax(1))
        gram = rows.T @ rows / len(rows) + RIDGE * torch.eye(rows.shape[1], dtype=rows.dtype)
        return torch.linalg.solve(gram, rows.T @ y / len(rows))

    return Bilevel(
        train=lambda w, alpha: squared(w, features(x, alpha.softmax(1)), y) + RIDGE / 2 * w.pow(2).sum(),
        valid=lambda w, alpha: squared(w, features(x_valid, alpha.softmax(1)), y_valid),
        solve=solve,
    )


def sharp(cell: tuple[int, ...]) -> Tensor:
    """An α whose softmax is the cell, one filter on each edge."""
    return 1000 * one_hot(torch.tensor(cell), len(FILTERS)).double()


def all_cells() -> Iterator[tuple[int, ...]]:
    """The 216 cells, a filter's number for each edge."""
    return product(range(len(FILTERS)), repeat=len(FILTER_EDGES))


def solved_loss(problem: Bilevel, alpha: Tensor) -> float:
    """L_val(w*(α), α)."""
    return float(problem.valid(problem.solve(alpha), alpha))


@lru_cache(maxsize=32)
def enumerated(seed: int, images: int) -> dict[tuple[int, ...], float]:
    """Every cell's validation loss with its weights solved for."""
    problem = filter_problem(seed, images)
    with torch.no_grad():
        return {cell: solved_loss(problem, sharp(cell)) for cell in all_cells()}


def descend(problem: Bilevel, method: str, steps: int) -> tuple[Tensor, Tensor]:
    """(w, α) after so many Adam steps of α, from α = 0. ``first order`` and ``one step unrolled`` take a gradient step
    of w after each (w from 0); ``first order, w solved`` and ``exact`` solve for w each time."""
    alpha = torch.zeros(len(FILTER_EDGES), len(FILTERS), dtype=torch.float64)
    optimizer = torch.optim.Adam([alpha], RATE_ALPHA, betas=(0.5, 0.999))
    solved = method in ("first order, w solved", "exact")
    w = torch.zeros_like(problem.solve(alpha))
    for _ in range(steps):
        w = problem.solve(alpha) if solved else w
        if method == "exact":
            alpha.grad = exact_gradient(problem, alpha)
        elif method == "one step unrolled":
            alpha.grad = unrolled_gradient(problem, w, alpha, RATE_W)
        else:
            alpha.grad = first_order_gradient(problem, w, alpha)
        optimizer.step()
        if not solved:
            w = w - RATE_W * torch.func.grad(problem.train)(w, alpha)
    return (problem.solve(alpha) if solved else w), alpha


def best_of(losses: dict[tuple[int, ...], float], draws: int) -> float:
    """The expected lowest loss of so many cells drawn with replacement."""
    ordered = torch.tensor(sorted(losses.values()), dtype=torch.float64)
    above = torch.arange(len(ordered), -1, -1, dtype=torch.float64) / len(ordered)
    return float((ordered * (above[:-1] ** draws - above[1:] ** draws)).sum())


@experiment(
    "07_exact_hypergradient",
    hypothesis="On the relaxed filter cell 150 steps with the exact hypergradient end at a lower validation loss than "
    "150 first-order steps.",
    arms=("first order", "one step unrolled", "first order, w solved", "exact", "random"),
    seeds=20,
    budget={"images": 200, "steps": 150},
    effect=difference_in("relaxed", "first order", "exact", paired=True),
    slice=(("exact", 0), ("first order", 0)),
    tolerance=1e-4,
)
def exact_hypergradient(arm: str, seed: int, images: int, steps: int) -> dict[str, Any]:
    """relaxed: loss of the mixture, its weights solved for; kept: loss of the argmax cell with the mixture's weights;
    derived: the same cell, weights solved for; rank: its place among all cells (1 is best)."""
    problem, losses = filter_problem(seed, images), enumerated(seed, images)
    facts = {"best": min(losses.values()), "median": sorted(losses.values())[len(losses) // 2]}
    if arm == "random":
        return facts | {f"best_of_{n}": best_of(losses, n) for n in (1, 3, 10, 30, 100)}
    w, alpha = descend(problem, arm, steps)
    cell = argmax_operations(alpha)
    return facts | {
        "relaxed": solved_loss(problem, alpha),
        "kept": float(problem.valid(w, sharp(cell))),
        "derived": losses[cell],
        "rank": 1 + sum(loss < losses[cell] for loss in losses.values()),
        "largest_weight": float(alpha.softmax(1).max(1).values.mean()),
        "cell": list(cell),
    }
