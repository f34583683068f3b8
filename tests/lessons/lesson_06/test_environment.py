"""The environment against gymnasium's own checker, and with code that knows nothing of the course."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics

from nascourse.errors import CourseError
from nascourse.lessons.lesson_06.environment import ArchitectureEnv
from nascourse.search.reinforcement.controller import Extent
from nascourse.spaces.base import Result, SearchSpace, Trial
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.test_local import Chain, Chains
from tests.search.toys import conv_share


def length(trial: Trial[Chain]) -> Result:
    """Best of all: three operations, all of them the last."""
    return Result((len(trial.arch.ops) + trial.arch.ops.count(2)) / 6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("space", [MicroSpace(), CellSpace(2), Chains()], ids=lambda space: space.name)
def test_gymnasiums_checker_has_nothing_to_say(space: SearchSpace[Any]) -> None:
    check_env(ArchitectureEnv(space, lambda trial: Result(0.5)), skip_render_check=True)


def test_an_episode_is_one_architecture_and_the_reward_its_accuracy() -> None:
    env = ArchitectureEnv(MicroSpace(), conv_share)
    observation, info = env.reset(seed=1)
    assert observation.tolist() == [0] * 6
    for t, action in enumerate((3, 3, 0, 4, 1, 3)):
        assert info["action_mask"].tolist() == [1] * 5
        observation, reward, terminated, truncated, info = env.step(np.int64(action))
        assert observation[t] == action + 1
        assert (terminated, truncated) == (t == 5, False)
        assert (reward == 0) is (t < 5)
    trial = info["trial"]
    assert MicroSpace().encode(trial.arch) == (3, 3, 0, 4, 1, 3)
    assert reward == conv_share(trial).accuracy == info["result"].accuracy
    assert info["action_mask"].tolist() == [0] * 5


def test_trials_are_numbered_and_seeded_from_the_environments_generator() -> None:
    def trials(seed: int) -> list[Trial[MicroCell]]:
        env = ArchitectureEnv(MicroSpace(), conv_share)
        env.reset(seed=seed)
        found = []
        for _ in range(3):
            for _ in range(6):
                *_, info = env.step(np.int64(2))
            found.append(info["trial"])
            env.reset()
        return found

    assert [trial.number for trial in trials(0)] == [0, 1, 2]
    assert trials(0) == trials(0)
    assert len({trial.seed for trial in trials(0) + trials(1)}) == 6


def test_an_option_that_is_not_offered_ends_the_episode_and_evaluates_nothing() -> None:
    def never(trial: Trial[Any]) -> Result:
        raise AssertionError

    env = ArchitectureEnv(CellSpace(2), never)
    _, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [1, 0, 0, 0, 0, 0, 0]
    observation, reward, terminated, truncated, info = env.step(np.int64(1))
    assert (reward, terminated, truncated, info["invalid"]) == (0.0, True, False, True)
    assert observation.tolist() == [0] * 12
    with pytest.raises(CourseError, match="call reset first"):
        env.step(np.int64(0))


def test_a_failed_evaluation_is_worth_nothing_and_says_why() -> None:
    env = ArchitectureEnv(Chains(), lambda trial: Result(math.nan))
    env.reset(seed=0)
    env.step(np.int64(0))
    _, reward, terminated, _, info = env.step(np.int64(1))
    assert (reward, terminated, info["failed"]) == (0.0, True, "accuracy nan")


def test_steps_outside_an_episode_are_refused() -> None:
    env = ArchitectureEnv(Chains(), length)
    with pytest.raises(CourseError, match="call reset first"):
        env.step(np.int64(0))
    env.reset(seed=0)
    for action in (0, 2):
        env.step(np.int64(action))
    with pytest.raises(CourseError, match="call reset first"):
        env.step(np.int64(0))


def test_a_space_larger_than_the_extent_is_refused_by_name() -> None:
    env = ArchitectureEnv(Chains(), length, Extent(3, 3))
    env.reset(seed=0)
    env.step(np.int64(2))
    env.step(np.int64(0))
    with pytest.raises(CourseError, match="chains with decision 4"):
        env.step(np.int64(0))


def q_learning(env: gymnasium.Env[Any, Any], episodes: int) -> list[int]:
    """Tabular Q-learning that knows the gymnasium interface and nothing else; returns its greedy actions. (Watkins &
    Dayan 1992)"""
    q: dict[Any, np.ndarray] = {}
    rng = np.random.default_rng(0)

    def choose(state: Any, mask: np.ndarray, epsilon: float) -> int:
        values = q.setdefault(state, np.zeros(len(mask)))
        offered = np.flatnonzero(mask)
        return int(rng.choice(offered) if rng.random() < epsilon else offered[values[offered].argmax()])

    for episode in range(episodes + 1):
        observation, info = env.reset(seed=episode)
        actions, done = [], False
        while not done:
            state = tuple(observation)
            action = choose(state, info["action_mask"], epsilon=0.0 if episode == episodes else 0.6)
            observation, reward, terminated, truncated, info = env.step(action)
            done = terminated or truncated
            ahead = 0.0 if done else max(q.get(tuple(observation), np.zeros(1)).max(), 0.0)
            q[state][action] += 0.5 * (float(reward) + ahead - q[state][action])
            actions.append(action)
    return actions


def test_code_that_knows_only_gymnasium_finds_the_best_architecture() -> None:
    env = RecordEpisodeStatistics(ArchitectureEnv(Chains(), length))
    actions = q_learning(env, 2000)
    assert Chains().decode(actions) == Chain((2, 2, 2))
    assert env.return_queue[-1] == 1.0


def test_vectorized_environments_work() -> None:
    envs = gymnasium.vector.SyncVectorEnv([lambda: ArchitectureEnv(MicroSpace(), conv_share)] * 3)
    observations, _ = envs.reset(seed=0)
    assert observations.shape == (3, 6)
    for _ in range(6):
        _, rewards, ended, _, _ = envs.step(np.array([3, 3, 0]))
    assert ended.all()
    np.testing.assert_allclose(rewards, [1, 1, 0], atol=0.05)  # the share of 3x3 convolutions, with a little noise


def test_without_gymnasium_one_line_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['gymnasium'] = None\n"
        "import nascourse.search.reinforcement.reinforce\n"
        "try:\n    import nascourse.lessons.lesson_06.environment\n"
        "except ValueError as error:\n    print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.count("\n") == 1
    assert "pip install -e .[rl]" in out
