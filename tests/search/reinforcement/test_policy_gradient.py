"""Policy gradients against the exact one by enumeration; what policies learn; the wrong forms (traps T4 and T7) beside
the right one; baseline, failures, and seeds that learn side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nascourse.runs import checkpoint
from nascourse.search.reinforcement.controller import TableController
from nascourse.search.reinforcement.policy_gradient import Learning, MakeController, PolicyGradient, surrogate
from nascourse.spaces.micro import MicroSpace
from tests.search.reinforcement.test_controller import controllers, enumerated, leaves, probabilities, skewed
from tests.search.test_local import Chains

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
    told = agent.update(agent.sample(), torch.tensor([[math.nan, math.nan], [0.5, 0.7]], dtype=torch.float64))
    assert told.reward.isnan().tolist() == told.baseline.isnan().tolist() == [True, False]
    for old, new in zip(before, agent.controller.parameters(), strict=True):
        close(new[0], old[0])
        assert not torch.allclose(new[1], old[1])
    assert agent.baseline.isnan().tolist() == [True, False]


# -- stopped and continued --------------------------------------------------------------------------------------------


@controllers
@pytest.mark.parametrize("updates", [0, 3])
def test_stored_in_a_checkpoint_it_goes_on_as_if_never_stopped(
    make: MakeController, updates: int, tmp_path: Path
) -> None:
    learning = Learning(batch=5, rate=0.1, entropy=0.1)
    whole = PolicyGradient(SPACE, (3, 4), learning, make)
    train(whole, updates, closed_form)
    checkpoint.save(tmp_path / "policy.pt", whole.state_dict(), {})
    resumed = PolicyGradient(SPACE, (8, 9), learning, make)
    resumed.load_state_dict(checkpoint.load(tmp_path / "policy.pt", {}))
    for agent in (whole, resumed):
        train(agent, 4, closed_form)
    close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


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


def test_ppo_takes_every_one_of_its_clipped_steps() -> None:
    """Three steps on one batch, against gradients written out: r·A·score where the clip lets it through."""
    clip, rate, epochs = 0.05, 0.5, 3
    learner = PolicyGradient(MicroSpace(), [3], Learning(batch=12, clip=clip, epochs=epochs), TableController)
    (parameter,) = learner.controller.parameters()
    learner.optimizer = torch.optim.SGD([parameter], lr=rate)  # type: ignore[assignment]
    sample, rewards = learner.sample(), torch.linspace(0, 1, 12, dtype=torch.float64)[None]
    advantage = (rewards - rewards.mean())[0]
    logits, old, blocked = parameter.detach().clone().reshape(6, 5), sample.log_prob[0], 0
    chosen = torch.nn.functional.one_hot(sample.decisions[0], 5).double()  # (batch, steps, options)
    for _ in range(epochs):
        ratio = ((chosen * logits.log_softmax(1)).sum((1, 2)) - old).exp()
        moved = torch.where(advantage > 0, ratio <= 1 + clip, ratio >= 1 - clip)
        blocked += int((~moved).sum())
        scores = chosen - logits.softmax(1)
        logits = logits + rate * ((moved * ratio * advantage)[:, None, None] * scores).mean(0)
    learner.update(sample, rewards)
    assert blocked > 0
    torch.testing.assert_close(parameter.detach().reshape(6, 5), logits)
