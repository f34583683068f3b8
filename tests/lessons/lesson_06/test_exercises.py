"""The references of lesson 06 against closed forms, enumeration and the package."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from nascourse.lessons.lesson_06.exercises import baselines, clipped, loss, policy_gradient, returns
from nascourse.search.reinforcement.controller import Extent, TableController
from nascourse.search.reinforcement.policy_gradient import Learning, PolicyGradient
from nascourse.spaces.micro import MicroSpace

close = torch.testing.assert_close


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_policy_gradients_average_to_the_exact_one(baseline: float) -> None:
    logits, rewards = normal(2, 3).requires_grad_(), normal(9)
    every = torch.tensor(list(product(range(3), repeat=2)))
    p = logits.log_softmax(1)[torch.arange(2), every].sum(1).exp()
    exact = torch.autograd.grad((p * rewards).sum(), logits)[0]
    each = [policy_gradient(logits.detach(), every[k : k + 1], rewards[k : k + 1], baseline) for k in range(9)]
    close(sum(weight * one for weight, one in zip(p.detach(), each, strict=True)), exact)


def test_the_baseline_is_the_packages() -> None:
    agent = PolicyGradient(MicroSpace(), [0], Learning(batch=1, decay=0.8), TableController, Extent(6, 5))
    rewards = [0.3, 0.9, 0.5, 0.6]
    used = [agent.update(agent.sample(), torch.tensor([[reward]], dtype=torch.float64)).baseline for reward in rewards]
    assert baselines(rewards, 0.8) == pytest.approx([float(b) for b in used])


def test_the_mean_of_the_bonus_is_the_entropy() -> None:
    """Three actions with probabilities 1/2, 1/4, 1/4: 1.5 ln 2."""
    p = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    bonus = returns(torch.zeros(3).double(), p.log()[:, None], 1.0)
    close((p * bonus).sum(), 1.5 * torch.tensor(2.0).double().log())


def test_descending_the_loss_makes_good_actions_likelier() -> None:
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(logits, torch.tensor([1]), torch.tensor([2.0]).double()), logits)
    close(-slope, torch.tensor([[-1.0, 1.0]]).double())


def test_the_clip_by_hand() -> None:
    ratio = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    close(clipped(ratio, torch.full((3,), 2.0).double(), 0.2), torch.tensor([1.0, 2.0, 2.4]).double())
    close(clipped(ratio, torch.full((3,), -2.0).double(), 0.2), torch.tensor([-1.6, -2.0, -3.0]).double())
