"""Lesson 07: a relaxed node, derivation, a Hessian-vector product, an unrolled gradient, a score-function gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor

from ..exercise import exercise, question

Operation = Callable[[Tensor], Tensor]


def _tensor(rng: Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape).round(2))


# -- 07.1 --------------------------------------------------------------------------------------------------------------
_OPERATIONS = [torch.clone, torch.neg, torch.square, torch.zeros_like]


def _node_cases(rng: Generator) -> list[tuple[Any, ...]]:
    sizes = ((1, 2), (2, 3), (3, 4), (2, 4))
    return [
        (
            _OPERATIONS[:ops],
            [_tensor(rng, 3) for _ in range(edges)],
            _tensor(rng, edges, ops),
        )
        for edges, ops in sizes
    ]


def _node_with(weigh: Callable[[Tensor], Tensor]) -> Callable[[Sequence[Operation], Sequence[Tensor], Tensor], Tensor]:
    def node(operations: Sequence[Operation], inputs: Sequence[Tensor], alphas: Tensor) -> Tensor:
        weights = weigh(alphas)
        total = torch.zeros_like(inputs[0])
        for x, row in zip(inputs, weights, strict=True):
            for weight, op in zip(row, operations, strict=True):
                total = total + weight * op(x)
        return total

    return node


def _argmax_weights(alphas: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(alphas.argmax(1), alphas.shape[1]).to(alphas)


@exercise(
    "07.1",
    title="A relaxed node",
    cases=_node_cases,
    solution="""
def relaxed_node(operations, inputs, alphas):
    total = 0
    for x, row in zip(inputs, alphas):
        weights = row.softmax(0)
        total = total + sum(p * o(x) for p, o in zip(weights, operations))
    return total
""",
    mistakes=(
        (
            "Your softmax runs over the edges. Operations compete on one edge: softmax over each row of alphas.",
            _node_with(lambda alphas: alphas.softmax(0)),
        ),
        (
            "Your softmax runs over all α of the node at once. Each edge has weights of its own that add up to 1.",
            _node_with(lambda alphas: alphas.flatten().softmax(0).reshape(alphas.shape)),
        ),
        (
            "You weigh with α itself. It may be negative and adds up to anything; its softmax is the weight.",
            _node_with(lambda alphas: alphas),
        ),
        (
            "You keep the strongest operation of each edge. That is derivation, the step back; here all are mixed.",
            _node_with(_argmax_weights),
        ),
    ),
    hints=(
        "Two sums: over the edges (an input and a row of alphas each), and on an edge over the operations.",
        "row.softmax(0) are the weights of one edge; zip(weights, operations) pairs them.",
    ),
)
def relaxed_node(operations: Sequence[Operation], inputs: Sequence[Tensor], alphas: Tensor) -> Tensor:
    """The sum over incoming edges of the mixed operation. alphas: (edges, operations), a row for each input."""
    return _node_with(lambda alphas: alphas.softmax(1))(operations, inputs, alphas)


# -- 07.2 --------------------------------------------------------------------------------------------------------------


def _derive_cases(rng: Generator) -> list[tuple[Any, ...]]:
    crafted = torch.tensor([[0.0, 4.0, 4.0, 4.0], [2.0, 1.0, 0.0, 0.5], [0.0, 0.0, 2.0, 0.0], [1.0, 0.9, 0.0, 0.0]])
    scaled = [(_tensor(rng, n, 4) * 2 + _tensor(rng, n, 1) * 3, 2) for n in (2, 3, 4, 5)]
    two_good = torch.tensor([[-9.0, 3.0, 2.9, 0.0], [0.0, 1.0, 0.5, 0.0]])
    return [(crafted.double(), 2), (crafted.double(), 1), (two_good.double(), 2), *scaled]


def _derive(alphas: Tensor, k: int, weights: Tensor) -> list[tuple[int, int]]:
    """By a plain sort of edges; operation 0 is never taken."""
    best = {e: max(range(1, alphas.shape[1]), key=lambda o: float(weights[e, o])) for e in range(len(alphas))}
    strongest = sorted(best, key=lambda e: float(weights[e, best[e]]), reverse=True)[:k]
    return sorted((e, best[e]) for e in strongest)


def _with_none(alphas: Tensor, k: int) -> list[tuple[int, int]]:
    weights = alphas.softmax(1)
    top = weights.max(1).values.argsort(descending=True)[:k].tolist()
    return sorted((e, int(weights[e].argmax())) for e in top)


def _best_pairs(alphas: Tensor, k: int) -> list[tuple[int, int]]:
    weights = alphas.softmax(1)
    pairs = [(e, o) for e in range(len(alphas)) for o in range(1, alphas.shape[1])]
    return sorted(sorted(pairs, key=lambda pair: float(weights[pair]), reverse=True)[:k])


def _by_strength(alphas: Tensor, k: int) -> list[tuple[int, int]]:
    weights = alphas.softmax(1)
    return sorted(derive_node(alphas, k), key=lambda pair: float(weights[pair]), reverse=True)


@exercise(
    "07.2",
    title="Derive a node from α",
    cases=_derive_cases,
    solution="""
