"""Scales and planes of live charts, against their own formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nascourse.viz.items import Box, Circle, Line, Polygon, Text
from nascourse.viz.palette import SERIES
from nascourse.viz.plane import Plane, bulk, number, series_key, spread, ticks


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.81, 0.87), (-3.0, 41_000.0), (1e-5, 3e-5)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    marks = ticks(low, high)
    steps = np.diff(marks)
    assert low <= marks[0] < marks[-1] <= high
    assert 2 <= len(marks) <= 7
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert steps == pytest.approx(steps[0])
    assert min(abs(mantissa - k) for k in (1, 2, 5, 10)) < 1e-6


def test_a_range_always_has_a_width() -> None:
    assert spread([2.0, 2.0]) == (1.0, 3.0)
    assert spread([math.nan]) == (0.0, 1.0)
    assert spread([0.0, 1.0, math.inf], 0.1) == (-0.1, 1.1)


def test_what_lies_far_below_does_not_squeeze_the_rest() -> None:
    values = [0.80, 0.81, 0.82, 0.83, 0.84, 0.10, math.nan]
    assert bulk(values) == [0.80, 0.81, 0.82, 0.83, 0.84]
    assert bulk([0.1, 0.8, math.nan]) == [0.1, 0.8]  # too few to say
    plane = Plane((0, 1), (0.79, 0.85), top=20, height=300)
    assert plane.at(0, 0.10)[1] == plane.at(0, math.nan)[1] == 320
    assert plane.at(0, 0.85)[1] == 20


def test_a_path_is_cut_where_it_leaves_the_plane() -> None:
    plane = Plane((0, 10), (0, 5), left=100, top=50, width=200, height=100)
    path = [(1, 1), (2, 6), (3, 5), (4, 4), (11, 4), (-1, 0), (10, 0)]
    assert list(plane.pieces(path)) == [((120, 130),), ((160, 50), (180, 70)), ((300, 150),)]
    assert [plane.holds(*point) for point in path] == [True, False, True, True, False, False, True]


def test_a_frame_has_a_number_and_a_line_where_each_value_is() -> None:
    plane = Plane((0, 4), (-2000, 2000), left=100, top=50, width=200, height=100)
    frame, *drawn = plane.frame("across", "up")
    assert isinstance(frame, Box)
    texts = {item.text: (item.x, item.y) for item in drawn if isinstance(item, Text)}
    assert {*texts} == {"0", "1", "2", "3", "4", "−2,000", "−1,000", "1,000", "2,000", "across", "up"}
    assert [texts[str(k)][0] for k in (1, 2, 3, 4)] == [150, 200, 250, 300]
    assert [texts[name][1] for name in ("−2,000", "−1,000", "1,000", "2,000")] == [150, 125, 75, 50]
    ends = {item.points for item in drawn if isinstance(item, Line)}
    assert ((150, 50), (150, 150)) in ends
    assert ((100, 125), (300, 125)) in ends
    assert plane.now(3).points == ((250, 50), (250, 150))


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [(-0.5, "", "−0.5"), (12345.6, "", "12,346"), (99.94, "", "99.94"), (-0.1234, ".2f", "−0.12"), (3, "", "3")],
)
def test_numbers_have_a_real_minus_and_thousands_set_apart(value: float, form: str, words: str) -> None:
    assert number(value, form) == words


def test_a_key_shows_line_marker_and_name() -> None:
    for style in SERIES:
        line, shape, name = series_key(10, 20, style, "a curve")
        assert isinstance(line, Line)
        assert (line.stroke, line.dash) == (style.color, style.dash)
        assert isinstance(shape, Polygon | Circle)
        assert shape.fill == style.color
        assert isinstance(name, Text)
        assert name.x > max(x for x, _ in line.points)
