"""Charts that lessons share, as Matplotlib figures without pyplot: give them to `show`, or add to their axes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ..errors import bad_input
from .palette import CARD, INK, MUTED, RULE, SERIES, Style

_DPI = 100


def chart(width: float = 640, height: float = 360, xlabel: str = "", ylabel: str = "") -> tuple[Figure, Axes]:
    """An empty chart of the course's look, ``width`` × ``height`` pixels as shown."""
    figure = blank(width, height)
    axes = figure.add_subplot()
    dress(axes, xlabel, ylabel)
    return figure, axes


def blank(width: float, height: float) -> Figure:
    """A figure without axes, ``width`` × ``height`` pixels as shown."""
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=CARD, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, xlabel: str = "", ylabel: str = "") -> None:
    """Give axes the course's look."""
    axes.set_facecolor(CARD)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
    axes.set_xlabel(xlabel, color=INK, fontsize=10)
    axes.set_ylabel(ylabel, color=INK, fontsize=10)


def series_style(k: int) -> Style:
    """The style of the k-th arm of a chart. Raises `CourseError` when there are more arms than styles."""
    if k >= len(SERIES):
        raise bad_input(f"series {k + 1}", f"at most {len(SERIES)} series in a chart", "split the chart")
    return SERIES[k]


def search_curve(
    arms: ArrayLike | Mapping[str, ArrayLike],
    *,
    optimum: float | None = None,
    xlabel: str = "architectures evaluated",
    ylabel: str = "best validation accuracy so far",
    bands: Collection[str] | None = None,
) -> Figure:
    """How good the best found so far is, for each arm an array (runs, trials): the median over runs as a line, and for
    those in ``bands`` (None: all) the middle half of the runs (quartiles) as a band; NaN: no success yet, left out.
    ``optimum``: a dotted line at what can be reached at most."""
    named = arms if isinstance(arms, Mapping) else {"": arms}
    figure, axes = chart(xlabel=xlabel, ylabel=ylabel)
    for k, (name, values) in enumerate(named.items()):
        best = np.asarray(values, dtype=float)
        if best.ndim != 2 or best.size == 0:
            raise bad_input(f"an array of shape {best.shape}", "shape (runs, trials)", "stack one row for each run")
        style, trials = series_style(k), np.arange(1, best.shape[1] + 1)
        with warnings.catch_warnings():  # of trials where no run has a success yet
            warnings.simplefilter("ignore", RuntimeWarning)
            low, median, high = np.nanquantile(best, (0.25, 0.5, 0.75), axis=0)
        if len(best) > 1 and (bands is None or name in bands):
            axes.fill_between(trials, low, high, color=style.color, alpha=0.15, linewidth=0)
        every = max(1, len(trials) // 8)
        axes.plot(
            trials, median, **line_style(style, 2), marker=style.marker, markevery=every, markersize=5, label=name
        )
    if optimum is not None:
        axes.axhline(optimum, color=INK, linewidth=1, linestyle=":", label="best there is")
    if any(axes.get_legend_handles_labels()[1]):
        axes.legend(frameon=False, fontsize=9, loc="lower right", handlelength=3.5)
    return figure


def accuracy_scatter(
    groups: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str = "parameters",
    ylabel: str = "validation accuracy",
    log: bool = False,
) -> Figure:
    """Accuracy against cost: for each group its (costs, accuracies), told apart by marker shape and colour. Later
    groups lie on top and are drawn larger when they have few points. ``log``: logarithmic costs."""
    figure, axes = chart(xlabel=xlabel, ylabel=ylabel)
    for k, (name, (costs, accuracies)) in enumerate(groups.items()):
        style, x = series_style(k), np.asarray(costs, dtype=float)
        many = x.size > 50
        axes.scatter(
            x,
            np.asarray(accuracies, dtype=float),
            s=14 if many else 60,
            marker=style.marker,
            color=style.color,
            alpha=0.35 if many else 1.0,
            edgecolors="none" if many else CARD,
            label=name,
        )
    if log:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=True, framealpha=0.9, edgecolor=RULE, fontsize=9, loc="best")
    return figure


def images_grid(images: ArrayLike, labels: Sequence[str], columns: int = 8) -> Figure:
    """Small pictures with a label under each. ``images``: (n, height, width), or (n, 3, height, width) in 0..1."""
    pixels = np.asarray(images, dtype=float)
    if pixels.ndim not in (3, 4) or len(pixels) != len(labels) or not len(labels):
        raise bad_input(
            f"{pixels.shape} images and {len(labels)} labels",
            "(n, height, width) or (n, 3, height, width) images and n labels",
            "give one label for each image",
        )
    columns = min(columns, len(labels))
    rows = math.ceil(len(labels) / columns)
    figure = blank(92 * columns, 112 * rows)
    for k, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if k < len(labels):
            image = pixels[k] if pixels.ndim == 3 else np.clip(pixels[k].transpose(1, 2, 0), 0, 1)
            axes.imshow(image, cmap="gray", interpolation="nearest")
            axes.set_title(labels[k], fontsize=8, color=INK, y=-0.26)
    return figure


def line_style(style: Style, width: float) -> dict[str, Any]:
    """Keywords of a line so many points wide in this style, for `Axes.plot`; Matplotlib counts dashes in widths."""
    dash = (0.0, tuple(length / width for length in style.dash)) if style.dash else "-"
    return {"color": style.color, "linewidth": width, "linestyle": dash}


def regret_curves(
    arms: Mapping[str, ArrayLike], *, floor: float | None = None, bands: Collection[str] | None = None
) -> Figure:
    """For each arm an array (runs, trials) of regrets (`TabularBenchmark.regrets`): the median over runs as a line, and
    for those in ``bands`` (None: all) the middle half of the runs as a band. ``floor``: the noise floor
    (`Noise.floor`), below which a regret means nothing, as a grey strip. The first tenth of the trials may leave the
    picture at the top: the end is what is compared."""
    figure = search_curve(arms, ylabel="regret of what looked best so far", bands=bands)
    axes = figure.axes[0]
    if floor is not None:
        axes.axhspan(0, floor, color=RULE, alpha=0.6, linewidth=0, label="within the noise floor", zorder=0)
    begun = [np.nanmedian(np.asarray(runs, dtype=float), axis=0)[np.shape(runs)[1] // 10] for runs in arms.values()]
    top = 1.5 * max(begun)
    axes.set_ylim(-top / 50, top or None)  # a line at 0 is seen
    axes.legend(frameon=False, fontsize=9, loc="upper right", handlelength=3.5)
    return figure