def derive_node(alphas, k):
    weights = alphas.softmax(1)
    strength, best = weights[:, 1:].max(1)
    kept = strength.argsort(descending=True)[:k].tolist()
    return [(edge, int(best[edge]) + 1) for edge in sorted(kept)]
""",
    mistakes=(
        (
            "You compare raw α between edges. Adding a number to all α of an edge changes nothing that it computes, so "
            "raw α of two edges share no scale: take the softmax over each edge first.",
            lambda alphas, k: _derive(alphas, k, alphas),
        ),
        (
            "You let `none` (operation 0) win an edge. It takes part in the softmax, but is never kept.",
            _with_none,
        ),
        (
            "You leave `none` out before the softmax. An edge that is mostly `none` is a weak edge: the softmax runs "
            "over all operations, and `none` is set aside after it.",
            lambda alphas, k: _derive(
                alphas, k, torch.cat([torch.zeros_like(alphas[:, :1]), alphas[:, 1:].softmax(1)], 1)
            ),
        ),
        (
            "You keep the k strongest pairs, some of them on the same edge. One operation an edge: first the best of "
            "each edge, then the k best edges.",
            _best_pairs,
        ),
        ("The right edges, but listed by strength. List them in the order of edges.", _by_strength),
    ),
    hints=(
        "Three steps: softmax over each row; the best operation other than 0 in each row; the k rows where it is best.",
        "weights[:, 1:].max(1) gives strengths and operations, the latter counted from 1 on, so add 1.",
    ),
)
def derive_node(alphas: Tensor, k: int) -> list[tuple[int, int]]:
    """The k strongest edges into a node, as (edge, operation), in the order of edges. Operation 0 is `none`."""
    return _derive(alphas, k, alphas.softmax(1))


# -- 07.3 --------------------------------------------------------------------------------------------------------------

Weights = list[Tensor]


def _product_cases(rng: Generator) -> list[tuple[Any, ...]]:
    cases = []
    for sizes in ((2, 3), (1, 4), (3, 3, 2)):
        matrices = [_tensor(rng, 3, n) for n in sizes]

        def gradient(weights: Weights, matrices: Weights = matrices) -> Tensor:
            return sum((m @ w for m, w in zip(matrices, weights, strict=True)), torch.ones(3, dtype=torch.float64))

        # pieces of unlike size, so that it matters over what the norm is taken
        vector = [_tensor(rng, n) * 4.0**k for k, n in enumerate(sizes)]
        cases.append((gradient, [_tensor(rng, n) for n in sizes], vector))
    return cases


def _moved(weights: Weights, vector: Weights, eps: Sequence[float]) -> Weights:
    return [w + e * v for w, v, e in zip(weights, vector, eps, strict=True)]


def _difference(gradient: Callable[[Weights], Tensor], weights: Weights, vector: Weights, eps: float) -> Tensor:
    pieces = [eps] * len(weights)
    return gradient(_moved(weights, vector, pieces)) - gradient(_moved(weights, vector, [-eps] * len(weights)))


def _eps(vector: Weights) -> float:
    return 0.01 / float(torch.cat(vector).norm())


def _own_eps(gradient: Callable[[Weights], Tensor], weights: Weights, vector: Weights) -> Tensor:
    eps = [0.01 / float(v.norm()) for v in vector]
    plus, minus = gradient(_moved(weights, vector, eps)), gradient(_moved(weights, vector, [-e for e in eps]))
    return (plus - minus) / (2 * _eps(vector))


@exercise(
    "07.3",
    title="Mend a Hessian-vector product",
    cases=_product_cases,
    solution="""
