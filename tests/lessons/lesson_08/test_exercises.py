"""The references of lesson 08 against torch, closed forms and the package."""

from __future__ import annotations

import pytest
import torch

from nascourse.lessons.lesson_08.collapse import stop_by_eigenvalue
from nascourse.lessons.lesson_08.exercises import derive_cell, epoch_to_keep, partial_channels, virtual_step
from nascourse.search.gradient.derive import strongest_edges
from nascourse.spaces.cell import CELL_OPS


def test_a_cell_is_derived_node_by_node() -> None:
    alphas = 3 * torch.randn(14, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ops = ("none", *CELL_OPS)
    nodes = alphas.split([2, 3, 4, 5])
    expected = [(ops[op], edge) for rows in nodes for edge, op in strongest_edges(rows, 2, none=0)]
    assert derive_cell(alphas, ops) == expected


def test_the_virtual_step_is_the_one_that_sgd_takes() -> None:
    g = torch.Generator().manual_seed(5)
    start, first, second = torch.randn(3, 4, generator=g, dtype=torch.float64)
    w = start.clone().requires_grad_()
    sgd = torch.optim.SGD([w], 0.1, momentum=0.9, weight_decay=0.01)
    w.grad = first
    sgd.step()
    before, buffer = w.detach().clone(), sgd.state[w]["momentum_buffer"].clone()
    w.grad = second
    sgd.step()
    (stepped,) = virtual_step([before], [second], [buffer], 0.1, 0.9, 0.01)
    torch.testing.assert_close(stepped, w.detach())


@pytest.mark.parametrize("k", [1, 2, 4])
def test_partial_channels_shuffle_as_torch_does(k: int) -> None:
    x = torch.arange(16, dtype=torch.float64).reshape(1, 8, 1, 2)
    mixed = torch.cat([-x[:, : 8 // k], x[:, 8 // k :]], 1)
    assert torch.equal(partial_channels(x, torch.neg, k), torch.nn.ChannelShuffle(k)(mixed))


def test_when_to_stop_by_hand_and_as_the_package() -> None:
    doubled = [1.0] * 6 + [2.0] * 6
    # the mean of two passes 4/3 at epoch 6 already (1.5), two epochs after epoch 4
    assert epoch_to_keep(doubled, 2) == 4
    for window in (1, 2, 3, 5):
        assert epoch_to_keep(doubled, window) == stop_by_eigenvalue(doubled, window)
