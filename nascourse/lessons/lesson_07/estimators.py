"""Gradients of a sampled choice. A choice z is one-hot, a loss L(z) is to be small on average, and α moves the odds
p = softmax(α): J(α) = Σ_o p_o L(e_o)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

SampledLoss = Callable[[Tensor], Tensor]
"""(samples, ops) -> (samples,): the loss of each row, a choice or a mixture."""


def mixture_gradient(loss: SampledLoss, alphas: Tensor) -> Tensor:
    """∇ L(softmax(α)): the loss of the mean choice instead of the mean loss of a choice. Nothing is sampled."""
    return _through(loss, alphas, 1, lambda rows: rows.softmax(1))[0]


def straight_through(loss: SampledLoss, alphas: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """Forward the sampled z, backward as if z were softmax(α) (Bengio et al. 2013). Returns (samples, operations)."""
    choices = _choices(alphas, samples, generator)
    return _through(loss, alphas, samples, lambda rows: _forward_as(choices, rows.softmax(1)))


def gumbel_softmax(
    loss: SampledLoss,
    alphas: Tensor,
    samples: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    hard: bool = False,
) -> Tensor:
    """The gradient of L(softmax((α + g)/τ)), g Gumbel noise (Jang et al. 2017, Maddison et al. 2017); ``hard``:
    forward the one-hot argmax, a sample of softmax(α), backward the soft one. Returns (samples, operations)."""
    uniform = torch.rand(samples, len(alphas), generator=generator, dtype=alphas.dtype).clamp(1e-12, 1 - 1e-12)
    noise = -(-uniform.log()).log()

    def sample(rows: Tensor) -> Tensor:
        soft = ((rows + noise) / temperature).softmax(1)
        return _forward_as(one_hot(soft.argmax(1), len(alphas)).to(soft), soft) if hard else soft

    return _through(loss, alphas, samples, sample)


def _choices(alphas: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    drawn = torch.multinomial(alphas.detach().softmax(0), samples, replacement=True, generator=generator)
    return one_hot(drawn, len(alphas)).to(alphas.dtype)


def _forward_as(value: Tensor, soft: Tensor) -> Tensor:
    """``value`` on the way forward, the gradient of ``soft`` on the way back."""
    return value + soft - soft.detach()


def _through(loss: SampledLoss, alphas: Tensor, samples: int, sample: Callable[[Tensor], Tensor]) -> Tensor:
    """The gradient of each sample's loss: every sample has an α of its own, so one backward pass serves all."""
    rows = alphas.detach().expand(samples, -1).clone().requires_grad_()
    return torch.autograd.grad(loss(sample(rows)).sum(), rows)[0]
