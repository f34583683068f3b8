"""Looking back at a recorded search: the policy before the first update and after each one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch

from ...errors import bad_input
from ...search.history import History
from ...search.loop import search
from ...search.reinforcement.reinforce import Learned, Reinforce
from ...spaces.base import A, Result, Trial


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A policy after some updates. seen: trials told by then; policy: for each decision the probability of each
    option, on average over what was decided before (0 for what is not offered, rows as long as the longest);
    learned: the last update, None before the first."""

    seen: int
    policy: tuple[tuple[float, ...], ...]
    learned: Learned | None = None


def snapshots(
    strategy: Reinforce[A], history: History[A], seed: int, window: int = 1, samples: int = 256
) -> tuple[Snapshot, ...]:
    """The policy of a recorded search before the first update and after each one: ``strategy`` lives through it again,
    and nothing is evaluated. The average over earlier decisions is taken over ``samples`` drawn architectures.

    For spaces whose architectures have equally many decisions. Raises `CourseError` where the history is that of
    another strategy, seed or window.
    """
    taken: list[Snapshot] = []

    def look() -> None:
        if len(taken) == len(strategy.updates) + 1:
            return
        learned = strategy.updates[-1] if strategy.updates else None
        taken.append(Snapshot(learned.seen if learned else 0, marginals(strategy, samples), learned))

    def recorded(trial: Trial[A]) -> Result:
        look()
        return history[trial.number].result

    with warnings.catch_warnings(action="ignore"):  # failures were told when they were recorded
        seen = search(strategy, recorded, len(history), seed=seed, window=window, cache=False)
    if [row.trial for row in seen] != [row.trial for row in history]:
        raise bad_input("this history", "one of the same strategy, seed and window", "look at what was recorded")
    look()
    return tuple(taken)


@torch.no_grad()
def marginals(strategy: Reinforce[A], samples: int = 256) -> tuple[tuple[float, ...], ...]:
    """(decisions, options): the policy of each decision, on average over ``samples`` architectures it draws. What the
    strategy will propose does not change by it."""
    states = [generator.get_state() for generator in strategy.agent.generators]
    policies = strategy.agent.controller.log_policies(strategy.agent.sample(samples)).exp()
    for generator, state in zip(strategy.agent.generators, states, strict=True):
        generator.set_state(state)
    return tuple(tuple(row) for row in policies[0].mean(0).tolist())
