"""The mixed operation and two gradients of a sampled choice in their plainest form, to judge others by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nascourse.lessons.lesson_07.estimators import SampledLoss

X = TypeVar("X")


def mixed(operations: Sequence[Callable[[X], Tensor]], x: X, alphas: Tensor) -> Tensor:
    """Σ_o softmax(α)_o · o(x) (Liu et al. 2019, equation 2). alphas: (operations,)."""
    return torch.stack([w * op(x) for w, op in zip(alphas.softmax(0), operations, strict=True)]).sum(0)


def enumerated_gradient(loss: SampledLoss, alphas: Tensor) -> Tensor:
    """∇J exactly, from the loss of every choice: what estimators estimate. alphas: (operations,)."""
    alphas = alphas.detach().clone().requires_grad_()
    losses = loss(torch.eye(len(alphas), dtype=alphas.dtype)).detach()
    return torch.autograd.grad((alphas.softmax(0) * losses).sum(), alphas)[0]


def reinforce(
    loss: SampledLoss, alphas: Tensor, samples: int, generator: torch.Generator, baseline: float = 0.0
) -> Tensor:
    """(L(z) − baseline) ∇ log p(z) for each sample (Williams 1992): unbiased for every baseline that does not look at
    z. Returns (samples, operations)."""
    odds = alphas.softmax(0)
    drawn = torch.multinomial(odds, samples, replacement=True, generator=generator)
    choices = one_hot(drawn, len(alphas)).to(alphas.dtype)
    return (loss(choices) - baseline)[:, None] * (choices - odds)
