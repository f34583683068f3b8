"""Policy gradients against the exact one by enumeration; what policies learn; the wrong forms (traps T4 and T7) beside
the right one; and the strategy: batches, windows, saving, many seeds at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nascourse.errors import CourseError
from nascourse.search.controller import Extent, LSTMController, TableController
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.search.policy_gradient import Learning, MakeController, PolicyGradient, surrogate
from nascourse.search.reinforce import Reinforce, marginals, ppo, search_side_by_side, snapshots
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell, MicroSpace
from tests.search.test_controller import controllers, enumerated, leaves, probabilities, skewed
from tests.search.test_local import Chains
from tests.search.toys import conv_share

close = torch.testing.assert_close
SPACE = Chains()
LEAVES = list(leaves(SPACE))
N = len(LEAVES)


def float64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def closed_form(sequence: tuple[int, ...]) -> float:
    """Between 0 and 1, and 1 for three operations that are all the last one only."""
    return (len(sequence) - 1 + sequence[1:].count(2)) / 6


REWARDS = float64(*map(closed_form, LEAVES))


def agent_of(make: MakeController, learning: Learning | None = None, *seeds: int, scale: float = 1.0) -> PolicyGradient:
    """Policies that are far from uniform."""
    agent = PolicyGradient(SPACE, seeds or (0,), learning or Learning(), make)
    agent.controller.load_state_dict(skewed(make, SPACE, *(seeds or (0,)), scale=scale).state_dict())
    return agent


def gradients(agent: PolicyGradient, value: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(value, list(agent.controller.parameters())))


def exact_gradient(agent: PolicyGradient, entropy: float) -> list[Tensor]:
    """∇ (E[R] + w·H(π)) by enumeration and autograd: nothing is sampled, no score function."""
    p = probabilities(SPACE, agent.controller)[0]
    return gradients(agent, (p * REWARDS).sum() - entropy * (p * p.log()).sum())


def expected_gradient(agent: PolicyGradient, drawn_by: Tensor | None = None) -> list[Tensor]:
    """The mean of what `PolicyGradient` ascends, over all architectures that may be drawn. ``loss`` is a mean over the
    batch and linear in a positive factor of the advantage, so one batch of all, each as heavy as it is probable."""
    log_prob = agent.controller.log_prob(enumerated(SPACE, agent.controller, LEAVES))
    sampled = log_prob.detach() if drawn_by is None else drawn_by
    advantage = agent.returns(log_prob, REWARDS[None]) - agent.baseline[:, None]
    return gradients(agent, -agent.loss(log_prob, sampled, N * sampled.exp() * advantage).sum())


@controllers
@pytest.mark.parametrize("entropy", [0.0, 0.7])
@pytest.mark.parametrize("baseline", [0.0, 3.0])
@pytest.mark.parametrize("clip", [None, 0.2], ids=["reinforce", "ppo at ratio 1"])
def test_the_expected_gradient_is_the_exact_one(
    make: MakeController, entropy: float, baseline: float, clip: float | None
) -> None:
    agent = agent_of(make, Learning(entropy=entropy, clip=clip))
    agent.baseline[:] = baseline
    close(expected_gradient(agent), exact_gradient(agent, entropy))


@controllers
def test_a_batch_of_an_earlier_policy_gives_the_exact_gradient_too(make: MakeController) -> None:
    agent = agent_of(make, Learning(entropy=0.3))
    agent.baseline[:] = 0.5
    earlier = probabilities(SPACE, skewed(make, SPACE, 9, scale=0.2)).log().detach()
    close(expected_gradient(agent, earlier), exact_gradient(agent, 0.3))


def test_an_update_takes_the_step_of_its_loss() -> None:
    agent = agent_of(TableController, Learning(batch=4, entropy=0.2))
    agent.optimizer = torch.optim.SGD(agent.controller.parameters(), lr=1.0)
    agent.baseline[:] = 0.4
    sample = agent.sample()
    rewards = float64(0.1, 0.5, 0.9, 0.2)[None]
    (table,) = agent.controller.parameters()
    log_prob = agent.controller.log_prob(sample)
    textbook = (log_prob * (rewards - 0.2 * log_prob.detach() - 0.4)).mean()  # ascended
    expected = table.detach() + torch.autograd.grad(textbook, table)[0]
    agent.update(sample, rewards)
    close(table.detach(), expected)


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [(1.0, 2.0, 2.0), (1.1, 2.0, 2.2), (1.3, 2.0, 0.0), (0.7, 2.0, 1.4), (1.3, -2.0, -2.6), (0.7, -2.0, 0.0)],
)
def test_clipping_stops_what_went_far_enough_and_nothing_else(ratio: float, advantage: float, slope: float) -> None:
    log_prob = float64(math.log(ratio)).requires_grad_()
    surrogate(log_prob, float64(0.0), float64(advantage), clip=0.2).sum().backward()
    assert log_prob.grad is not None
    close(log_prob.grad, float64(slope))


# -- what policies learn ----------------------------------------------------------------------------------------------


def train(agent: PolicyGradient, updates: int, reward: Callable[[tuple[int, ...]], float]) -> None:
    for _ in range(updates):
        sample = agent.sample()
        seeds, batch = sample.log_prob.shape
        rewards = [[reward(sample.sequence(s, b)) for b in range(batch)] for s in range(seeds)]
        agent.update(sample, torch.tensor(rewards, dtype=torch.float64))


@controllers
@pytest.mark.parametrize("learning", [Learning(), Learning(clip=0.2, epochs=4)], ids=["reinforce", "ppo"])
def test_a_trained_policy_takes_the_best_with_more_than_nine_tenths(make: MakeController, learning: Learning) -> None:
    agent = PolicyGradient(SPACE, range(5), replace(learning, entropy=0.02), make)
    train(agent, 400, closed_form)
    assert probabilities(SPACE, agent.controller)[:, int(REWARDS.argmax())].min() > 0.9


@controllers
def test_entropy_alone_makes_all_architectures_alike(make: MakeController) -> None:
    """All 39, not the options of each decision: the first decision has to prefer long chains, of which there are
    more."""
    agent = agent_of(make, Learning(batch=40, entropy=1.0), 0, 1)
    before = probabilities(SPACE, agent.controller).detach()
    train(agent, 500, lambda sequence: 0.0)
    after = probabilities(SPACE, agent.controller).detach()
    assert (N * before - 1).abs().amax() > 3
    close(after, torch.full_like(after, 1 / N), atol=0.15 / N, rtol=0)


def entropy_of(p: Tensor) -> float:
    return float(-(p * p.clamp(min=1e-300).log()).sum())


Form = Callable[[Tensor, Tensor], Tensor]
"""(ln p of each action, H(π)) -> the loss where each is drawn; both with gradient."""

RIGHT: Form = lambda log_p, h: -log_p * (-log_p).detach()  # noqa: E731
WRONG: dict[str, Form] = {
    "reward p(a)·(−ln p(a))": lambda log_p, h: -log_p * (-log_p * log_p.exp()).detach(),
    "H not detached inside −ln p · (R + wH − b)": lambda log_p, h: -log_p * h,
    "a log-prob that is a negative log-likelihood": lambda log_p, h: log_p * (-log_p).detach(),
}


def descend(form: Form, steps: int = 4000) -> float:
    """Entropy of five options at the end, by the exact expectation of the form's gradient from a skewed start."""
    logits = float64(0.5, 0.3, 0.0, -0.2, -0.4).requires_grad_()
    for _ in range(steps):
        log_p = logits.log_softmax(0)
        loss = (log_p.exp().detach() * form(log_p, -(log_p.exp() * log_p).sum())).sum()
        (gradient,) = torch.autograd.grad(loss, logits)
        logits = (logits - 0.1 * gradient).detach().requires_grad_()
    return entropy_of(logits.softmax(0).detach())


