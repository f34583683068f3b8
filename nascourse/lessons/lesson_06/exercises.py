"""Lesson 06: who is who, a policy gradient, a baseline, a bonus that is none, a log-prob that is none, a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor

from ...search.reinforcement.policy_gradient import surrogate
from ..exercise import exercise, question

# Reinforcement learning searches for an architecture. What is the environment?
#   a) the search space    b) training and validating a sampled architecture    c) the network that samples
question(
    "06.1",
    title="Who is who",
    answer="b",
    wrong={
        "a": "The space says which actions there are. It gives no reward: an environment answers an action.",
        "c": "That is the agent, here called the controller. Its parameters are what is learned.",
    },
    why="The environment takes the action, a sampled architecture, trains it, and gives back its validation accuracy "
    "as the reward. Every reward costs a training: this is why the method is expensive.",
    hints=("What takes an action and gives a reward back?",),
)


# -- 06.2 --------------------------------------------------------------------------------------------------------------


def _normal(rng: Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape).round(2))


def _gradient_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (_normal(rng, t, k), torch.from_numpy(rng.integers(k, size=(n, t))), _normal(rng, n), round(rng.uniform(), 2))
        for n, t, k in ((1, 2, 3), (4, 3, 2), (5, 2, 4), (3, 1, 3))
    ]


def _scores(logits: Tensor, actions: Tensor) -> Tensor:
    """(batch, steps, options): ∇ ln π of each drawn sequence."""
    return torch.eye(logits.shape[1], dtype=logits.dtype)[actions] - logits.softmax(1)


@exercise(
    "06.2",
    title="A policy gradient",
    cases=_gradient_cases,
    solution="""
import torch

def policy_gradient(logits, actions, rewards, baseline):
    steps, options = logits.shape
    total = torch.zeros_like(logits)
    for drawn, reward in zip(actions, rewards):
        score = -logits.softmax(1)
        score[torch.arange(steps), drawn] += 1
        total += (reward - baseline) * score
    return total / len(actions)
""",
    mistakes=(
        (
            "That is the direction in which J falls. It is ascended here: no minus sign.",
            lambda logits, actions, rewards, baseline: -policy_gradient(logits, actions, rewards, baseline),
        ),
        (
            "Your gradient grows with the batch: take the mean over the drawn architectures, not their sum.",
            lambda logits, actions, rewards, baseline: (
                len(actions) * policy_gradient(logits, actions, rewards, baseline)
            ),
        ),
        (
            "You divide by the number of decisions. The score of an architecture is the sum of its decisions' scores.",
            lambda logits, actions, rewards, baseline: (
                policy_gradient(logits, actions, rewards, baseline) / len(logits)
            ),
        ),
        (
            "You leave the baseline out. On average that is the same, but not in this batch.",
            lambda logits, actions, rewards, baseline: policy_gradient(logits, actions, rewards, 0.0),
        ),
        (
            "You move the logits of the drawn options only. Their odds also rise when the others fall: -p at each "
            "option.",
            lambda logits, actions, rewards, baseline: (
                (rewards - baseline)[:, None, None] * torch.eye(logits.shape[1], dtype=logits.dtype)[actions]
            ).mean(0),
        ),
        (
            "You weigh each score with its probability. Sampling does that already: likely ones come more often.",
            lambda logits, actions, rewards, baseline: (
                (rewards - baseline)[:, None, None]
                * _scores(logits, actions)
                * logits.softmax(1)[torch.arange(len(logits)), actions].prod(1)[:, None, None]
            ).mean(0),
        ),
    ),
    hints=(
        "The score of one drawn option is a one-hot vector minus the row's softmax.",
        "Weigh the score of each architecture with its reward minus the baseline; take the mean over the batch.",
    ),
)
def policy_gradient(logits: Tensor, actions: Tensor, rewards: Tensor, baseline: float) -> Tensor:
    """REINFORCE's estimate of ∇J for a table of logits (steps, options), to be ascended. actions: (batch, steps);
    rewards: (batch,)."""
    leaf = logits.clone().requires_grad_()
    log_prob = leaf.log_softmax(1)[torch.arange(len(leaf)), actions].sum(1)
    return torch.autograd.grad(((rewards - baseline) * log_prob).mean(), leaf)[0]


# -- 06.3 --------------------------------------------------------------------------------------------------------------


def _smoothed(rewards: Sequence[float], decay: float, begin: float, own: bool = False) -> list[float]:
    used, b = [], begin
    for reward in rewards:
        after = decay * b + (1 - decay) * reward
        used.append(after if own else b)
        b = after
    return used


@exercise(
    "06.3",
    title="A moving average as baseline",
    cases=lambda rng: [
        (rng.uniform(0.3, 0.9, n).round(2).tolist(), decay) for n, decay in ((3, 0.9), (5, 0.75), (4, 0.6), (2, 0.8))
    ],
    solution="""
