"""The pictures of reinforcement learning: what must be in them, and that they say what was recorded."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.lessons.lesson_06.pictures import (
    MICRO_DECISIONS,
    PolicyExplorer,
    agent_environment_scene,
    policy_scene,
)
from nascourse.lessons.lesson_06.snapshots import Snapshot, snapshots
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.search.reinforcement.controller import TableController
from nascourse.search.reinforcement.policy_gradient import Learning
from nascourse.search.reinforcement.reinforce import Reinforce
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from nascourse.viz.items import Box, Circle, Line, Polygon, Text, flat
from nascourse.viz.palette import OPERATIONS
from tests.lessons.lesson_07.test_relaxation import texts_fit

SPACE = MicroSpace()


def reward(trial: Trial[MicroCell]) -> Result:
    """Negative, failed and good ones."""
    return Result(math.nan if trial.number % 11 == 4 else trial.arch.ops.count("nor_conv_3x3") / 6 - 0.3)


@pytest.fixture(scope="module")
def recorded() -> tuple[History[MicroCell], tuple[Snapshot, ...]]:
    strategy = Reinforce(SPACE, Learning(batch=12, rate=0.2), TableController)
    with pytest.warns(UserWarning, match="failed"):
        history = search(strategy, reward, 65, seed=3, cache=False)
    return history, snapshots(strategy, history, seed=3)


@pytest.fixture(scope="module")
def explorer(recorded: tuple[History[MicroCell], tuple[Snapshot, ...]]) -> PolicyExplorer:
    return PolicyExplorer(SPACE, *recorded)


def test_agent_and_environment_exchange_action_reward_and_state() -> None:
    scene = agent_environment_scene()
    assert {"Agent", "Environment", "action Aₜ", "sample an architecture", "reward Rₜ", "state Sₜ"} <= set(
        scene.texts()
    )
    assert scene.texts().count("RNN") == 3
    agent, environment = (item for item in scene.items if isinstance(item, Box) and item.radius == 10)
    gap = (agent.x + agent.width, environment.x)
    across = [i for i in flat(scene.items) if isinstance(i, Line) and gap[0] < i.points[0][0] < gap[1]]
    assert [line.points[-1][0] > line.points[0][0] for line in across] == [True, False, False]
    assert all(line.arrow for line in across)
    assert len({line.dash for line in across}) == 3
    assert texts_fit(scene)


def test_the_bars_are_the_recorded_policy(
    explorer: PolicyExplorer, recorded: tuple[History[MicroCell], tuple[Snapshot, ...]]
) -> None:
    for step in (0, 2, 5):
        explorer.set(update=step)
        policy = recorded[1][step].policy
        colors = {OPERATIONS[op].color for op in MICRO_OPS}
        bars = [i for i in flat(explorer.scene.items) if isinstance(i, Box) and i.height == 18 and i.fill in colors]
        widths = np.array([bar.width for bar in bars]).reshape(5, 6).T
        np.testing.assert_allclose(widths, np.maximum(36 * np.array(policy), 0.5))
        bold = [i.text for i in flat(explorer.scene.items) if isinstance(i, Text) and i.bold and i.size == 11]
        if step == 0:
            assert not bold
            assert "No option of any decision stands out." in explorer.sentence.value
            continue
        ahead = [row for row in policy if np.ptp(sorted(row)[-2:]) >= 0.005]
        assert sorted(bold) == sorted(f"{max(row):.2f}" for row in ahead)
        for name, row in zip(MICRO_DECISIONS, policy, strict=True):
            words = f"{name} {OPERATIONS[MICRO_OPS[int(np.argmax(row))]].label} {max(row):.2f}"
            assert (words in explorer.sentence.value) is (row in ahead)


def test_beside_them_is_what_was_drawn_for_the_update(
    explorer: PolicyExplorer, recorded: tuple[History[MicroCell], tuple[Snapshot, ...]]
) -> None:
    explorer.set(update=0)
    assert "nothing drawn yet" in explorer.scene.texts()
    explorer.set(update=3)
    texts = explorer.scene.texts()
    assert "drawn for this update (10 of 12)" in texts
    words = [
        "failed" if row.result.failed else f"{row.result.accuracy:.3f}".replace("-", "−")
        for row in recorded[0].rows[24:34]
    ]
    begin = texts.index("reward") + 1
    assert list(texts[begin : begin + 10]) == words
    right_of_bars = 18 + 104 + 76 * 6
    fills = [
        i.fill
        for i in flat(explorer.scene.items)
        if isinstance(i, Polygon | Circle) and _left(i) > right_of_bars and _top(i) < 62 + 180
    ]
    drawn = [OPERATIONS[op].color for row in recorded[0].rows[24:34] for op in row.trial.arch.ops]
    assert fills == drawn


def _left(item: Polygon | Circle) -> float:
    return item.x if isinstance(item, Circle) else min(x for x, _ in item.points)


def _top(item: Polygon | Circle) -> float:
    return item.y if isinstance(item, Circle) else min(y for _, y in item.points)


def test_there_is_a_dot_for_every_trial_told_that_did_not_fail(
    explorer: PolicyExplorer, recorded: tuple[History[MicroCell], tuple[Snapshot, ...]]
) -> None:
    for step in range(6):
        explorer.set(update=step)
        dots = [i for i in flat(explorer.scene.items) if isinstance(i, Circle) and i.radius == 1.75]
        rewards = [row.result.accuracy for row in recorded[0].rows[: 12 * step] if not row.result.failed]
        assert len(dots) == len(rewards)
        if step:
            heights = np.array([dot.y for dot in dots])
            slope, _ = np.polyfit(rewards, heights, 1)
            assert slope < 0  # higher is better
            np.testing.assert_allclose(np.polyval(np.polyfit(rewards, heights, 1), rewards), heights)


def test_nothing_runs_into_anything_and_the_picture_keeps_its_size(explorer: PolicyExplorer) -> None:
    sizes = set()
    for step in range(6):
        explorer.set(update=step)
        assert texts_fit(explorer.scene)
        sizes.add((explorer.scene.width, explorer.scene.height))
    assert len(sizes) == 1


def test_the_slider_changes_picture_and_sentence(explorer: PolicyExplorer) -> None:
    explorer.set(update=1)
    before = explorer.picture.value, explorer.sentence.value
    explorer.controls["update"].value = 4
    assert explorer.picture.value != before[0]
    assert explorer.sentence.value != before[1]


def test_what_was_not_recorded_and_names_that_do_not_fit_are_refused(
    recorded: tuple[History[MicroCell], tuple[Snapshot, ...]],
) -> None:
    _, taken = recorded
    with pytest.raises(CourseError, match=r"step 6.*0\.\.5"):
        policy_scene(taken, [], 6, MICRO_DECISIONS, MICRO_OPS)
    with pytest.raises(CourseError, match="5 decisions of 5 options"):
        policy_scene(taken, [], 0, MICRO_DECISIONS[1:], MICRO_OPS)


def test_the_pictures_do_not_load_torch() -> None:
    code = "import sys, nascourse.lessons.lesson_06.pictures; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