def product(gradient, weights, vector):
    norm = sum((v ** 2).sum() for v in vector) ** 0.5
    eps = 0.01 / norm
    p = gradient([w + eps * v for w, v in zip(weights, vector)])
    n = gradient([w - eps * v for w, v in zip(weights, vector)])
    return (p - n) / (2 * eps)
""",
    mistakes=(
        (
            "(p - n) / 2. * eps multiplies by ε: Python reads from left to right. The product shrinks by ε², nothing "
            "complains, and the second order is first order by another name. Divide: (p - n) / (2 * eps).",
            lambda gradient, weights, vector: _difference(gradient, weights, vector, e := _eps(vector)) / 2.0 * e,
        ),
        (
            "Twice too large: w + εv and w − εv are 2ε apart.",
            lambda gradient, weights, vector: _difference(gradient, weights, vector, e := _eps(vector)) / e,
        ),
        (
            "You give each tensor an ε by its own norm; then the step no longer points along v. One norm over all "
            "tensors together.",
            _own_eps,
        ),
        (
            "Both bugs are still in it: an ε for each tensor by its own norm, and / 2.0 * eps where it must divide.",
            lambda gradient, weights, vector: (
                _own_eps(gradient, weights, vector) * _eps(vector) * 0.01 / float(vector[0].norm())
            ),
        ),
    ),
    hints=(
        "The norm is one number: the root of the sum of squares over all tensors of the list.",
        "Difference of gradients, divided by the distance of the two points along v: 2·eps.",
    ),
)
def product(gradient: Callable[[Weights], Tensor], weights: Weights, vector: Weights) -> Tensor:
    """∂²_{αw} L · v by central differences, ε = 0.01 / ‖v‖; weights and vector are lists of tensors."""
    eps = _eps(vector)
    return _difference(gradient, weights, vector, eps) / (2 * eps)


# -- 07.4 --------------------------------------------------------------------------------------------------------------


def _after_step(alpha: float, w: float, xi: float) -> float:
    return w - xi * 2 * (w - alpha)


@exercise(
    "07.4",
    title="An unrolled gradient by hand",
    cases=lambda rng: [(*rng.normal(size=2).round(2).tolist(), xi) for xi in (0.1, 0.25, 0.5, 0.8)],
    solution="""
def unrolled_gradient(alpha, w, xi):
    stepped = w - xi * 2 * (w - alpha)
    direct = stepped - 2
    through_w = alpha * 2 * xi
    return direct + through_w