def baselines(rewards, decay):
    used = []
    b = rewards[0]
    for reward in rewards:
        used.append(b)
        b = decay * b + (1 - decay) * reward
    return used
""",
    mistakes=(
        (
            "Each reward is compared with an average that it is itself a part of. Such a baseline depends on the "
            "action, and the gradient is no longer right on average. Note b first, then update it.",
            lambda rewards, decay: _smoothed(rewards, decay, rewards[0], own=True),
        ),
        (
            "Your average begins at 0, so that everything looks good in the beginning. Begin with the first reward.",
            lambda rewards, decay: _smoothed(rewards, decay, 0.0),
        ),
        (
            "You give the new reward the weight `decay`. That is what the old average keeps; the new reward gets the "
            "rest.",
            lambda rewards, decay: _smoothed(rewards, 1 - decay, rewards[0]),
        ),
        (
            "That is the mean of all rewards so far. A moving average forgets: b becomes decay * b + (1 - decay) * R.",
            lambda rewards, decay: [rewards[0], *(sum(rewards[:k]) / k for k in range(1, len(rewards)))],
        ),
        (
            "That is the reward before. The average keeps a share `decay` of what it was.",
            lambda rewards, decay: [rewards[0], *rewards[:-1]],
        ),
    ),
    hints=(
        "Which rewards are known when an action is taken? Only those may be in its baseline.",
        "In each round: first note b, then b = decay * b + (1 - decay) * reward.",
    ),
)
def baselines(rewards: Sequence[float], decay: float) -> list[float]:
    """The baseline that each reward is compared with: the moving average of those before, begun with the first."""
    first, *_ = rewards
    return [
        decay**k * first + (1 - decay) * sum(decay ** (k - 1 - j) * rewards[j] for j in range(k))
        for k in range(len(rewards))
    ]


# -- 06.4 --------------------------------------------------------------------------------------------------------------


def _bonus_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (torch.from_numpy(rng.uniform(0.3, 0.9, n).round(2)), -_normal(rng, n, t).abs() - 0.05, weight)
        for n, t, weight in ((3, 2, 0.1), (4, 3, 0.01), (2, 4, 1.0))
    ]


@exercise(
    "06.4",
    title="An entropy bonus that is none",
    cases=_bonus_cases,
    solution="""
def returns(rewards, log_probs, weight):
    return rewards - weight * log_probs.sum(1)
""",
    mistakes=(
        (
            "The factor p is still there. The drawing weighs with p already; with it once more, rare decisions earn "
            "almost nothing, and the policy is driven away from uniform.",
            lambda rewards, log_probs, weight: rewards + weight * (-log_probs * log_probs.exp()).sum(1),
        ),
        (
            "The sign: ln p is negative, and a rare architecture shall earn more. Subtract weight * ln p.",
            lambda rewards, log_probs, weight: rewards + weight * log_probs.sum(1),
        ),
        (
            "You take the mean over the decisions. The probabilities of a sequence multiply, so their logarithms add "
            "up.",
            lambda rewards, log_probs, weight: rewards - weight * log_probs.mean(1),
        ),
        (
            "All architectures get the same bonus. A constant teaches nothing: each one earns its own -ln p.",
            lambda rewards, log_probs, weight: rewards - weight * log_probs.sum(1).mean(),
        ),
        (
            "You pay all of it: the bonus is `weight` times -ln p.",
            lambda rewards, log_probs, weight: rewards - log_probs.sum(1),
        ),
        (
            "You pay only for the last decision. The architecture is all of them: add up their ln p.",
            lambda rewards, log_probs, weight: rewards - weight * log_probs[:, -1],
        ),
    ),
    hints=(
        "The entropy is the mean of -ln p over what is drawn: so -ln p itself is the reward whose mean it is.",
        "p of the whole sequence is the product over its decisions.",
    ),
)
def returns(rewards: Tensor, log_probs: Tensor, weight: float) -> Tensor:
    """(batch,): the reward and, times ``weight``, what makes the entropy the mean of it. log_probs: (batch, steps), of
    the decisions drawn."""
    return rewards - weight * log_probs.exp().prod(1).log()


# -- 06.5 --------------------------------------------------------------------------------------------------------------


def _sign_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (_normal(rng, n, k), torch.from_numpy(rng.integers(k, size=n)), _normal(rng, n)) for n, k in ((3, 2), (4, 5))
    ]


def _nll(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits, actions, reduction="none")


def _descended(
    fn: Callable[[Tensor, Tensor, Tensor], Tensor], logits: Tensor, actions: Tensor, advantage: Tensor
) -> Tensor | None:
    """The direction that descending the loss takes: its value means nothing."""
    leaf = logits.clone().requires_grad_()
    loss = fn(leaf, actions, advantage)
    if loss is None or loss is ...:
        return None
    if loss.dim():
        raise ValueError("the loss must be one number: take the mean over the batch")
    if not loss.requires_grad:
        raise ValueError("the loss has no gradient: something in it was detached")
    return -torch.autograd.grad(loss, leaf)[0]


@exercise(
    "06.5",
    title="A log-prob that is none",
    cases=_sign_cases,
    run=_descended,
    solution="""
