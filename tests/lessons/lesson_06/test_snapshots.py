"""Looking back at what was learned: the policies of a recorded search, and what looking must not change."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from nascourse.errors import CourseError
from nascourse.lessons.lesson_06.snapshots import marginals, snapshots
from nascourse.search.loop import search
from nascourse.search.reinforcement.controller import LSTMController, TableController
from nascourse.search.reinforcement.policy_gradient import Learning
from nascourse.search.reinforcement.reinforce import Reinforce
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.reinforcement.test_controller import probabilities, skewed
from tests.search.toys import conv_share

close = torch.testing.assert_close


def small() -> Reinforce[MicroCell]:
    return Reinforce(MicroSpace(), Learning(batch=4, rate=0.1), partial(LSTMController, hidden=8))


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