""",
    mistakes=(
        (
            "Your virtual step moves nothing: the gradient is taken at w. It belongs at w' = w − ξ·2(w − α).",
            lambda alpha, w, xi: w - 2 + 2 * xi * alpha,
        ),
        (
            "That is the first part only: how α acts on L_val directly. It also acts through w', which moves by 2ξ "
            "for each unit of α.",
            lambda alpha, w, xi: _after_step(alpha, w, xi) - 2,
        ),
        (
            "The sign of the second part. The mixed derivative of (w − α)² is −2, and −ξ·(−2) is +2ξ.",
            lambda alpha, w, xi: _after_step(alpha, w, xi) - 2 - 2 * xi * alpha,
        ),
        (
            "In the second part ∂L_val/∂w' is missing: L_val = α·w' − 2α + 1, so it is α.",
            lambda alpha, w, xi: _after_step(alpha, w, xi) - 2 + 2 * xi,
        ),
    ),
    hints=(
        "Write w' = w − ξ·2(w − α), put it into α·w' − 2α + 1 and differentiate by α; w is a constant, w' is not.",
        "The product rule on α·w': w' + α·dw'/dα, and dw'/dα = 2ξ.",
    ),
)
def unrolled_gradient(alpha: float, w: float, xi: float) -> float:
    """d/dα of L_val(w − ξ ∂L_train/∂w, α), for L_train = (w − α)² and L_val = αw − 2α + 1."""
    a = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    stepped = w - xi * 2 * (w - a)
    return float(torch.autograd.grad(a * stepped - 2 * a + 1, a)[0])


# -- 07.5, 07.6 --------------------------------------------------------------------------------------------------------

# On the two-variable problem, w and α step in turns with ξ = 0.3. Where does α come to rest?
question(
    "07.5",
    title="Where ξ leads",
    answer=1.25,
    wrong={
        2: "That is where first order ends, ξ = 0. A virtual step adds 2ξα to the gradient.",
        1: "That is the solution. It is reached for ξ = 1/2, one over the curvature of L_train.",
        2 / 1.3: "You took 1 for the curvature. L_train = (w − α)² has the second derivative 2.",
        2 / 0.4: "The sign: the second part of the gradient is +2ξα, so it pulls α down from 2.",
    },
    why="At rest w = α = w', so the gradient is α − 2 + 2ξα = 0, and α = 2/(1 + 2ξ) = 2/1.6.",
    hints=(
        "At rest nothing moves: w = w*(α) = α, so the virtual step does not move either. Put this into the gradient.",
        "α − 2 + 2ξα = 0.",
    ),
)

# You tune the weight decay of a network by gradient descent on the validation loss, first order. What happens?
#   a) it falls to zero, as decay only hurts    b) it stays where it was    c) it finds the best value, slowly
question(
    "07.6",
    title="When first order is blind",
    answer="b",
    wrong={
        "a": "On the training loss it would. But the validation loss does not contain the decay: its gradient at "
        "fixed weights is exactly 0, neither up nor down.",
        "c": "Smaller steps do not help: the gradient at fixed weights is exactly 0. The decay acts on the validation "
        "loss only through the weights that training finds, and first order takes these as constants.",
    },
    why="The decay occurs in L_train only. ∂L_val/∂decay at fixed weights is 0; the whole hypergradient is in the part "
    "that first order leaves out.",
    hints=("In which of the two losses does the weight decay occur?",),
)

# -- 07.7 --------------------------------------------------------------------------------------------------------------


def _score_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (_tensor(rng, n).abs() + 0.5, _tensor(rng, n), int(rng.integers(n)), round(float(rng.normal()), 2))
        for n in (2, 3, 4, 5)
    ]


def _score(alphas: Tensor, choice: int) -> Tensor:
    return torch.eye(len(alphas), dtype=alphas.dtype)[choice] - alphas.softmax(0)


@exercise(
    "07.7",
    title="A score-function gradient",
    cases=_score_cases,
    solution="""
def score_gradient(losses, alphas, choice, baseline):
    score = -alphas.softmax(0)
    score[choice] += 1
    return (losses[choice] - baseline) * score
""",
    mistakes=(
        (
            "The sign of the score: the derivative of log p(choice) is 1 − p at the choice and −p elsewhere.",
            lambda losses, alphas, choice, baseline: -(losses[choice] - baseline) * _score(alphas, choice),
        ),
        (
            "You move the α of the choice only. Its odds also rise when the other α fall: −p at every operation.",
            lambda losses, alphas, choice, baseline: (
                (losses[choice] - baseline) * torch.eye(len(alphas), dtype=alphas.dtype)[choice]
            ),
        ),
        (
            "You subtract the baseline from the whole gradient. It is subtracted from the loss, before the score.",
            lambda losses, alphas, choice, baseline: losses[choice] * _score(alphas, choice) - baseline,
        ),
        (
            "You weigh with p(choice). Sampling does that already: likely choices come more often.",
            lambda losses, alphas, choice, baseline: (
                alphas.softmax(0)[choice] * (losses[choice] - baseline) * _score(alphas, choice)
            ),
        ),
    ),
    hints=(
        "log p(choice) = α[choice] − log Σ exp(α). Differentiate by each α.",
        "The score is a one-hot vector minus alphas.softmax(0).",
    ),
)
def score_gradient(losses: Tensor, alphas: Tensor, choice: int, baseline: float) -> Tensor:
    """REINFORCE's gradient from one sample: (L(choice) − baseline) · ∇ log p(choice), p = softmax(alphas)."""
    leaf = alphas.clone().requires_grad_()
    return (losses[choice] - baseline) * torch.autograd.grad(leaf.log_softmax(0)[choice], leaf)[0]