def test_the_right_entropy_bonus_ends_uniform() -> None:
    assert descend(RIGHT) == pytest.approx(math.log(5), abs=1e-6)


@pytest.mark.parametrize("form", WRONG.values(), ids=WRONG)
def test_the_wrong_entropy_bonuses_drive_away_from_uniform(form: Form) -> None:
    start = entropy_of(float64(0.5, 0.3, 0.0, -0.2, -0.4).softmax(0))
    assert descend(form) < 0.75 * start


def test_the_sum_of_conditional_entropies_stops_short() -> None:
    """Σ_t H(π_t | drawn prefix) as a loss term makes every decision uniform, and so some architectures likelier."""
    agent = agent_of(TableController, None, 0)
    optimizer = torch.optim.Adam(agent.controller.parameters(), lr=0.05)
    sample = enumerated(SPACE, agent.controller, LEAVES)
    for _ in range(500):
        policies = agent.controller.log_policies(sample)[0]
        p = agent.controller.log_prob(sample)[0].exp().detach()
        conditional = -(policies.exp() * policies.masked_fill(policies == -torch.inf, 0)).sum((1, 2))
        optimizer.zero_grad()
        (-(p * conditional).sum()).backward()
        optimizer.step()
    end = probabilities(SPACE, agent.controller)[0].detach()
    assert entropy_of(end) == pytest.approx(3 * math.log(3), abs=1e-3)  # ln 3 for the length, 2 · ln 3 on average after
    assert math.log(N) - entropy_of(end) > 0.3


