"""Lesson 06: its cells agree with the package, its experiments with closed forms, and a search with real training that
is killed goes on as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nascourse import evidence
from nascourse.budgets import BUDGETS
from nascourse.data import SearchData, load
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.lessons.lesson_05 import experiments as lesson_05
from nascourse.lessons.lesson_05.experiments import curves
from nascourse.lessons.lesson_06 import experiments as lesson_06
from nascourse.lessons.lesson_06.experiments import (
    POLICIES,
    REAL,
    RIVALS,
    TOO_FAST,
    full_run,
    history_of,
    real_evaluation,
)
from nascourse.lessons.lesson_06.snapshots import snapshots
from nascourse.runs.plain import plain
from nascourse.search.loop import search
from nascourse.search.reinforcement.controller import Sample, TableController
from nascourse.search.reinforcement.policy_gradient import Learning, PolicyGradient
from nascourse.search.reinforcement.reinforce import Reinforce
from nascourse.spaces.micro import MicroSpace
from tests.evaluation.tables import packed
from tests.lessons.helpers import killed_after, names_of

NAMES = ("06_policies", "06_exact", "06_entropy")
CI = {key.removeprefix("full_"): int(n.ci) for key, n in BUDGETS["06"].items() if key.startswith("full_")}
close = torch.testing.assert_close


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TabularBenchmark:
    """The cell of rank r has a regret of 3 (r - 1) of 20,000 images, and took 10 + r / 1000 seconds."""
    path = tmp_path_factory.mktemp("table") / "table.npz"
    path.write_bytes(packed())
    return TabularBenchmark.load(path)


@pytest.fixture
def on_it(table: TabularBenchmark, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (lesson_05, lesson_06):  # exact answers come from there
        monkeypatch.setattr(module, "_table", lambda: table)
    monkeypatch.setattr(lesson_06, "BLOCK", 2)
    lesson_06._block.cache_clear()
    yield
    lesson_06._block.cache_clear()


# -- on the table -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_it")
@pytest.mark.parametrize("noisy", [True, False], ids=["noisy", "exact"])
@pytest.mark.parametrize("arm", [*RIVALS, *POLICIES])
def test_a_row_is_what_the_table_says_of_its_search(arm: str, noisy: bool, table: TabularBenchmark) -> None:
    run = lesson_06.policies if noisy else lesson_06.policies_without_noise
    row = plain(run(arm, 3, evaluations=70))
    assert row == plain(run(arm, 3, evaluations=70))
    assert row["regret"] == pytest.approx(3 * (row["rank"] - 1) / 20_000, abs=1e-6)
    evaluation = table if noisy else lesson_05.exact
    history = search({**RIVALS, **POLICIES}[arm](MicroSpace()), evaluation, 70, seed=3)  # alone
    cells = [told.trial.arch for told in history]
    assert row["cells"] == len(set(cells))
    assert row["clock"] == pytest.approx(sum(10 + table.rank(cell) / 1000 for cell in set(cells)), abs=0.1)
    recorded = evidence.Evidence("", "", (arm,), 1, {"evaluations": 70}, (), (evidence.Row(arm, 3, 0, row),))
    np.testing.assert_allclose(curves(recorded, arm)[0], table.regrets(history), atol=1e-6)


@pytest.mark.usefixtures("on_it")
def test_too_fast_differs_in_nothing_but_what_it_says() -> None:
    hasty = [make(MicroSpace()).describe() for make in TOO_FAST.values()]
    careful = [POLICIES[name](MicroSpace()).describe() for name in ("REINFORCE, LSTM", "PPO, LSTM")]
    assert hasty[0] | {"entropy": 0.01} == hasty[1]
    assert hasty[0] | {"entropy": careful[0]["entropy"], "rate": hasty[0]["rate"] / 10} == careful[0]
    assert hasty[2] | {"batch": 10} == careful[1]
    rows = [plain(lesson_06.too_fast(arm, 0, evaluations=60)) for arm in TOO_FAST]
    assert rows[0] != rows[1] != rows[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_there_and_a_slice_run_again_is_as_recorded(name: str) -> None:
    recorded, design = evidence.load(name), evidence.find(name)
    assert recorded.missing == 0
    assert (recorded.budget, recorded.hypothesis) == (design.budget, design.hypothesis)
    assert {row.values["table"] for row in recorded.rows} == {TabularBenchmark.load().digest[:12]}
    assert evidence.differences(name, recorded.arms[-1], 0) == []


# -- with real training -----------------------------------------------------------------------------------------------


def to_be_killed(journal: Path) -> None:
    search(REAL["REINFORCE"](MicroSpace()), real_evaluation(64, 100, 1), 25, seed=1, journal=journal)


def test_killed_and_resumed_it_ends_with_the_same_policy(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second batch: journal, controller, optimizer and generator are the same."""
    killed, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    killed_after(14, killed, to_be_killed)
    assert killed.read_bytes().count(b"\n") < 25
    ends = []
    for journal in (killed, whole):
        learner = REAL["REINFORCE"](MicroSpace())
        search(learner, real_evaluation(64, 100, 1), 25, seed=1, journal=journal)
        assert isinstance(learner, Reinforce)
        assert len(learner.updates) == 2
        ends.append(learner.agent.state_dict())
    assert killed.read_bytes() == whole.read_bytes()
    close(ends[0], ends[1], rtol=0, atol=0)


