"""The strategy: batches, windows, saving, many seeds at once, and looking back at what was learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nascourse.errors import CourseError
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.search.reinforcement.controller import Extent, LSTMController, TableController
from nascourse.search.reinforcement.policy_gradient import Learning, PolicyGradient
from nascourse.search.reinforcement.reinforce import Reinforce, marginals, ppo, search_side_by_side, snapshots
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.reinforcement.test_controller import probabilities, skewed
from tests.search.test_local import Chains
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


@pytest.mark.parametrize("told", [0, 3, 10, 12])
def test_saved_and_loaded_it_goes_on_as_if_never_stopped(told: int, tmp_path: Path) -> None:
    def run(strategy: Reinforce[MicroCell], open_trials: list[Trial[MicroCell]], begin: int, end: int) -> list[Any]:
        seen = []
        for number in range(begin, end):  # a window of three, by hand
            while len(open_trials) < 3:
                arch = strategy.ask()[0].arch
                open_trials.append(Trial(number + len(open_trials), arch, number))
            trial = open_trials.pop(0)
            seen.append(trial.arch)
            strategy.tell(trial, conv_share(trial))
        return seen

    whole = small(entropy=0.1)
    whole.start(np.random.default_rng(0))
    waiting: list[Trial[MicroCell]] = []
    run(whole, waiting, 0, told)
    whole.save(tmp_path / "policy.pt")
    resumed = small(entropy=0.1)
    resumed.load(tmp_path / "policy.pt")
    assert run(resumed, list(waiting), told, 30) == run(whole, waiting, told, 30)
    assert resumed.updates == whole.updates
    close(resumed.agent.state_dict(), whole.agent.state_dict())


def test_what_is_no_saved_policy_or_another_is_refused_in_a_line(tmp_path: Path) -> None:
    strategy = small()
    strategy.start(np.random.default_rng(0))
    strategy.save(tmp_path / "policy.pt")
    for other in (small(entropy=0.1), Reinforce(Chains()), Reinforce(MicroSpace(), strategy.learning)):
        with pytest.raises(CourseError, match=r"policy\.pt.*same settings"):
            other.load(tmp_path / "policy.pt")
    whole = (tmp_path / "policy.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    torch.save({"of": print}, tmp_path / "code.pt")  # a pickle that names a function: not loaded
    for name in ("cut.pt", "code.pt", "missing.pt"):
        with pytest.raises(CourseError, match=rf"{name}.*Reinforce\.save"):
            strategy.load(tmp_path / name)


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


# -- looking back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 6])
def test_snapshots_show_the_policy_before_and_after_every_update(window: int) -> None:
    strategy = Reinforce(MicroSpace(), Learning(batch=5, rate=0.1), TableController)
    history = search(strategy, conv_share, 23, seed=4, window=window)
    (table,) = strategy.agent.controller.parameters()
    final, updates = table.detach().softmax(-1)[0], list(strategy.updates)
    taken = snapshots(strategy, history, seed=4, window=window)
    assert [snapshot.seen for snapshot in taken] == [0, 5, 10, 15, 20]
    assert [snapshot.learned for snapshot in taken[1:]] == updates
    close(torch.tensor(taken[0].policy), torch.full((6, 5), 0.2))
    close(torch.tensor(taken[-1].policy, dtype=torch.float64), final)


def test_marginals_average_over_what_was_decided_before() -> None:
    class Two(MicroSpace):
        def choices(self, prefix: Any) -> int:
            return 5 if len(prefix) < 2 else 0

    strategy: Reinforce[MicroCell] = Reinforce(Two(), controller=partial(LSTMController, hidden=8))
    strategy.start(np.random.default_rng(0))
    strategy.agent.controller.load_state_dict(skewed(strategy.make_controller, Two(), 0).state_dict())
    joint = probabilities(Two(), strategy.agent.controller)[0].reshape(5, 5).detach()
    found = torch.tensor(marginals(strategy, 20000), dtype=torch.float64)
    close(found[0], joint.sum(1))
    close(found[1], joint.sum(0), atol=0.02, rtol=0)


def test_looking_does_not_change_what_comes() -> None:
    strategy = small()
    strategy.start(np.random.default_rng(0))
    first = [strategy.agent.sample().sequence(0, k) for k in range(4)]
    strategy.start(np.random.default_rng(0))
    marginals(strategy)
    assert [strategy.agent.sample().sequence(0, k) for k in range(4)] == first


def test_a_history_of_another_search_is_refused() -> None:
    history = search(small(), conv_share, 12, seed=0)
    with pytest.raises(CourseError, match="same strategy, seed and window"):
        snapshots(small(), history, seed=1)
