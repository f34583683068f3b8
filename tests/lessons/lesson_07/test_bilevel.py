"""The plane of w and α: paths end where the closed form says, and are drawn inside their frame."""

from __future__ import annotations

import pytest

from nascourse.lessons.lesson_07.bilevel import PLANE, BilevelExplorer, landscape_scene, toy_methods
from nascourse.viz.items import Box, Line, flat
from tests.lessons.lesson_07.test_relaxation import texts_fit


def test_the_three_methods_rest_where_the_formula_says() -> None:
    for name, path in toy_methods(xi=0.2, steps=400).items():
        xi = 0.0 if "first" in name else 0.5 if "exact" in name else 0.2
        assert path[0] == (2.0, -2.0)
        assert path[-1] == pytest.approx((2 / (1 + 2 * xi),) * 2, abs=1e-6)


@pytest.mark.parametrize("xi", [0.0, 0.25, 1.0])
def test_the_legend_tells_the_end_of_each_path(xi: float) -> None:
    paths = toy_methods(xi, steps=30)
    scene = landscape_scene(paths)
    for name, path in paths.items():
        alpha = path[-1][0]
        assert {name, f"outer loss {(alpha - 1) ** 2:.3f}"} <= set(scene.texts())
        assert f"{name}: α = {alpha:.2f}" in scene.alt
    assert texts_fit(scene)


def test_wild_steps_stay_in_the_frame() -> None:
    scene = landscape_scene(toy_methods(xi=1.0, steps=60, rate_alpha=0.3, w_steps=10))
    frame = scene.items[0]
    assert isinstance(frame, Box)
    drawn = 0
    for line in flat(scene.items):
        if isinstance(line, Line) and line.line == 2.2 and line.points[0][0] < frame.x + frame.width:
            drawn += 1
            for x, y in line.points:
                assert frame.x <= x <= frame.x + frame.width
                assert frame.y <= y <= frame.y + frame.height
    assert drawn >= 3
    assert PLANE.holds(1, 1)


def test_each_control_changes_picture_and_sentence() -> None:
    explorer = BilevelExplorer(xi=0.25, step=10)
    for name, value in (("xi", 0.8), ("w_steps", 4), ("rate_alpha", 0.2), ("step", 3)):
        before = explorer.picture.value, explorer.sentence.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before[0], name
        assert explorer.sentence.value != before[1], name
