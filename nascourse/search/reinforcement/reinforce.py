"""Reinforcement learning as a search strategy: a controller proposes, and learns from what its proposals were worth.

One strategy, two known algorithms: `Reinforce` as it stands (Zoph & Le 2017, "Neural Architecture Search with
Reinforcement Learning"), and `ppo`. `search_side_by_side` runs many seeds of either at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.random import Generator

from ...runs.plain import identity
from ...spaces.base import A, Result, SearchSpace, Trial
from ..base import Proposal, Strategy
from .controller import Extent, LSTMController, Sample
from .policy_gradient import Learning, MakeController, PolicyGradient


@dataclass(slots=True)
class _Batch:
    """Drawn together; learned from once all are told."""

    sample: Sample
    rewards: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Learned:
    """One update of one policy. seen: how many trials were told by then; see `policy_gradient.Update` for the rest."""

    seen: int
    reward: float
    baseline: float
    entropy: float


class Reinforce(Strategy[A]):
    """A policy draws ``learning.batch`` architectures, and is updated when all of them were told. The reward is the
    accuracy; a failed evaluation counts as the lowest so far.

    With a window above 1 the next batch is begun before the one before is told, by the policy as it then is; the
    ratio of probabilities in the update accounts for that. Afterwards ``updates`` tells how it came about and
    ``agent`` holds the policy. extent: see `Extent.of`, which finds it where it is not given.

    It fits every space with `choices`. Raises `CourseError` for settings that make no sense.
    """

    name = "reinforce"

    def __init__(
        self,
        space: SearchSpace[A],
        learning: Learning | None = None,
        controller: MakeController = LSTMController,
        extent: Extent | None = None,
    ) -> None:
        super().__init__(space)
        self.learning = learning or Learning()
        self.make_controller = controller
        self.extent = extent or Extent.of(space)

    def start(self, rng: Generator) -> None:
        super().start(rng)
        self.agent = self.policies([rng])
        self.updates: list[Learned] = []
        self._seen = 0
        self._batches: deque[_Batch] = deque()  # some of whose trials are not told
        self._next = self.learning.batch  # place of the next proposal in the last of them

    def policies(self, rngs: Sequence[Generator]) -> PolicyGradient:
        """A fresh policy for each generator, side by side."""
        seeds = [int(rng.integers(2**63)) for rng in rngs]
        return PolicyGradient(self.space, seeds, self.learning, self.make_controller, self.extent)

    def propose(self) -> Proposal[A]:
        if self._next == self.learning.batch:
            self._batches.append(_Batch(self.agent.sample()))
            self._next = 0
        decisions = self._batches[-1].sample.sequence(0, self._next)
        self._next += 1
        return Proposal(self.space.decode(decisions))

    def tell(self, trial: Trial[A], result: Result) -> None:
        self._seen += 1
        batch = self._batches[0]
        batch.rewards.append(result.accuracy)
        if len(batch.rewards) == self.learning.batch:
            self._batches.popleft()
            update = self.agent.update(batch.sample, torch.tensor([batch.rewards], dtype=torch.float64))
            numbers = (update.reward, update.baseline, update.entropy)
            self.updates.append(Learned(self._seen, *(float(number) for number in numbers)))

    def describe(self) -> dict[str, Any]:
        extent = {"steps": self.extent.steps, "options": self.extent.options}
        controller = identity(self.make_controller)
        return {**super().describe(), **self.learning.describe(), "controller": controller, "extent": extent}


def ppo(
    space: SearchSpace[A],
    learning: Learning | None = None,
    controller: MakeController = LSTMController,
    extent: Extent | None = None,
) -> Reinforce[A]:
    """Several clipped steps on every batch, ε = 0.2 and four epochs where ``learning`` names none, without
    normalizing advantages. (Schulman et al. 2017, "Proximal Policy Optimization Algorithms")"""
    learning = learning or Learning()
    if learning.clip is None:
        learning = replace(learning, clip=0.2, epochs=4)
    return Reinforce(space, learning, controller, extent)
