"""Figures of searches by gradient descent: how α moved, the signs of a collapse, its cures, and how good a gradient is.

Where a figure takes runs, an array is (runs, times), and the thick line is their mean. The runs themselves are thin
lines, or, where several arrays share a chart, a band from the lowest to the highest. NaN is what was not measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from ...errors import bad_input
from ...evidence.statistics import average
from ...search.gradient.alpha_history import AlphaHistory
from ...spaces.graph import cell_of
from ...viz.figures import blank, chart, dress, line_style, series_style
from ...viz.palette import CARD, INK, MUTED, SERIES, Style, operation_style


def alpha_trajectories(history: AlphaHistory, kind: str, width: float = 860) -> Figure:
    """softmax(α) of every edge over the steps, a small chart for each: targets from top to bottom, sources from left to
    right. A star and a frame mark the edges that are derived at the end, their line is thicker."""
    if kind not in history.kinds:
        raise bad_input(kind, f"a kind out of {', '.join(history.kinds)}", "choose one that was recorded")
    weights = history.weights(kind)
    kept = {(i, j): op for i, j, op in cell_of(history.derived(-1), kind).edges}
    targets = sorted({target for _, target in history.edges})
    columns = max(source for source, _ in history.edges) + 1
    figure = blank(width, 128 * len(targets) + 24)
    grid = figure.add_gridspec(len(targets), columns)
    low, high = float(weights.min()), float(weights.max())
    room = 0.06 * (high - low) or 0.01
    low = 0.0 if low < high / 2 else low - room  # after a short search all would lie in one narrow strip
    for row, (source, target) in enumerate(history.edges):
        axes = figure.add_subplot(grid[targets.index(target), source])
        dress(axes)
        chosen = kept.get((source, target))
        for column, op in enumerate(history.ops):
            _operation_line(axes, history.steps, weights[:, row, column], operation_style(op), op == chosen)
        axes.set_title(
            f"{source} → {target}" + (f" ★ {operation_style(chosen).label}" if chosen else ""),
            fontsize=8,
            color=INK,
            fontweight="bold" if chosen else "normal",
        )
        if chosen:
            axes.spines[:].set(visible=True, color=INK, linewidth=1.6)
        axes.set(ylim=(low, high + room), xlim=(history.steps[0], max(history.steps[-1], history.steps[0] + 1)))
        axes.tick_params(labelsize=8, labelleft=source == 0, labelbottom=target == targets[-1])
        axes.locator_params(nbins=4)
    figure.supxlabel("step", fontsize=10, color=INK)
    figure.supylabel("softmax(α)", fontsize=10, color=INK)
    corner = figure.add_subplot(grid[0, -2 if columns > 3 else -1 :])
    corner.axis("off")
    for style in map(operation_style, history.ops):
        corner.plot([], [], **line_style(style, 1.8), label=style.label)
    corner.legend(frameon=False, fontsize=9, handlelength=3.4, loc="upper right", ncols=2 if columns > 3 else 1)
    return figure


def _operation_line(axes: Axes, x: ArrayLike, y: ArrayLike, style: Style, chosen: bool) -> None:
    axes.plot(x, y, **line_style(style, 2.6 if chosen else 1.4), zorder=3 if chosen else 2)


def stacked_curves(
    x: Sequence[float],
    curves: Mapping[str, ArrayLike],
    *,
    xlabel: str = "epoch",
    levels: Mapping[str, tuple[float, str]] | None = None,
    width: float = 640,
) -> Figure:
    """One chart for each curve, (runs, times), above each other over the same ``x``. levels: for a curve a dotted line
    at a height, with its name (what random search finds, for one). Raises `CourseError` where a length differs."""
    figure = blank(width, 132 * len(curves) + 30)
    panels = figure.subplots(len(curves), sharex=True, squeeze=False)[:, 0]
    for k, (axes, (name, values)) in enumerate(zip(panels, curves.items(), strict=True)):
        dress(axes, xlabel if k == len(curves) - 1 else "", name)
        _curve(axes, x, values, series_style(k % len(SERIES)), each=True)
        if levels and name in levels:
            height, words = levels[name]
            axes.axhline(height, color=INK, linewidth=1.2, linestyle=":")
            axes.annotate(
                words, (1, height), (0, 4), ("axes fraction", "data"), "offset points", ha="right", fontsize=9
            )
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels(panels)
    return figure


def collapse_figure(
    epochs: Sequence[float],
    accuracy: ArrayLike,
    skips: ArrayLike,
    loss: ArrayLike,
    eigenvalue: ArrayLike,
    *,
    random: float | None = None,
) -> Figure:
    """The signs of a collapse along searches, each (searches, epochs): true accuracy of the cell that would be derived,
    its skip connections, the supernet's validation loss and the largest eigenvalue of the α-Hessian. random: the mean
    accuracy of random search."""
    curves = {
        "accuracy of\nderived cell": accuracy,
        "skip\nconnections": skips,
        "supernet's\nvalidation loss": loss,
        "top eigenvalue\nof ∂²L/∂α²": eigenvalue,
    }
    levels = None if random is None else {next(iter(curves)): (random, "random search")}
    return stacked_curves(epochs, curves, levels=levels)


def strip_plot(
    arms: Mapping[str, ArrayLike],
    *,
    baseline: str = "",
    xlabel: str = "accuracy of the derived cell",
    optimum: float | None = None,
    width: float = 700,
) -> Figure:
    """A strip for each arm, the best mean on top: every run as a circle, the mean as a diamond with its 95 % bootstrap
    interval. baseline: the arm that the others are to beat; its runs are squares and a line goes down from its mean.
    optimum: the best there is. NaN is a run that failed. Raises `CourseError` for an arm without a run."""
    runs = {name: np.asarray(values, dtype=float) for name, values in arms.items()}
    for name, values in runs.items():
        if values.ndim != 1 or not np.isfinite(values).any():
            raise bad_input(f"{name}: shape {values.shape}", "one accuracy or more for each arm", "record the arm")
    failed = {name: int(np.sum(~np.isfinite(values))) for name, values in runs.items()}
    runs = {name: values[np.isfinite(values)] for name, values in runs.items()}
    if baseline and baseline not in runs:
        raise bad_input(baseline, f"an arm out of {', '.join(runs)}", "check the spelling")
    order = sorted(runs, key=lambda name: runs[name].mean())
    reach = 0.012 * float(np.ptp(np.concatenate(list(runs.values()))))
    figure, axes = chart(width, 54 * len(order) + 70, xlabel)
    if baseline:
        axes.axvline(runs[baseline].mean(), color=MUTED, linewidth=1.2, linestyle="--")
    if optimum is not None:
        axes.axvline(optimum, color=INK, linewidth=1, linestyle=":")
        axes.annotate(
            "best there is", (optimum, 1), (-4, 2), ("data", "axes fraction"), "offset points", ha="right", fontsize=9
        )
    for y, name in enumerate(order):
        values, style = runs[name], SERIES[1 if name == baseline else 0]
        axes.scatter(
            values,
            y + 0.14 + _apart(values, reach),
            s=26,
            marker=style.marker,
            color=style.color,
            alpha=0.75,
            linewidths=0,
        )
        low, high = _interval(values)
        axes.plot([low, high], [y - 0.18] * 2, color=INK, linewidth=2.2, linestyle="-", solid_capstyle="butt")
        axes.scatter([values.mean()], [y - 0.18], s=40, marker="D", color=INK, edgecolors=CARD, zorder=3)
        digits = f"{values.mean():.4f}"
        axes.annotate(digits, (1, y), (6, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=9)
    axes.set_yticks(
        range(len(order)), [f"{name}\n{_runs(len(runs[name]), failed[name])}" for name in order], fontsize=9
    )
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.grid(visible=False, axis="y")
    return figure


def _runs(good: int, failed: int) -> str:
    return f"{good} run{'' if good == 1 else 's'}" + (f", {failed} failed" if failed else "")


def _apart(values: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """How far each circle is moved up, so that those nearer than ``reach`` can be told apart."""
    ranks = np.array([int(np.sum(np.abs(values[:k] - value) <= reach)) for k, value in enumerate(values)])
    return 0.36 * ranks / max(4, ranks.max())


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values.mean()), float(values.mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the picture says how many runs there are
        found = average(values)
    return found.low, found.high


def gradient_quality(
    steps: Sequence[float],
    cosine: Mapping[str, ArrayLike],
    ratio: Mapping[str, ArrayLike],
    *,
    xlabel: str = "step",
    width: float = 720,
) -> Figure:
    """How near estimators of a gradient come to the exact one in the course of training: for each (runs, times) the
    cosine with it, above, and the ratio of the norms, below, on a logarithmic scale. A dotted line is the exact one."""
    if list(cosine) != list(ratio):
        raise bad_input(sorted(ratio), f"the estimators {', '.join(cosine)} in both", "name them alike")
    figure = blank(width, 460)
    upper, lower = figure.subplots(2, sharex=True)
    dress(upper, ylabel="cosine with the exact one")
    dress(lower, xlabel, "norm / exact norm")
    for axes, curves in ((upper, cosine), (lower, ratio)):
        axes.axhline(1, color=INK, linewidth=1.2, linestyle=":", label="exact")
        for k, (name, values) in enumerate(curves.items()):
            _curve(axes, steps, values, series_style(k), name)
    lower.set_yscale("log")
    lower.yaxis.set(major_locator=MaxNLocator(5), major_formatter=ScalarFormatter(), minor_locator=NullLocator())
    room = 0.05 * (1 - upper.dataLim.y0)
    upper.set_ylim(upper.dataLim.y0 - room, 1 + room)
    figure.legend(
        *upper.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        frameon=False,
        fontsize=9,
        handlelength=3.5,
    )
    figure.align_ylabels([upper, lower])
    return figure


def _curve(
    axes: Axes, x: Sequence[float], values: ArrayLike, style: Style, label: str = "", each: bool = False
) -> None:
    """Mean over runs, with markers, and their range, or ``each`` of them; times that no run measured are left out."""
    runs, times = np.atleast_2d(np.asarray(values, dtype=float)), np.asarray(x, dtype=float)
    if runs.ndim != 2 or runs.shape[1] != len(times):
        raise bad_input(f"{label or 'a curve'} of shape {runs.shape}", f"(runs, {len(times)})", "one row for each run")
    measured = np.isfinite(runs).any(0)
    runs, times = runs[:, measured], times[measured]
    if each and len(runs) > 1:
        for run in runs:
            axes.plot(times, run, color=style.color, linewidth=0.9, alpha=0.55, zorder=1)
    elif len(runs) > 1 and measured.any():
        low, high = np.nanmin(runs, 0), np.nanmax(runs, 0)
        axes.fill_between(times, low, high, color=style.color, alpha=0.15, linewidth=0)
    axes.plot(
        times,
        np.nanmean(runs, 0) if measured.any() else [],
        **line_style(style, 2),
        marker=style.marker,
        markersize=5,
        markevery=max(1, len(times) // 12),
        label=label,
    )
