"""What lesson 07 writes by hand gives what the package gives; and what it says about its traps is so."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import pytest
import torch

from nascourse import evidence
from nascourse.experiments import lesson_07
from nascourse.lessons.exercises.lesson_07 import derive_node, relaxed_node, unrolled_gradient
from nascourse.search import bilevel, relax

SOURCE = Path(__file__).parents[2] / "notebooks" / "src" / "07_gradient.py"
DEFINED = {"mixed", "relaxed_cell", "L_train", "L_val", "first_order", "unrolled", "walk", "product_by_differences",
           "smooth_loss", "product_by_autograd", "product_as_often_copied", "choice_loss", "reinforce"}  # fmt: skip

close = torch.testing.assert_close


@cache
def lesson() -> dict[str, Any]:
    """The cells of the lesson's own code that define functions, run by themselves."""
    names: dict[str, Any] = {"torch": torch, "OPS": list(lesson_07.FILTERS.values()), "print": lambda *_: None}
    exec("from torch.nn.functional import one_hot", names)
    for cell in jupytext.read(SOURCE).cells:
        if cell.cell_type == "code" and any(f"def {name}(" in cell.source for name in DEFINED):
            exec(cell.source, names)
    assert set(names) >= DEFINED
    return names


def tensors(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(4)
    return [torch.randn(*shape, generator=g, dtype=torch.float64) for shape in shapes]


def test_the_mixed_operation_and_the_cell() -> None:
    x, alphas = tensors((2, 1, 14, 14), (3, 6))
    ops = list(lesson_07.FILTERS.values())
    close(lesson()["mixed"](ops, x, alphas[0]), relax.mixed(ops, x, alphas[0]))
    close(lesson()["relaxed_cell"](x, alphas), lesson_07.relaxed_cell(x, alphas.softmax(1)))


def test_the_toys_gradients_and_its_walk() -> None:
    toy, one = bilevel.toy_problem(), torch.ones(1, dtype=torch.float64)
    for w, a in ((3.0, 3.0), (-2.0, 2.0)):
        given = w * one[0], a * one[0]
        close(lesson()["first_order"](*given)[None], bilevel.first_order_gradient(toy, w * one, a * one))
        for xi in (0.0, 0.25, 0.5):
            close(lesson()["unrolled"](*given, xi)[None], bilevel.unrolled_gradient(toy, w * one, a * one, xi))
            assert unrolled_gradient(a, w, xi) == pytest.approx(bilevel.toy_gradient(a, w, xi))
    for xi in (0.0, 0.5):
        alpha, weight = bilevel.toy_path(xi, steps=30)[-1]
        assert lesson()["walk"](xi, rounds=30) == pytest.approx((weight, alpha), abs=1e-4)


def test_the_products_and_the_wrong_one() -> None:
    w, alpha, v = tensors((3,), (3,), (3,))
    loss = lesson()["smooth_loss"]
    exact = bilevel.mixed_product(loss, w, alpha, v)
    close(lesson()["product_by_autograd"](loss, w, alpha, v), exact)
    ours = bilevel.hessian_vector_product(lambda ws: [torch.func.grad(loss, argnums=1)(ws[0], alpha)], [w], [v])[0]
    close(lesson()["product_by_differences"](loss, w, alpha, v), ours)
    close(lesson()["product_as_often_copied"](loss, w, alpha, v), (0.01 / v.norm()) ** 2 * ours)


def test_reinforce_draws_the_same_gradients() -> None:
    alpha, loss = tensors((4,))[0], lesson()["choice_loss"]
    for baseline in (0.0, 0.7):
        draws = [torch.Generator().manual_seed(1) for _ in range(2)]
        close(
            lesson()["reinforce"](alpha, 50, draws[0], baseline), relax.reinforce(loss, alpha, 50, draws[1], baseline)
        )


def test_the_exercises_references_agree_with_the_package() -> None:
    x, y, alphas = tensors((5,), (5,), (2, 3))
    ops = [torch.sin, torch.exp, torch.zeros_like]
    close(relaxed_node(ops, [x, y], alphas), relax.mixed(ops, x, alphas[0]) + relax.mixed(ops, y, alphas[1]))
    for edges in (2, 3, 5):
        (alphas,) = tensors((edges, 4))
        assert derive_node(3 * alphas, 2) == relax.strongest_edges(3 * alphas, 2, none=0)


# -- the filter cell ---------------------------------------------------------------------------------------------------


def test_the_filter_cells_hypergradient_is_the_difference_quotient() -> None:
    problem = lesson_07.filter_problem(seed=1, images=30)
    (alpha,) = tensors((3, 6))
    exact, step = bilevel.exact_gradient(problem, alpha), torch.zeros(3, 6, dtype=torch.float64)
    for place in ((0, 1), (1, 4), (2, 5)):
        step.zero_()[place] = 1e-5
        quotient = lesson_07.solved_loss(problem, alpha + step) - lesson_07.solved_loss(problem, alpha - step)
        assert float(exact[place]) == pytest.approx(quotient / 2e-5, rel=1e-4, abs=1e-7)


def test_the_filter_cells_weights_minimize_and_its_steps_are_stable() -> None:
    problem = lesson_07.filter_problem(seed=1, images=30)
    (alpha,) = tensors((3, 6))
    w = problem.solve(alpha)
    close(torch.func.grad(problem.train)(w, alpha), torch.zeros_like(w))
    rows = lesson_07.features(lesson_07.draw_images(1, 30)[0][0], alpha.softmax(1))
    largest = torch.linalg.eigvalsh(rows.T @ rows / len(rows))[-1] + lesson_07.RIDGE
    assert largest < 2 / lesson_07.RATE_W


def test_best_of_is_the_expected_minimum() -> None:
    losses = {(0,): 1.0, (1,): 2.0, (2,): 4.0}
    assert lesson_07.best_of(losses, 1) == pytest.approx(7 / 3)
    pairs = [min(a, b) for a in losses.values() for b in losses.values()]
    assert lesson_07.best_of(losses, 2) == pytest.approx(sum(pairs) / 9)


def test_what_the_lesson_says_of_its_evidence() -> None:
    recorded = evidence.load("07_exact_hypergradient")
    assert evidence.verdict("07_exact_hypergradient").word == "holds"
    mean = {arm: recorded.values(arm, "relaxed").mean() for arm in recorded.arms if arm != "random"}
    gain = mean["first order"] - mean["exact"]
    assert mean["first order"] - mean["first order, w solved"] > gain / 2  # most of it comes from solving for w
    assert mean["exact"] < recorded.values("random", "best").mean()
    derived = recorded.values("exact", "derived").mean()
    assert recorded.values("random", "best_of_10").mean() < derived
    assert recorded.values("random", "best_of_3").mean() <= derived
    largest = [recorded.values(arm, "largest_weight").mean() for arm in mean]
    assert min(largest) == largest[-1]
    assert all(recorded.values(arm, "rank").max() > 100 for arm in mean)
