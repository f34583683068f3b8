"""When DARTS ends in skip connections: how to see it coming, when to stop, and how else to choose.

Signs and cures from: Zela et al. 2020, *Understanding and Robustifying Differentiable Architecture Search* (largest
eigenvalue of the α-Hessian, early stopping); Liang et al. 2019, *DARTS+* (stop by the number of skips); Wang et al.
2021, *Rethinking Architecture Selection in Differentiable NAS* (selection by perturbation); Ye et al. 2022, *β-DARTS*
(α regularization). Partial channels (Xu et al. 2020, *PC-DARTS*) belong to the supernet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from ...errors import bad_input

Alphas = Mapping[str, Tensor]
"""kind of cell -> (edges, operations)."""


def top_eigenvalue(loss: Callable[[Alphas], Tensor], alphas: Alphas) -> float:
    """The largest eigenvalue of ∂²L/∂α², by Lanczos iteration on exact Hessian-vector products (double backward).

    loss: α -> a scalar, the weights and the images held fixed. Softmax does not see a constant added to an edge's α,
    so zero is always an eigenvalue, and a minimum in α has no negative one.
    """
    leaves = {kind: alpha.detach().clone().requires_grad_() for kind, alpha in alphas.items()}
    tensors = list(leaves.values())
    slopes = torch.autograd.grad(loss(leaves), tensors, create_graph=True, materialize_grads=True)
    slope = torch.cat([s.flatten() for s in slopes])

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        direction = torch.from_numpy(np.ravel(vector)).to(slope)
        rows = torch.autograd.grad(slope @ direction, tensors, retain_graph=True, materialize_grads=True)
        return torch.cat([row.flatten() for row in rows]).double().cpu().numpy()

    size = slope.numel()
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=size)
    return float(eigsh(operator, k=1, which="LA", v0=start, tol=1e-2, return_eigenvectors=False)[0])


def stop_by_skips(skips: Sequence[int], limit: int) -> int:
    """The epoch (from 0) at which DARTS+ stops, keeping its architecture: the first with ``limit`` or more edges that
    are skip connections (Liang et al. 2019, criterion 1: two in a normal cell), the last if that never happens."""
    return next((epoch for epoch, count in enumerate(skips) if count >= limit), _last(skips))


def stop_by_eigenvalue(values: Sequence[float], window: int = 5, ratio: float = 0.75) -> int:
    """The epoch (from 0) whose architecture early stopping keeps (Zela et al. 2020, section 4.3).

    With λ̄(i) the mean of the last ``window`` eigenvalues, the search stops at the first i where λ̄(i − window) / λ̄(i)
    is below ``ratio``, and goes back to epoch i − window. Both are means of whole windows, so it cannot stop before
    ``2 window`` epochs. If that never happens, the last epoch. (The authors' code differs a little: a ratio of 1/1.3,
    and never back to before a fifth of the epochs.)
    """
    for i in range(2 * window - 1, len(values)):
        then, now = (float(np.mean(values[end - window + 1 : end + 1])) for end in (i - window, i))
        if now > 0 and then / now < ratio:
            return i - window
    return _last(values)


def _last(epochs: Sequence[float]) -> int:
    if not epochs:
        raise bad_input("no epochs", "the records of at least one", "search before you choose where to stop")
    return len(epochs) - 1


@dataclass(frozen=True)
class BetaDecay:
    """β-DARTS' regularizer: ``strength`` times the mean over edges of ln Σ_o exp(α_o), rising linearly with the part of
    the search that is done (0..1). Its gradient on an edge is softmax(α): what is strong is pulled down most, so that
    the weights stay closer together."""

    strength: float

    def __call__(self, alphas: Alphas, progress: float) -> Tensor:
        edges = torch.cat([alpha.logsumexp(1) for alpha in alphas.values()])
        return self.strength * progress * edges.mean()

    def describe(self) -> dict[str, Any]:
        return {"name": "BetaDecay", "strength": self.strength}


def select_by_perturbation(
    weights: Alphas,
    score: Callable[[Alphas], float],
    rng: np.random.Generator,
    tune: Callable[[Alphas], None] | None = None,
) -> dict[str, Tensor]:
    """Choose operations not by their α but by what the supernet loses without them (Wang et al. 2021, algorithm 1).

    Edges are decided in random order. Of an edge, each operation is taken out in turn (its weight set to zero), and the
    one whose absence lowers ``score`` most stays alone on the edge; then ``tune`` may train the supernet's weights with
    what is decided so far. weights: the mixture the search ended with; score: the supernet's validation accuracy under
    a mixture. Returns one-hot weights: an operation for each edge, which is all of a micro cell. In a genotype the
    edges that stay are to be chosen as well (their second selection), and one-hot weights do not say which.
    """
    decided = {kind: value.detach().clone() for kind, value in weights.items()}
    edges = [(kind, edge) for kind, value in decided.items() for edge in range(len(value))]
    for place in rng.permutation(len(edges)):
        kind, edge = edges[place]
        scores = []
        for operation in range(decided[kind].shape[1]):
            without = {key: value.clone() for key, value in decided.items()}
            without[kind][edge, operation] = 0.0
            scores.append(score(without))
        decided[kind][edge] = torch.nn.functional.one_hot(
            torch.tensor(int(np.argmin(scores))), decided[kind].shape[1]
        ).to(decided[kind])
        if tune is not None:
            tune(decided)
    return decided
