"""Learning a policy from rewards: REINFORCE with a moving-average baseline, an entropy bonus, and PPO's clipping.

The action is a whole architecture a, so π(a) is the probability of all its decisions together. Wanted is a high
J = E[R(a)] + w·H(π), with H(π) = E[−ln π(a)]; its gradient is E[(R(a) − w·ln π(a) − b) ∇ ln π(a)] for any baseline b
that does not depend on a (Williams 1992, "Simple Statistical Gradient-Following Algorithms").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import bad_input
from ...spaces.base import SearchSpace
from .controller import Controller, Extent, Sample

MakeController = Callable[[Extent, Sequence[torch.Generator]], Controller]
"""`TableController`, `LSTMController`, or one with a setting bound: ``partial(LSTMController, hidden=64)``."""


@dataclass(frozen=True, slots=True)
class Learning:
    """batch: architectures of an update; rate: Adam's step size; decay: of the baseline's moving average, in [0, 1);
    entropy: w; clip: PPO's ε, or None for REINFORCE; epochs: gradient steps on one batch (without clipping, one)."""

    batch: int = 10
    rate: float = 0.03
    decay: float = 0.9
    entropy: float = 0.0
    clip: float | None = None
    epochs: int = 1

    def __post_init__(self) -> None:
        for name in ("batch", "epochs"):
            if getattr(self, name) < 1:
                raise bad_input(f"{name}={getattr(self, name)!r}", "at least one", f"raise {name}")
        if self.rate <= 0:
            raise bad_input(f"rate={self.rate!r}", "a step size above 0", "raise rate")
        if not 0 <= self.decay < 1:
            raise bad_input(f"decay={self.decay!r}", "a number in [0, 1)", "change decay")
        if self.clip is not None and not 0 < self.clip < 1:
            raise bad_input(f"clip={self.clip!r}", "a number in (0, 1), or None for REINFORCE", "change clip")
        if self.clip is None and self.epochs > 1:
            raise bad_input(f"epochs={self.epochs} without clip", "one epoch, or a clip", "set clip=0.2, as PPO does")

    def describe(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Update:
    """What one update saw, (seeds,) each. reward: mean of the batch; baseline: what it was compared with, the entropy
    bonus included; entropy: the batch's mean of −ln π(a) in nats, an unbiased estimate of H(π). The first two are NaN
    while nothing but failures is known."""

    reward: Tensor
    baseline: Tensor
    entropy: Tensor


class PolicyGradient:
    """Policies that learn side by side, one for each of ``seeds``; each goes its way as if it were alone.

    Draw with `sample`, evaluate, then `update`. Raises `CourseError` for a space without decisions.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        seeds: Sequence[int],
        learning: Learning,
        make_controller: MakeController,
        extent: Extent | None = None,
    ) -> None:
        self.space, self.learning = space, learning
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.controller = make_controller(extent or Extent.of(space), self.generators)
        self.optimizer = torch.optim.Adam(self.controller.parameters(), lr=learning.rate)
        self.baseline = torch.full((len(seeds),), torch.nan, dtype=torch.float64)
        self.lowest = torch.full((len(seeds),), torch.inf, dtype=torch.float64)

    def sample(self, batch: int | None = None) -> Sample:
        """A batch of architectures for each seed, under the policy as it is now."""
        return self.controller.sample(self.space, batch or self.learning.batch)

    def returns(self, log_prob: Tensor, rewards: Tensor) -> Tensor:
        """(seeds, batch): R(a) − w·ln π(a). The second part is a reward like the first, a number without gradient; its
        score-function gradient is that of w·H(π), whatever the decisions depend on."""
        return rewards - self.learning.entropy * log_prob.detach()

    def loss(self, log_prob: Tensor, sampled: Tensor, advantage: Tensor) -> Tensor:
        """(seeds,): minus the objective, to be minimized. All arguments are (seeds, batch); see `surrogate`."""
        return -surrogate(log_prob, sampled, advantage, self.learning.clip).mean(1)

    def update(self, sample: Sample, rewards: Tensor) -> Update:
        """Learn from a batch. rewards: (seeds, batch); NaN where an evaluation failed: it counts as the lowest reward
        so far, and as nothing while there is none.

        The first batch is compared with its own mean, which makes an estimate (batch − 1)/batch times too short; later
        ones with the moving average of those before. A batch drawn by an earlier policy is weighted by the ratio of
        probabilities.
        """
        failed = rewards.isnan()
        self.lowest = torch.minimum(self.lowest, rewards.masked_fill(failed, torch.inf).amin(1))
        rewards = torch.where(failed, self.lowest[:, None], rewards)
        known = self.lowest.isfinite()
        log_prob = self.controller.log_prob(sample)
        returns = self.returns(log_prob, rewards)
        baseline = torch.where(self.baseline.isnan(), returns.mean(1), self.baseline)
        advantage = (returns - baseline[:, None]).masked_fill(~known[:, None], 0.0)
        update = Update(
            rewards.mean(1).masked_fill(~known, torch.nan),
            baseline.masked_fill(~known, torch.nan),
            -log_prob.detach().mean(1),
        )
        for epoch in range(self.learning.epochs):
            if epoch:
                log_prob = self.controller.log_prob(sample)
            self.optimizer.zero_grad()
            self.loss(log_prob, sample.log_prob, advantage).sum().backward()
            self.optimizer.step()
        decay = self.learning.decay
        self.baseline = torch.where(known, decay * baseline + (1 - decay) * returns.mean(1), torch.nan)
        return update

    def state_dict(self) -> dict[str, Any]:
        """Controller, optimizer, generators and baseline: tensors and plain values only."""
        return {
            "controller": self.controller.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": [generator.get_state() for generator in self.generators],
            "baseline": self.baseline,
            "lowest": self.lowest,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.set_state(saved)
        self.baseline, self.lowest = state["baseline"], state["lowest"]


def surrogate(log_prob: Tensor, sampled: Tensor, advantage: Tensor, clip: float | None = None) -> Tensor:
    """What is maximized, (seeds, batch): r·A with r = π(a)/π_old(a), and with ``clip`` = ε PPO's
    min(r·A, clip(r, 1 − ε, 1 + ε)·A) (Schulman et al. 2017, "Proximal Policy Optimization Algorithms", equation 7).

    log_prob: ln π(a) of the policy that learns; sampled: of the one that drew a. Where they are the same r is 1, and
    the gradient of r·A is that of A·ln π(a): REINFORCE.
    """
    ratio = (log_prob - sampled).exp()
    if clip is None:
        return ratio * advantage
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
