"""The mixed edge: what the picture says against a softmax worked out apart, and that its texts fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax

from nascourse.errors import CourseError
from nascourse.lessons.lesson_07.relaxation import (
    RelaxationExplorer,
    discretization_error,
    mixed_output_scene,
    relaxation_panels,
    softmax,
)
from nascourse.viz.items import Box, Line, Text, flat, text_width
from nascourse.viz.scene import Scene

NAMES = ("none", "skip", "max 3×3")
OUTPUTS = np.stack([np.zeros((14, 14)), np.eye(14), np.ones((14, 14))])


def texts_fit(scene: Scene) -> bool:
    """Every text lies on the card, and no two run into each other."""
    spans = []
    for t in flat(scene.items):
        if isinstance(t, Text) and not t.turn:
            width = text_width(t.text, t.size, t.bold)
            left = t.x - width * {"start": 0, "middle": 0.5, "end": 1}[t.anchor]
            spans.append((left, left + width, t.y - t.size / 2, t.y + t.size / 2))
    on_card = all(a >= 2 and b <= scene.width - 2 and c >= 0 and d <= scene.height for a, b, c, d in spans)
    apart = all(
        a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2] for k, a in enumerate(spans) for b in spans[:k]
    )
    return on_card and apart


def test_softmax_is_scipys_and_large_numbers_are_no_trouble() -> None:
    alphas = np.array([[0.3, -2.0, 1.0], [1000.0, 0.0, 999.0]])
    np.testing.assert_allclose(softmax(alphas), scipy_softmax(alphas, axis=1))


def test_discretization_error_by_hand() -> None:
    # mixture 0.5·1 of ones, kept: zeros first, so all is lost; a single operation loses nothing
    assert discretization_error(OUTPUTS[[0, 2]], np.array([0.5, 0.5])) == pytest.approx(1)
    assert discretization_error(OUTPUTS[[0, 2]], np.array([0.2, 0.8])) == pytest.approx(0.25)
    assert discretization_error(OUTPUTS[:1], np.array([1.0])) == np.inf


@pytest.mark.parametrize("alphas", [(0.0, 0.0, 0.0), (-3.0, 1.5, 0.2), (9.0, 0.0, -9.0)])
def test_the_picture_tells_weights_and_choice(alphas: tuple[float, ...]) -> None:
    scene = mixed_output_scene(NAMES, OUTPUTS, alphas)
    weights = scipy_softmax(alphas)
    assert {f"{w:.2f}" for w in weights} <= set(scene.texts())
    assert f"argmax keeps: {NAMES[int(np.argmax(alphas))]}" in scene.texts()
    bars = [b.width for b in flat(scene.items) if isinstance(b, Box) and b.height == 20 and b.stroke == "none"]
    np.testing.assert_allclose(bars, np.maximum(150 * weights, 0.5))
    assert texts_fit(scene)


def test_grey_levels_are_those_of_the_images() -> None:
    scene = mixed_output_scene(("all",), np.array([[[0.0, 0.5, 0.5, 1.0]]]), (0.0,))
    boxes = [b for b in flat(scene.items) if isinstance(b, Box) and b.height == 3 and b.fill not in ("#000000", "none")]
    assert [(b.width, int(b.fill[1:3], 16)) for b in boxes] == [
        (pytest.approx(6, abs=0.7), pytest.approx(128, abs=9)),
        (3, 255),
    ]


def test_it_refuses_what_does_not_fit() -> None:
    with pytest.raises(CourseError, match="one name, one picture"):
        mixed_output_scene(NAMES, OUTPUTS[:2], (0.0, 0.0, 0.0))


def test_the_panels_keep_the_thickest_of_each_bundle() -> None:
    styles = dict(zip(NAMES, ("none", "skip_connect", "max_pool_3x3"), strict=True))
    alphas = [[0, 1, 2], [0, 3, 0], [1, 0, 0]]
    scene = relaxation_panels(alphas, NAMES, styles)
    assert scene.texts().count("?") == 3
    assert [t for t in scene.texts() if t in NAMES] == ["max 3×3", "skip", "none"]
    bundled = [i for i in flat(scene.items) if isinstance(i, Line) and not i.arrow]
    widths = sorted((line.line for line in bundled), reverse=True)
    assert widths[0] == pytest.approx(0.8 + 4.5 * scipy_softmax([0, 3, 0])[1])
    assert texts_fit(scene)


def test_every_slider_moves_the_picture_except_the_one_added_to_all() -> None:
    explorer = RelaxationExplorer(NAMES, OUTPUTS, [0.0, 1.0, 0.5])
    for name in (*NAMES, "sharpen"):
        before = explorer.picture.value, explorer.sentence.value
        explorer.controls[name].value += 0.5
        assert explorer.picture.value != before[0]
        assert explorer.sentence.value != before[1]
    said = explorer.sentence.value
    explorer.set(shift=2.0)
    assert explorer.sentence.value == said  # softmax does not see it
