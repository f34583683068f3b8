"""What lesson 06 says of its recorded experiments is what their rows give."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse import evidence
from nascourse.evaluation.statistics import holm, mann_whitney_p
from nascourse.evidence import Evidence
from nascourse.experiments.lesson_05 import curves
from nascourse.experiments.lesson_06 import POLICIES


@pytest.fixture(scope="module")
def recorded() -> Evidence:
    return evidence.load("06_policies")


def test_after_a_hundred_evaluations_evolution_is_ahead_and_at_the_end_it_is_not(recorded: Evidence) -> None:
    early = {arm: curves(recorded, arm)[:, 99] for arm in recorded.arms}
    assert max(holm([mann_whitney_p(early[arm], early["evolution"]) for arm in POLICIES])) < 0.001
    assert all(early["evolution"].mean() < 0.75 * early[arm].mean() for arm in POLICIES)
    last = {arm: recorded.values(arm, "regret") for arm in recorded.arms}
    tests = [mann_whitney_p(last[arm], last[rival]) for rival in ("random", "evolution") for arm in POLICIES]
    adjusted = holm(tests)
    assert max(adjusted[:4]) < 0.05 <= min(adjusted[4:])
    gains = [100 * (last["random"].mean() - last[arm].mean()) for arm in POLICIES]
    assert all(0.4 < gain < 0.6 for gain in gains)  # "about half a percentage point"


def test_the_lstms_leave_random_search_later_than_the_tables(recorded: Evidence) -> None:
    random = curves(recorded, "random").mean(0)
    apart = {arm: int(np.argmax(curves(recorded, arm).mean(0) < 0.95 * random)) for arm in POLICIES}
    for kind in ("REINFORCE", "PPO"):
        assert 10 < apart[f"{kind}, table"] < apart[f"{kind}, LSTM"]


def test_a_policy_trains_fewer_cells_for_longer(recorded: Evidence) -> None:
    arm = "REINFORCE, LSTM"
    assert recorded.values(arm, "cells").mean() < recorded.values("random", "cells").mean()
    assert recorded.values(arm, "clock").mean() > recorded.values("random", "clock").mean()


def test_what_haste_costs(recorded: Evidence) -> None:
    hasty = evidence.load("06_entropy")
    regret = {arm: hasty.values(arm, "regret").mean() for arm in hasty.arms}
    assert np.median(hasty.values("no bonus", "last")) == 1  # "one and the same cell"
    assert regret["no bonus"] > 0.95 * recorded.values("random", "regret").mean()  # "no better"
    for hasty_arm, patient in (("bonus", "REINFORCE, LSTM"), ("PPO, cell by cell", "PPO, LSTM")):
        assert 1.7 < regret[hasty_arm] / recorded.values(patient, "regret").mean() < 2.5  # "about twice"
