"""The references of lesson 01 against closed forms and the package."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse.lessons.lesson_01.exercises import count_cells, count_weights, expected_best, random_search, report
from nascourse.spaces.micro import MicroCell, MicroSpace


def test_the_space_has_the_published_size() -> None:
    assert count_cells(5, 4) == MicroSpace.size == 15_625


def test_weights_by_hand() -> None:
    dead_and_live = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|"
    assert count_weights(MicroCell.from_string(dead_and_live), 4) == 16 + 9 * 16


@pytest.mark.parametrize("n", [1, 2, 5])
def test_expected_best_of_even_scores(n: int) -> None:
    m = 4  # E[max] of n draws from 1..m is m - sum over k < m of (k/m)^n
    assert expected_best([1, 2, 3, 4], n) == pytest.approx(m - sum((k / m) ** n for k in range(1, m)))


def test_random_search_returns_the_cell_of_its_curve() -> None:
    def count_convolutions(cell: MicroCell) -> float:
        return sum("conv" in op for op in cell.ops) / 6

    winner, curve = random_search(MicroSpace(), count_convolutions, 30, np.random.default_rng(0))
    assert curve == sorted(curve)
    assert count_convolutions(winner) == curve[-1]


def test_the_winners_validation_score_is_optimistic_and_its_test_score_is_not() -> None:
    rng = np.random.default_rng(0)
    validation, test = 0.8 + 0.02 * rng.standard_normal((2, 400, 20))  # every candidate is truly 0.8
    reported = [report(v.tolist(), t.tolist()) for v, t in zip(validation, test, strict=True)]
    # the expected maximum of 20 standard normal draws is 1.867 (order statistics tables)
    assert np.mean(validation.max(axis=1)) == pytest.approx(0.8 + 0.02 * 1.867, abs=0.003)
    assert np.mean(reported) == pytest.approx(0.8, abs=0.004)