def test_a_lost_sign_learns_the_worst() -> None:
    class Lost(PolicyGradient):
        def loss(self, log_prob: Tensor, sampled: Tensor, advantage: Tensor) -> Tensor:
            return -super().loss(log_prob, sampled, advantage)

    agent = Lost(SPACE, [0], Learning(rate=0.1), TableController)
    train(agent, 200, closed_form)
    p = probabilities(SPACE, agent.controller)[0].detach()
    assert float((p * REWARDS).sum()) < float(REWARDS.mean()) / 2


# -- baseline and failures --------------------------------------------------------------------------------------------


def test_the_baseline_is_a_moving_average_of_earlier_batches() -> None:
    agent = PolicyGradient(SPACE, [0], Learning(batch=2, decay=0.75), TableController)
    batches = [float64(0.2, 0.4), float64(0.8, 0.6), float64(0.1, 0.1)]
    seen = [float(agent.update(agent.sample(), rewards[None]).baseline) for rewards in batches]
    assert seen == pytest.approx([0.3, 0.3, 0.75 * 0.3 + 0.25 * 0.7])


def test_a_failure_counts_as_the_lowest_reward_so_far() -> None:
    failed, told = (agent_of(TableController, Learning(batch=3)) for _ in range(2))
    for agent, last in ((failed, math.nan), (told, 0.2)):
        agent.update(agent.sample(), float64(0.5, 0.2, 0.9)[None])
        agent.update(agent.sample(), float64(0.6, last, 0.7)[None])
    close(failed.state_dict()["controller"], told.state_dict()["controller"])
    close(failed.baseline, told.baseline)


def test_failures_teach_nothing_while_nothing_is_known() -> None:
    agent = agent_of(TableController, Learning(batch=2), 0, 1)
    before = [parameter.detach().clone() for parameter in agent.controller.parameters()]
    agent.update(agent.sample(), torch.tensor([[math.nan, math.nan], [0.5, 0.7]], dtype=torch.float64))
    for old, new in zip(before, agent.controller.parameters(), strict=True):
        close(new[0], old[0])
        assert not torch.allclose(new[1], old[1])
    assert agent.baseline.isnan().tolist() == [True, False]


# -- many seeds at once -----------------------------------------------------------------------------------------------


@controllers
@pytest.mark.parametrize("clip", [None, 0.2], ids=["reinforce", "ppo"])
def test_seeds_that_learn_side_by_side_go_as_if_alone(make: MakeController, clip: float | None) -> None:
    learning = Learning(batch=5, rate=0.1, entropy=0.01, clip=clip, epochs=3 if clip else 1)
    together = PolicyGradient(SPACE, (3, 4, 5), learning, make)
    train(together, 30, closed_form)
    for k, seed in enumerate((3, 4, 5)):
        alone = PolicyGradient(SPACE, (seed,), learning, make)
        train(alone, 30, closed_form)
        close(alone.baseline[0], together.baseline[k])
        for a, b in zip(alone.controller.parameters(), together.controller.parameters(), strict=True):
            close(a[0], b[k])


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
    assert [update.told for update in strategy.updates] == [4, 8, 12, 16, 20]
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
    assert [snapshot.told for snapshot in taken] == [0, 5, 10, 15, 20]
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
