"""The strategy: batches, windows, and many seeds at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from nascourse.errors import CourseError
from nascourse.lessons.lesson_06.side_by_side import search_side_by_side
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.search.reinforcement.controller import Extent, LSTMController, TableController
from nascourse.search.reinforcement.policy_gradient import Learning, PolicyGradient
from nascourse.search.reinforcement.reinforce import Reinforce, ppo
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.toys import conv_share

close = torch.testing.assert_close


def noisy(trial: Trial[MicroCell]) -> Result:
    return Result(math.nan) if trial.seed % 17 == 0 else conv_share(trial)


def rows(history: History[MicroCell]) -> list[Any]:
    return [(r.trial, None if r.result.failed else r.result, r.same_as) for r in history]


@pytest.mark.filterwarnings("ignore:.*evaluations failed")
@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("make", [Reinforce, ppo])
def test_side_by_side_finds_what_each_search_alone_finds(make: Callable[..., Reinforce[Any]], cache: bool) -> None:
    strategy = make(MicroSpace(), Learning(batch=6, rate=0.1))
    runs = search_side_by_side(strategy, noisy, 50, range(4), cache=cache)
    for seed, run in enumerate(runs):
        assert rows(run) == rows(search(strategy, noisy, 50, seed=seed, cache=cache))
    assert any(row.same_as is not None for run in runs for row in run) is cache
    assert any(run.failures for run in runs)


# -- the strategy -----------------------------------------------------------------------------------------------------


def small(**settings: Any) -> Reinforce[MicroCell]:
    return Reinforce(MicroSpace(), Learning(batch=4, rate=0.1, **settings), partial(LSTMController, hidden=8))


@pytest.mark.parametrize("window", [1, 3, 4, 10])
def test_a_batch_is_learned_from_when_all_of_it_is_told(window: int) -> None:
    strategy = small()
    history = search(strategy, conv_share, 22, seed=1, window=window)
    assert [update.seen for update in strategy.updates] == [4, 8, 12, 16, 20]
    means = history.accuracies[:20].reshape(5, 4).mean(1)
    assert [update.reward for update in strategy.updates] == pytest.approx(means.tolist())


def test_window_1_is_on_policy_and_a_wide_window_draws_ahead() -> None:
    def ratios(window: int) -> list[float]:
        strategy, seen = small(), []
        update = PolicyGradient.update

        def spy(agent: PolicyGradient, sample: Any, rewards: Tensor) -> Any:
            seen.append(float((agent.controller.log_prob(sample).detach() - sample.log_prob).abs().max()))
            return update(agent, sample, rewards)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PolicyGradient, "update", spy)
            search(strategy, conv_share, 24, window=window)
        return seen

    assert max(ratios(1)) < 1e-12
    assert ratios(5)[0] < 1e-12
    assert min(ratios(5)[1:]) > 1e-6


def test_it_learns_through_the_loop_also_with_a_wide_window() -> None:
    for window in (1, 8):
        history = search(small(), conv_share, 400, seed=2, window=window)
        assert history.accuracies[-50:].mean() > 0.8  # a random cell has 0.2
        assert history.accuracies[:20].mean() < 0.4


def test_its_description_tells_settings_apart() -> None:
    described = [
        Reinforce(MicroSpace()),
        Reinforce(MicroSpace(), controller=TableController),
        Reinforce(MicroSpace(), controller=partial(LSTMController, hidden=64)),
        Reinforce(MicroSpace(), Learning(entropy=0.1)),
        ppo(MicroSpace()),
        Reinforce(MicroSpace(), extent=Extent(7, 5)),
    ]
    assert len({str(strategy.describe()) for strategy in described}) == len(described)


@pytest.mark.parametrize(
    "bad", [{"batch": 0}, {"epochs": 0}, {"rate": 0.0}, {"decay": 1.0}, {"clip": 1.5}, {"epochs": 2}]
)
def test_settings_that_make_no_sense_are_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(CourseError, match=next(iter(bad))):
        Learning(**bad)