import torch

def loss(logits, actions, advantage):
    negative = torch.nn.functional.cross_entropy(logits, actions, reduction="none")
    return (advantage * negative).mean()
""",
    mistakes=(
        (
            "Cross-entropy is -ln π already. With a second minus sign the loss is advantage times ln π, and descending "
            "it makes the good ones rare.",
            lambda logits, actions, advantage: -(advantage * _nll(logits, actions)).mean(),
        ),
        (
            "You average before you multiply: then no action is credited with its own advantage.",
            lambda logits, actions, advantage: advantage.mean() * _nll(logits, actions).mean(),
        ),
        (
            "That is the mean of the advantage times the probability. The score is the gradient of ln π: no exp.",
            lambda logits, actions, advantage: -(advantage * (-_nll(logits, actions)).exp()).mean(),
        ),
        (
            "Take the mean over the batch, not the sum, or the step grows with the batch.",
            lambda logits, actions, advantage: (advantage * _nll(logits, actions)).sum(),
        ),
    ),
    hints=(
        "What does cross_entropy return for an action of probability 1/2: ln 2, or -ln 2?",
        "Descending the loss must make an action of positive advantage likelier.",
    ),
)
def loss(logits: Tensor, actions: Tensor, advantage: Tensor) -> Tensor:
    """What REINFORCE descends: minus the mean of advantage times ln π(action). logits: (batch, options)."""
    log_prob = torch.distributions.Categorical(logits=logits).log_prob(actions)
    return -(advantage * log_prob).mean()


# -- 06.6 --------------------------------------------------------------------------------------------------------------


def _clip_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [
        (torch.tensor([0.5, 0.9, 1.0, 1.1, 1.6], dtype=torch.float64), advantage * torch.ones(5).double(), eps)
        for advantage, eps in ((1.0, 0.2), (-1.0, 0.2), (2.5, 0.05), (-0.5, 0.3))
    ]


@exercise(
    "06.6",
    title="PPO's clip",
    cases=_clip_cases,
    solution="""
import torch

def clipped(ratio, advantage, eps):
    near = ratio.clamp(1 - eps, 1 + eps)
    return torch.minimum(ratio * advantage, near * advantage)
""",
    mistakes=(
        (
            "You clip always. Where a step went the wrong way, away from what is good, it must be felt in full: the "
            "minimum of the clipped and the unclipped product.",
            lambda ratio, advantage, eps: ratio.clamp(1 - eps, 1 + eps) * advantage,
        ),
        (
            "You take the larger of the two. The objective is the pessimistic one: the minimum.",
            lambda ratio, advantage, eps: torch.maximum(ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage),
        ),
        (
            "You take the minimum of the ratios, then multiply. With a negative advantage that is the wrong one: "
            "multiply first.",
            lambda ratio, advantage, eps: torch.minimum(ratio, ratio.clamp(1 - eps, 1 + eps)) * advantage,
        ),
        (
            "You clip the product. It is the ratio that must stay near 1; the advantage may be any number.",
            lambda ratio, advantage, eps: torch.minimum(ratio * advantage, (ratio * advantage).clamp(1 - eps, 1 + eps)),
        ),
        (
            "Nothing is clipped.",
            lambda ratio, advantage, eps: ratio * advantage,
        ),
    ),
    hints=(
        "Two products: with the ratio as it is, and with the ratio clamped to 1 - eps ... 1 + eps.",
        "The smaller of the two products, element by element.",
    ),
)
def clipped(ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
    """min(r A, clip(r, 1 - ε, 1 + ε) A)."""
    return surrogate(ratio.log(), torch.zeros_like(ratio), advantage, eps)
