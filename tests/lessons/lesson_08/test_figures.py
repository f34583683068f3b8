"""Figures of gradient-based searches: what stands in them against the arrays they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.special import softmax
from scipy.stats import bootstrap

from nascourse.errors import CourseError
from nascourse.lessons.lesson_07.relaxation import darts_panels
from nascourse.lessons.lesson_08.figures import (
    alpha_trajectories,
    collapse_figure,
    gradient_quality,
    stacked_curves,
    strip_plot,
)
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS
from nascourse.viz.items import Line, flat
from nascourse.viz.palette import OPERATIONS
from nascourse.viz.raster import figure_png
from tests.lessons.lesson_07.test_relaxation import texts_fit
from tests.lessons.lesson_08.test_alpha import invented


@pytest.mark.parametrize(("space", "kind", "kept"), [("cell", "reduce", 8), ("micro", "cell", 6)])
def test_every_edge_has_a_chart_of_its_weights(space: str, kind: str, kept: int) -> None:
    history = invented(space)
    figure = alpha_trajectories(history, kind)
    weights = softmax(history.alphas[kind].astype(float), axis=2)
    charts = figure.axes[:-1]
    assert len(charts) == len(history.edges)
    starred = 0
    for row, (axes, (i, j)) in enumerate(zip(charts, history.edges, strict=True)):
        assert axes.get_title().startswith(f"{i} → {j}")
        np.testing.assert_allclose([line.get_ydata() for line in axes.lines], weights[:, row].T, atol=1e-6)
        assert [to_hex(line.get_color()).upper() for line in axes.lines] == [
            OPERATIONS[op].color.upper() for op in history.ops
        ]
        assert len(
            {(line.get_color(), line.get_linestyle(), str(line._unscaled_dash_pattern)) for line in axes.lines}
        ) == len(history.ops)
        if "★" in axes.get_title():
            starred += 1
            thick = max(range(len(history.ops)), key=lambda k: axes.lines[k].get_linewidth())
            assert axes.get_title().endswith(OPERATIONS[history.ops[thick]].label)
            allowed = [k for k, op in enumerate(history.ops) if space == "micro" or op != "none"]
            assert thick == max(allowed, key=lambda k: weights[-1, row, k])
    assert starred == kept
    with pytest.raises(CourseError, match="a kind out of"):
        alpha_trajectories(history, "other")


def test_charts_of_a_short_search_show_what_little_moved_on_one_scale() -> None:
    history = invented("micro", scale=0.02)
    weights = softmax(history.alphas["cell"].astype(float), axis=2)
    (low, high), *others = {axes.get_ylim() for axes in alpha_trajectories(history, "cell").axes[:-1]}
    assert not others
    assert low < weights.min() < weights.max() < high
    assert high - low < 1.2 * np.ptp(weights)


def test_stacked_curves_are_the_runs_and_the_mean_of_what_was_measured() -> None:
    values = np.array([[1.0, 2, np.nan, 6], [3, 6, np.nan, np.nan]])
    figure = stacked_curves([0, 5, 10, 15], {"a": values, "b": [0.0, 1, 2, 3]}, levels={"b": (1.5, "chance")})
    upper, lower = figure.axes
    *runs, mean = upper.lines
    np.testing.assert_array_equal(mean.get_xydata(), [[0, 2], [5, 4], [15, 6]])
    np.testing.assert_array_equal([run.get_ydata() for run in runs], values[:, [0, 1, 3]])
    assert max(run.get_linewidth() for run in runs) < mean.get_linewidth()
    assert len(lower.lines) == 2  # one run is its own mean; and the level
    assert [text.get_text() for text in lower.texts] == ["chance"]
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "epoch")
    with pytest.raises(CourseError, match=r"\(runs, 3\)"):
        stacked_curves([0, 1, 2], {"a": values})


def test_the_signs_of_a_collapse_share_their_epochs() -> None:
    rng = np.random.default_rng(0)
    arrays = rng.random((4, 6, 20))
    figure = collapse_figure(range(20), *arrays, random=0.5)
    assert [axes.get_xlim() for axes in figure.axes] == [figure.axes[0].get_xlim()] * 4
    for axes, values in zip(figure.axes, arrays, strict=True):
        np.testing.assert_allclose(axes.lines[6].get_ydata(), values.mean(0))  # after the six searches
    assert figure.axes[0].lines[7].get_ydata() == [0.5, 0.5]
    assert len({str(axes.lines[6]._unscaled_dash_pattern) for axes in figure.axes}) == 4


def test_strips_are_sorted_and_every_run_is_there() -> None:
    rng = np.random.default_rng(1)
    arms = {"darts": np.full(6, 0.85), "random": rng.normal(0.92, 0.003, 8), "cure": rng.normal(0.9, 0.01, 7)}
    arms["cure"][2] = np.nan
    figure = strip_plot(arms, baseline="random", optimum=0.95)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "darts\n6 runs",
        "cure\n6 runs, 1 failed",
        "random\n8 runs",
    ]
    runs = axes.collections[::2]
    for strip, name in zip(runs, ("darts", "cure", "random"), strict=True):
        good = arms[name][np.isfinite(arms[name])]
        np.testing.assert_array_equal(strip.get_offsets()[:, 0], good)
        assert len({tuple(point) for point in strip.get_offsets()}) == len(good)  # equal values do not hide each other
    means = [collection.get_offsets()[0, 0] for collection in axes.collections[1::2]]
    np.testing.assert_allclose(means, sorted(np.nanmean(values) for values in arms.values()))
    assert axes.lines[0].get_xdata() == [arms["random"].mean()] * 2
    low, high = axes.lines[-1].get_xdata()
    interval = bootstrap((arms["random"],), np.mean, rng=np.random.default_rng(7)).confidence_interval
    assert (low, high) == pytest.approx((interval.low, interval.high), abs=2e-4)


def test_strips_refuse_what_is_not_there() -> None:
    with pytest.raises(CourseError, match="an arm out of a"):
        strip_plot({"a": [0.5, 0.6]}, baseline="b")
    with pytest.raises(CourseError, match="one accuracy or more"):
        strip_plot({"a": [np.nan]})


def test_estimators_are_told_apart_by_dash_and_marker_and_one_is_exact() -> None:
    names = ("paper's ε", "larger ε", "form T1", "first order")
    curves = {name: np.full((3, 5), k / 4 + 0.1) for k, name in enumerate(names)}
    figure = gradient_quality(range(5), curves, curves)
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["exact", *names]
        assert axes.lines[0].get_ydata() == [1, 1]
        assert len({line.get_marker() for line in axes.lines[1:]}) == 4
        assert len({str(line._unscaled_dash_pattern) for line in axes.lines[1:]}) == 4
    assert figure.axes[1].get_yscale() == "log"
    assert figure_png(figure, 100) == figure_png(gradient_quality(range(5), curves, curves), 100)
    with pytest.raises(CourseError, match="name them alike"):
        gradient_quality(range(5), curves, {"paper's ε": curves["paper's ε"]})


def test_the_four_panels_go_from_unknown_to_the_strongest() -> None:
    learned = np.zeros((6, 5))
    kept = ("skip_connect", "none", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "nor_conv_1x1")
    for row, op in enumerate(kept):
        learned[row, MICRO_OPS.index(op)] = 2.0
    scene = darts_panels(np.zeros((6, 5)), learned)
    assert scene.texts().count("?") == 6
    assert [text for text in scene.texts() if text[1:3] == " ·"] == [
        "a · operations unknown",
        "b · a mixture of all on every edge",
        "c · weights learned",
        "d · the strongest kept",
    ]
    told = ", ".join(f"{i}→{j} {OPERATIONS[op].label}" for (i, j), op in zip(MICRO_EDGES, kept, strict=True))
    assert told in scene.alt
    bundled = [i.line for i in flat(scene.items) if isinstance(i, Line) and not i.arrow and i.curved]
    uniform, (low, high) = 9 / 5, 9 * softmax([0, 2.0, 0, 0, 0])[:2]
    counts = [sum(abs(width - expected) < 1e-6 for width in bundled) for expected in (uniform, low, high)]
    assert counts == [30, 24, 6]
    assert texts_fit(scene)
    with pytest.raises(CourseError, match="two of shape"):
        darts_panels(np.zeros((6, 5)), np.zeros((14, 8)))
