"""Signs and cures of a collapsing search: against closed forms, brute force and hand-made records."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nascourse.errors import CourseError
from nascourse.lessons.lesson_08.collapse import (
    BetaDecay,
    select_by_perturbation,
    stop_by_eigenvalue,
    stop_by_skips,
    top_eigenvalue,
)


def test_the_eigenvalue_of_a_quadratic_form_is_that_of_its_matrix() -> None:
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(14, 14, generator=draw, dtype=torch.float64)
    matrix = root + root.T  # of both signs
    alphas = {
        "normal": torch.randn(4, 2, generator=draw).double(),
        "reduce": torch.randn(3, 2, generator=draw).double(),
    }

    def loss(a: dict[str, Tensor]) -> Tensor:
        flat = torch.cat([v.flatten() for v in a.values()])
        return flat @ matrix @ flat / 2 + flat.sum()

    assert top_eigenvalue(loss, alphas) == pytest.approx(float(torch.linalg.eigvalsh(matrix).max()), rel=1e-3)


def test_the_eigenvalue_of_a_softmax_loss_is_that_of_its_whole_hessian() -> None:
    draw = torch.Generator().manual_seed(1)
    costs = torch.randn(6, 5, generator=draw, dtype=torch.float64)
    alpha = torch.randn(6, 5, generator=draw, dtype=torch.float64)

    def loss(a: Tensor) -> Tensor:
        return ((a.softmax(1) * costs).sum() - 1) ** 2

    whole = torch.autograd.functional.hessian(loss, alpha).reshape(30, 30)
    found = top_eigenvalue(lambda a: loss(a["cell"]), {"cell": alpha})
    assert found == pytest.approx(float(torch.linalg.eigvalsh(whole).max()), rel=1e-3)
    assert not alpha.requires_grad


def test_what_a_loss_does_not_use_adds_nothing() -> None:
    alphas = {"normal": torch.zeros(2, 2).double(), "reduce": torch.zeros(2, 2).double()}
    assert top_eigenvalue(lambda a: (3 * a["normal"] ** 2).sum(), alphas) == pytest.approx(6, rel=1e-3)


@pytest.mark.parametrize(
    ("skips", "limit", "kept"),
    [([0, 1, 2, 3, 4], 2, 2), ([0, 1, 1], 2, 2), ([4, 4], 2, 0), ([0, 3, 0], 2, 1), ([0, 1, 2], 3, 2)],
)
def test_stop_by_skips(skips: list[int], limit: int, kept: int) -> None:
    assert stop_by_skips(skips, limit) == kept


def test_stop_by_eigenvalue_goes_back_before_the_rise() -> None:
    flat = [1.0] * 10
    assert stop_by_eigenvalue(flat) == 9
    assert stop_by_eigenvalue([1.0 - 0.01 * i for i in range(10)]) == 9  # a fall is no alarm
    # ones, then threes: the mean over 5 reaches 4/3 of the mean five epochs earlier with the first three (1.4), and the
    # search goes back five epochs
    assert stop_by_eigenvalue([1.0] * 10 + [3.0] * 6) == 5
    assert stop_by_eigenvalue([1.0] * 4 + [3.0] * 6) == 4  # the first chance: two whole windows
    assert stop_by_eigenvalue([1.0] * 4 + [3.0] * 5) == 8  # one epoch less is too few
    assert stop_by_eigenvalue([1.0] * 6 + [1.3] * 20) == 25  # never more than 1/0.75


def test_a_negative_mean_is_no_alarm() -> None:
    assert stop_by_eigenvalue([-1.0] * 5 + [-0.1] * 5) == 9


def test_no_records_are_refused() -> None:
    with pytest.raises(CourseError, match="no epochs"):
        stop_by_skips([], 2)
    with pytest.raises(CourseError, match="no epochs"):
        stop_by_eigenvalue([])


def test_beta_decay_pulls_at_each_operation_by_its_weight() -> None:
    alphas = {"cell": torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]], dtype=torch.float64, requires_grad=True)}
    BetaDecay(6.0)(alphas, 0.5).backward()
    torch.testing.assert_close(alphas["cell"].grad, 6.0 * 0.5 / 2 * alphas["cell"].detach().softmax(1))
    assert BetaDecay(6.0)(alphas, 0.0).item() == 0.0


def test_perturbation_finds_what_the_score_needs_whatever_alpha_says() -> None:
    """A score that counts the weight on one operation of each edge: alpha prefers another."""
    needed = {"normal": [2, 0], "reduce": [1]}
    weights = {"normal": torch.tensor([[0.1, 0.7, 0.2], [0.2, 0.2, 0.6]]), "reduce": torch.tensor([[0.5, 0.2, 0.3]])}
    before = {kind: value.clone() for kind, value in weights.items()}

    def score(w: dict[str, Tensor]) -> float:
        return sum(float(w[kind][edge, op] > 0) for kind, ops in needed.items() for edge, op in enumerate(ops))

    tuned: list[int] = []

    def tune(decided: dict[str, Tensor]) -> None:
        tuned.append(sum(int((row == 1).any()) for value in decided.values() for row in value))

    chosen = select_by_perturbation(weights, score, np.random.default_rng(0), tune)
    assert {kind: value.argmax(1).tolist() for kind, value in chosen.items()} == needed
    assert all(value.sum(1).tolist() == [1.0] * len(value) for value in chosen.values())
    assert tuned == [1, 2, 3]  # after each edge, with what is decided so far
    assert all(torch.equal(weights[kind], before[kind]) for kind in weights)