@pytest.mark.parametrize("arm", REAL)
def test_the_full_run_in_small(arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASCOURSE_DATA", str(tmp_path))
    budget = {**CI, "final_epochs": 1}
    few = SearchData(load().train.subset(200), load().valid.subset(100))
    for module in (lesson_05, lesson_06):  # the winner is trained there, the trials here
        monkeypatch.setattr(module, "load", lambda: few)
    monkeypatch.setattr(lesson_05, "load_test", lambda: few.valid)
    values = plain(full_run(arm, 2, **budget))
    journal = lesson_06.journal_path(arm, 2)
    assert tmp_path in journal.parents
    assert journal.read_bytes().count(b"\n") == 1 + CI["trials"]
    assert values["valid"] == max(values["accuracies"]) == values["accuracies"][values["winner"]]
    history = history_of(evidence.Row(arm, 2, 0, values))
    assert [list(MicroSpace().encode(told.trial.arch)) for told in history] == values["cells"]
    learner = REAL[arm](MicroSpace())
    if isinstance(learner, Reinforce):
        assert [taken.seen for taken in snapshots(learner, history, seed=2)] == [0, 10]
    assert plain(full_run(arm, 2, **budget)) == values  # lived through again, nothing trained but the winner


def test_full_mode_runs_at_least_what_is_recorded() -> None:
    full = {key.removeprefix("full_"): n.full for key, n in BUDGETS["06"].items() if key.startswith("full_")}
    assert all(full[key] >= number for key, number in evidence.find("06_full_run").budget.items() if key in full)


# -- the lesson's functions are the package's -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lesson(table: TabularBenchmark) -> dict[str, Any]:
    """The names that the lesson's cells define, up to its first search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TabularBenchmark, "load", lambda: table)
        return names_of("06_reinforcement")


def test_its_rewards_are_in_the_order_of_its_cells(lesson: dict[str, Any], table: TabularBenchmark) -> None:
    drawn = torch.tensor([[0, 1, 2, 3, 4, 0], [4, 4, 0, 0, 1, 1]])
    rewards = lesson["R"][lesson["place"](drawn)]
    expected = [table.evaluate(MicroSpace().decode(cell)).accuracy for cell in drawn.tolist()]
    assert rewards.tolist() == pytest.approx(expected)
    assert torch.equal(lesson["cells"][lesson["place"](drawn)], drawn)


@pytest.mark.parametrize("weight", [0.0, 0.02])
def test_its_step_is_the_packages(lesson: dict[str, Any], weight: float) -> None:
    """Two updates from the same draws and rewards: the same table of logits, by the lesson's loop in pieces."""
    agent = PolicyGradient(MicroSpace(), [0], Learning(rate=0.1, entropy=weight), TableController)
    logits = torch.zeros(6, 5, dtype=torch.float64)
    adam, b = torch.optim.Adam([logits], 0.1), None
    for _ in range(2):
        sample: Sample = agent.sample()
        drawn = sample.decisions[0]
        rewards = lesson["R"][lesson["place"](drawn)]
        close(lesson["log_prob"](logits, drawn), sample.log_prob[0])
        returns = rewards - weight * lesson["log_prob"](logits, drawn)
        b = returns.mean() if b is None else b
        logits.grad = -lesson["reinforce"](logits, drawn, returns - b)
        adam.step()
        b = 0.9 * b + 0.1 * returns.mean()
        agent.update(sample, rewards[None])
    (learned,) = agent.controller.parameters()
    close(logits, learned[0].detach())
    close(b, agent.baseline[0])


def test_its_draws_are_those_of_its_policy(lesson: dict[str, Any]) -> None:
    logits, n = lesson["logits"], 20_000
    drawn = lesson["draw"](logits, n, torch.Generator().manual_seed(0))
    often = torch.nn.functional.one_hot(drawn, 5).double().mean(0)
    p = logits.softmax(1)
    assert ((often - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()


def test_its_variance_is_that_of_its_estimates(lesson: dict[str, Any]) -> None:
    g = torch.Generator().manual_seed(3)
    drawn = lesson["draw"](lesson["logits"], 4000, g)
    for b in (0.0, lesson["mean"]):
        advantage = lesson["R"][lesson["place"](drawn)] - b
        each = torch.vmap(lambda d, a: lesson["reinforce"](lesson["logits"], d[None], a[None]))(drawn, advantage)
        assert float(each.var(0).sum()) == pytest.approx(lesson["variance"](b), rel=0.15)


def test_learning_climbs_with_the_right_sign_only(lesson: dict[str, Any]) -> None:
    begin, *_, end = lesson["learn"](updates=40, seed=1)
    *_, lost = lesson["learn"](updates=40, seed=1, sign=1)
    assert lost[0] < begin[0] < end[0]
    assert begin[1] == pytest.approx(6 * np.log(5))


def test_what_the_text_says_of_the_full_run_is_what_its_rows_give() -> None:
    stored = evidence.load("06_full_run")
    rewards = {arm: stored.values(arm, "accuracies") for arm in REAL}
    learned = {arm: seen[:, -100:].mean(1) - seen[:, :100].mean(1) for arm, seen in rewards.items()}
    assert learned["REINFORCE"].min() > 0.09 > 0.03 > learned["random"].max()  # "the policy learns"
    best = {arm: seen.max(1).mean() for arm, seen in rewards.items()}
    assert 0.01 < best["REINFORCE"] - best["random"] < 0.02  # "more than a point ahead"
    tests = {arm: stored.values(arm, "test").mean() for arm in REAL}
    assert abs(tests["REINFORCE"] - tests["random"]) < 0.001  # "about none"
    assert evidence.verdict("06_full_run").word == "undecided"
