"""A search space as a reinforcement-learning environment, so that other RL code plugs in.

An episode is one architecture: a step takes its next decision, the observation is what was decided so far, and the
reward comes at the end. Needs gymnasium, which nothing else in the course imports.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import bad_input
from ...search.evaluating import evaluate
from ...search.reinforcement.controller import Extent
from ...spaces.base import A, Evaluation, SearchSpace, Trial

try:
    import gymnasium
    from gymnasium.spaces import Discrete, MultiDiscrete
except ImportError as error:
    raise bad_input("no gymnasium", "the extra 'rl', which brings it", "pip install -e .[rl]") from error

Decisions = NDArray[np.int64]
"""(steps,): 1 + the option of each decision taken, 0 for those not yet taken."""


class ArchitectureEnv(gymnasium.Env[Decisions, np.int64]):
    """Build an architecture of ``space`` decision by decision, and be rewarded with its accuracy.

    action: the option of the next decision, out of as many as the largest decision has. ``info["action_mask"]`` says
    which of them this decision offers, in the form `Discrete.sample` takes. **An action that is not offered ends the
    episode** with reward 0 and ``info["invalid"]`` true; nothing is evaluated. A failed evaluation is worth 0 too, and
    ``info["failed"]`` says why. At the end of a valid episode ``info`` has the trial and its result.

    A trial's seed is drawn from the environment's generator (``reset(seed=...)``). extent: see `Extent.of`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - the base class declares it so

    def __init__(self, space: SearchSpace[A], evaluation: Evaluation[A], extent: Extent | None = None) -> None:
        self.space, self.evaluation = space, evaluation
        self.extent = extent or Extent.of(space)
        self.action_space = Discrete(self.extent.options)
        self.observation_space = MultiDiscrete([self.extent.options + 1] * self.extent.steps)
        self._decisions: list[int] | None = None
        self._trials = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Decisions, dict[str, Any]]:
        super().reset(seed=seed)
        self._decisions = []
        self.extent.check(self.space, 0, self.space.choices([]))
        return self._observation(), {"action_mask": self.action_mask()}

    def step(self, action: np.int64) -> tuple[Decisions, float, bool, bool, dict[str, Any]]:
        """Raises `CourseError` before the first `reset` and after the end of an episode."""
        if self._decisions is None or not (offered := self.space.choices(self._decisions)):
            raise bad_input("a step outside an episode", "an episode under way", "call reset first")
        if not 0 <= action < offered:
            observation, self._decisions = self._observation(), None
            return observation, 0.0, True, False, {"action_mask": self.action_mask(), "invalid": True}
        self._decisions.append(int(action))
        self.extent.check(self.space, len(self._decisions), self.space.choices(self._decisions))
        info: dict[str, Any] = {"action_mask": self.action_mask(), "invalid": False}
        if info["action_mask"].any():
            return self._observation(), 0.0, False, False, info
        trial = Trial(self._trials, self.space.decode(self._decisions), int(self.np_random.integers(2**32)))
        self._trials += 1
        result, _ = evaluate(self.evaluation, trial)
        info |= {"trial": trial, "result": result}
        if result.failed:
            info["failed"] = result.extra["failed"]
        return self._observation(), 0.0 if result.failed else result.accuracy, True, False, info

    def action_mask(self) -> NDArray[np.int8]:
        """(options,): 1 for what the next decision offers; all 0 where nothing is left to decide."""
        offered = self.space.choices(self._decisions) if self._decisions is not None else 0
        return (np.arange(self.extent.options) < offered).astype(np.int8)

    def _observation(self) -> Decisions:
        taken = self._decisions or []
        return np.array([1 + d for d in taken] + [0] * (self.extent.steps - len(taken)), dtype=np.int64)
