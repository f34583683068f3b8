"""Policies over sequences of decisions, against enumeration, PyTorch's own LSTM cell and chi-square."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from nascourse.errors import CourseError
from nascourse.search.reinforcement.controller import Controller, Extent, LSTMController, Sample, TableController
from nascourse.search.reinforcement.policy_gradient import MakeController
from nascourse.spaces.base import SearchSpace
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroSpace
from tests.search.test_local import Chains

close = torch.testing.assert_close
CONTROLLERS: list[MakeController] = [TableController, partial(LSTMController, hidden=8)]
controllers = pytest.mark.parametrize("make", CONTROLLERS, ids=["table", "lstm"])


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def leaves(space: SearchSpace[Any], prefix: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every architecture of a small space, as decisions."""
    if not (offered := space.choices(prefix)):
        yield prefix
    for option in range(offered):
        yield from leaves(space, (*prefix, option))


def enumerated(space: SearchSpace[Any], controller: Controller, sequences: Sequence[Sequence[int]]) -> Sample:
    """The sequences as one batch, the same for each seed, drawn by nobody."""
    shape = (len(controller.generators), len(sequences), controller.extent.steps)
    decisions, offered = torch.zeros(2, *shape, dtype=torch.long)
    for k, sequence in enumerate(sequences):
        for t, option in enumerate(sequence):
            decisions[:, k, t], offered[:, k, t] = option, space.choices(sequence[:t])
    return Sample(decisions, offered, torch.full(shape[:2], torch.nan, dtype=torch.float64))


def skewed(make: MakeController, space: SearchSpace[Any], *seeds: int, scale: float = 1.0) -> Controller:
    """A controller far from uniform, as training may leave it."""
    controller = make(Extent.of(space), generators(*seeds))
    for parameter in controller.parameters():
        for k, g in enumerate(generators(*seeds)):
            parameter.data[k] = scale * torch.randn(parameter.shape[1:], generator=g, dtype=torch.float64)
    return controller


def probabilities(space: SearchSpace[Any], controller: Controller) -> Tensor:
    """(seeds, architectures): π(a) of every architecture."""
    return controller.log_prob(enumerated(space, controller, list(leaves(space)))).exp()


def test_the_extent_is_that_of_the_largest_architecture() -> None:
    assert Extent.of(MicroSpace()) == Extent(6, 5)
    assert Extent.of(CellSpace()) == Extent(24, 10)  # the last node chooses two of five
    assert Extent.of(Chains()) == Extent(4, 3)


@controllers
def test_probabilities_of_all_architectures_sum_to_one(make: MakeController) -> None:
    close(probabilities(Chains(), skewed(make, Chains(), 0, 1, 2)).sum(1), torch.ones(3, dtype=torch.float64))


@controllers
def test_architectures_are_drawn_as_often_as_their_probabilities_say(make: MakeController) -> None:
    controller = skewed(make, Chains(), 3, 4)
    expected = probabilities(Chains(), controller).detach().numpy()
    places = {sequence: k for k, sequence in enumerate(leaves(Chains()))}
    sample = controller.sample(Chains(), 4000)
    for seed in range(2):
        drawn = [places[sample.sequence(seed, k)] for k in range(4000)]
        counts = np.bincount(drawn, minlength=len(places))
        common = 4000 * expected[seed] > 5  # chi-square wants no thin bins: the rest is one
        observed = [*counts[common], counts[~common].sum()]
        wanted = [*(4000 * expected[seed][common]), 4000 * expected[seed][~common].sum()]
        assert stats.chisquare(observed, wanted).pvalue > 0.001
    close(sample.log_prob, controller.log_prob(sample))


@controllers
def test_what_is_not_offered_is_never_drawn(make: MakeController) -> None:
    controller = skewed(make, CellSpace(), 0, scale=3.0)
    sample = controller.sample(CellSpace(), 50)
    assert ((sample.decisions < sample.offered) | (sample.offered == 0)).all()
    policies = controller.log_policies(sample).exp()
    assert (policies[0, :, 0, 1:] == 0).all()  # the first node has only two nodes to read
    for k in range(50):
        CellSpace().decode(sample.sequence(0, k))


def test_the_lstm_is_pytorchs() -> None:
    controller = skewed(partial(LSTMController, hidden=8), MicroSpace(), 0, scale=0.5)
    (sequence,) = [(4, 0, 3, 2, 2, 1)]
    cell = torch.nn.LSTMCell(8, 8).double()
    weights = dict(controller.named_parameters())
    with torch.no_grad():
        cell.weight_ih.copy_(weights["weight"][0, :8].T)
        cell.weight_hh.copy_(weights["weight"][0, 8:].T)
        cell.bias_ih.copy_(weights["bias"][0, 0])
        cell.bias_hh.zero_()
    x, state, expected = weights["first"][0], None, []
    for t, option in enumerate(sequence):
        state = cell(x, state)
        logits = state[0] @ weights["heads"][0, t] + weights["head_bias"][0, t]
        expected.append(logits.log_softmax(-1)[0])
        x = weights["embedding"][0, None, 5 * t + option]
    close(controller.log_policies(enumerated(MicroSpace(), controller, [sequence]))[0, 0], torch.stack(expected))


def test_the_lstm_sees_what_was_decided_and_the_table_does_not() -> None:
    sequences = [(a, 0, 0, 0, 0, 0) for a in range(5)]
    for make, differ in zip(CONTROLLERS, (False, True), strict=True):
        controller = skewed(make, MicroSpace(), 0)
        last = controller.log_policies(enumerated(MicroSpace(), controller, sequences))[0, :, -1]
        assert bool((last.std(0) > 1e-4).any()) is differ


def test_a_fresh_table_is_uniform_and_a_fresh_lstm_nearly() -> None:
    table, lstm = (make(Extent.of(MicroSpace()), generators(0)) for make in CONTROLLERS)
    sample = lstm.sample(MicroSpace(), 10)
    close(table.log_policies(sample).exp(), torch.full((1, 10, 6, 5), 0.2, dtype=torch.float64))
    close(lstm.log_policies(sample).exp(), torch.full((1, 10, 6, 5), 0.2, dtype=torch.float64), atol=0.05, rtol=0)


@controllers
def test_seeds_side_by_side_are_each_as_if_alone(make: MakeController) -> None:
    together = make(Extent.of(Chains()), generators(5, 6, 7))
    drawn = together.sample(Chains(), 20)
    for k, seed in enumerate((5, 6, 7)):
        alone = make(Extent.of(Chains()), generators(seed))
        for a, b in zip(alone.parameters(), together.parameters(), strict=True):
            assert torch.equal(a[0], b[k])
        sample = alone.sample(Chains(), 20)
        assert torch.equal(sample.decisions[0], drawn.decisions[k])
        close(sample.log_prob[0], drawn.log_prob[k])


@pytest.mark.parametrize("extent", [Extent(3, 3), Extent(4, 2)])
def test_a_space_larger_than_the_extent_is_refused_by_name(extent: Extent) -> None:
    with pytest.raises(CourseError, match="chains with decision"):
        TableController(extent, generators(0)).sample(Chains(), 100)


def test_a_space_without_decisions_is_refused_by_name() -> None:
    class One(Chains):
        name = "one"

        def choices(self, prefix: Sequence[int]) -> int:
            return 0

    with pytest.raises(CourseError, match=r"one\.offer a decision"):
        Extent.of(One())
