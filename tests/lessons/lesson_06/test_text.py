"""What lesson 06 says of its recorded experiments is what their rows give."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse import evidence
from nascourse.evaluation.tabular import TabularBenchmark
from nascourse.evidence.ledger import Evidence
from nascourse.evidence.statistics import difference, holm, mann_whitney_p
from nascourse.lessons.lesson_05.experiments import curves
from nascourse.lessons.lesson_06.experiments import POLICIES, RIVALS


@pytest.fixture(scope="module")
def recorded() -> Evidence:
    return evidence.load("06_policies")


def test_after_a_hundred_evaluations_evolution_is_ahead_and_at_the_end_the_policies_are(recorded: Evidence) -> None:
    early = {arm: curves(recorded, arm)[:, 99] for arm in recorded.arms}
    assert min(early, key=lambda arm: early[arm].mean()) == "evolution"
    for arm in ("REINFORCE, LSTM", "PPO, LSTM"):  # "can hardly be told from random search"
        assert mann_whitney_p(early[arm], early["random"]) > 0.05
    assert curves(recorded, "evolution")[:, 149].mean() - curves(recorded, "evolution")[:, -1].mean() < 0.0005
    last = {arm: recorded.values(arm, "regret") for arm in recorded.arms}
    assert max(holm([mann_whitney_p(last[arm], last[rival]) for rival in RIVALS for arm in POLICIES])) < 0.001
    means = {arm: 100 * values.mean() for arm, values in last.items()}
    for arm in POLICIES:
        assert 0.2 < means["random"] - means[arm] < 0.3  # "about a quarter of a percentage point"
        assert 0.4 < (means["evolution"] - means[arm]) / (means["random"] - means[arm]) < 0.6  # "half of that"
    pairs = [(a, b) for a in POLICIES for b in POLICIES if a < b]
    assert all(difference(last[a], last[b]).low < 0 < difference(last[a], last[b]).high for a, b in pairs)


def test_the_differences_are_smaller_than_the_noise_floor(recorded: Evidence) -> None:
    floor = TabularBenchmark.load().noise(top=100).floor
    assert round(floor, 4) == 0.0045
    assert np.ptp([recorded.values(arm, "regret").mean() for arm in recorded.arms]) < floor


def test_without_noise_the_lead_of_the_policies_is_gone(recorded: Evidence) -> None:
    without = evidence.load("06_exact")
    means = {arm: without.values(arm, "regret").mean() for arm in without.arms}
    assert min(means, key=means.__getitem__) == "evolution"
    assert np.mean(without.values("evolution", "regret") == 0) > 0.5  # "more than half of evolution's searches"
    assert all(means[arm] < means["random"] / 3 for arm in means if arm != "random")
    assert evidence.verdict("06_exact").word == "fails"  # "not by the tenth of a point"
    for arm in POLICIES:
        leads = [rows.values("evolution", "regret") - rows.values(arm, "regret") for rows in (recorded, without)]
        assert difference(*leads).low > 0


def test_at_first_the_tables_are_ahead(recorded: Evidence) -> None:
    early = {arm: curves(recorded, arm)[:, 39].mean() for arm in recorded.arms}
    assert set(sorted(early, key=early.__getitem__)[:2]) == {"REINFORCE, table", "PPO, table"}


def test_a_policy_trains_fewer_cells_for_longer(recorded: Evidence) -> None:
    arm = "REINFORCE, LSTM"
    assert recorded.values(arm, "cells").mean() < recorded.values("random", "cells").mean()
    assert recorded.values(arm, "clock").mean() > recorded.values("random", "clock").mean()


def test_what_haste_costs(recorded: Evidence) -> None:
    hasty = evidence.load("06_entropy")
    regret = {arm: hasty.values(arm, "regret").mean() for arm in hasty.arms}
    assert 1 <= np.median(hasty.values("no bonus", "last")) <= 2  # "one or two cells"
    assert regret["no bonus"] > 0.95 * recorded.values("random", "regret").mean()  # "no better"
    assert mann_whitney_p(hasty.values("no bonus", "regret"), hasty.values("bonus", "regret")) < 0.05
    assert evidence.verdict("06_entropy").word == "undecided"
    for hasty_arm, patient in (("bonus", "REINFORCE, LSTM"), ("PPO, cell by cell", "PPO, LSTM")):
        assert 1.15 < regret[hasty_arm] / recorded.values(patient, "regret").mean() < 1.35  # "a quarter more"
        assert difference(hasty.values(hasty_arm, "regret"), recorded.values(patient, "regret")).low > 0
