"""Figures of the tabular benchmark: how searches close in, how far it can be trusted, its landscape."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ..evaluation.tabular import TabularBenchmark, neighbour_correlations
from ..spaces.base import Architecture
from .figures import accuracy_scatter, chart, search_curve, series_style
from .palette import INK, RULE
from .plane import number


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


def seed_agreement(table: TabularBenchmark, a: int = 0, b: int = 1, top: int = 100) -> Figure:
    """Validation accuracy with seed ``a`` against seed ``b``: all cells, and on top of them the ``top`` best by the
    other seeds (`TabularBenchmark.rows_chosen_apart`), with Kendall's tau of both; zoomed in like `accuracy_landscape`.
    Raises `CourseError` where a seed is not stored."""
    overall, among_best = table.tau(a, b), table.tau(a, b, top)
    both = table.curves[:, [a, b], -1]
    best = both[table.rows_chosen_apart(a, b, top)]
    figure = accuracy_scatter(
        {
            f"all cells: τ = {overall:.2f}": (both[:, 0], both[:, 1]),
            f"the best {top}: τ = {among_best:.2f}": (best[:, 0], best[:, 1]),
        },
        xlabel=f"validation accuracy, seed {a}",
        ylabel=f"validation accuracy, seed {b}",
    )
    axes = figure.axes[0]
    axes.axline((0.5, 0.5), slope=1, color=INK, linewidth=1, linestyle=":")
    if (edge := _zoom_in(axes, np.fmin(both[:, 0], both[:, 1]))) is not None:
        axes.set_xlim(left=edge)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2f}")
    return figure


def accuracy_landscape(table: TabularBenchmark, marked: Mapping[str, Sequence[Architecture]] | None = None) -> Figure:
    """Mean validation accuracy of each distinct cell that is in the table against its parameters; ``marked``: cells to
    be drawn on top, by name (what a search found, for one). Zoomed in where a few lie far below all others, as the cell
    does that computes nothing and guesses; a note says how many."""
    groups: dict[str, Sequence[Architecture]] = {"distinct cells": [table.cell(int(r)) for r in table.best_rows()]}
    results = {name: [table.evaluate(cell) for cell in some] for name, some in (groups | dict(marked or {})).items()}
    figure = accuracy_scatter(
        {name: ([r.params for r in some], [r.accuracy for r in some]) for name, some in results.items()}
    )
    _zoom_in(figure.axes[0], table.means)
    if legend := figure.axes[0].get_legend():
        legend.set_loc("center right")  # large cells are good ones: there is room below them
    return figure


def _zoom_in(axes: Axes, accuracies: NDArray[np.float64]) -> float | None:
    """Leave out, at the bottom, what lies further below the lowest thousandth than a tenth of all others' range; the
    edge of the picture, or None where nothing does."""
    low, high = np.nanquantile(accuracies, (0.001, 1))
    edge = float(low - (high - low) / 10)
    hidden = int((accuracies < edge).sum())
    if not hidden:
        return None
    axes.set_ylim(bottom=edge)
    note = f"{hidden} cell{'s' * (hidden > 1)} far below"
    axes.annotate(note, (0.98, 0.03), xycoords="axes fraction", ha="right", fontsize=9, color=INK)
    return edge


def neighbour_correlation(table: TabularBenchmark) -> Figure:
    """How alike two cells are that differ in 1, 2, ... decisions: the correlation of their mean accuracies, over all
    pairs of cells as written. Where it is high, the neighbours of a good cell are worth a look."""
    figure, axes = chart(xlabel="decisions that differ", ylabel="correlation of accuracies")
    correlations, style = neighbour_correlations(table.everywhere().reshape(table.shape)), series_style(0)
    distances = range(1, len(correlations) + 1)
    axes.axhline(0, color=INK, linewidth=1, linestyle=":")
    axes.plot(distances, correlations, color=style.color, linewidth=2, marker=style.marker)
    for at in zip(distances, correlations.tolist(), strict=True):
        axes.annotate(number(at[1], ".2f"), at, (0, 8), textcoords="offset points", ha="center", fontsize=9)
    axes.set_xticks(distances)
    axes.set_ylim(min(-0.1, float(correlations.min()) - 0.1), 1)
    return figure
