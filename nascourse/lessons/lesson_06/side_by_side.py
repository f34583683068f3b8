"""Many policies on a table, learning side by side: a hundred seeds in the time of a few."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...search.evaluating import evaluate
from ...search.history import Evaluated, History
from ...search.loop import strategy_rng, trial_seed
from ...search.reinforcement.reinforce import Reinforce
from ...spaces.base import A, Evaluation, Trial


def search_side_by_side(
    strategy: Reinforce[A], evaluation: Evaluation[A], budget: int, seeds: Sequence[int], *, cache: bool = True
) -> list[History[A]]:
    """``[search(strategy, evaluation, budget, seed=seed, cache=cache) for seed in seeds]``, with all controllers
    trained together: for evaluations that take no time, such as a table's. Seconds are not recorded, and of
    failures only the histories tell."""
    agent = strategy.policies([strategy_rng(seed) for seed in seeds])
    runs: list[History[A]] = [History() for _ in seeds]
    firsts: list[dict[A, int]] = [{} for _ in seeds]
    for begin in range(0, budget, strategy.learning.batch):
        sample = agent.sample()
        for k, seed in enumerate(seeds):
            for number in range(begin, min(begin + strategy.learning.batch, budget)):
                arch = strategy.space.decode(sample.sequence(k, number - begin))
                trial = Trial(number, arch, trial_seed(seed, number))
                earlier = firsts[k].setdefault(arch, number) if cache else number
                same = None if earlier == number else earlier
                result = runs[k][same].result if same is not None else evaluate(evaluation, trial)[0]
                runs[k].rows.append(Evaluated(trial, result, same))
        if begin + strategy.learning.batch <= budget:
            rewards = [run.accuracies[begin:].tolist() for run in runs]
            agent.update(sample, torch.tensor(rewards, dtype=torch.float64))
    return runs
