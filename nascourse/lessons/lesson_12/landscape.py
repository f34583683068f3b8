"""Figures of the tabular benchmark: how far it can be trusted, and its landscape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...evaluation.tabular import TabularBenchmark
from ...spaces.base import Architecture
from ...viz.figures import accuracy_scatter, chart, series_style
from ...viz.palette import INK
from ...viz.plane import number


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


def neighbour_correlations(accuracies: ArrayLike) -> NDArray[np.float64]:
    """(decisions,): Pearson correlation between the accuracies of two cells that differ in 1, 2, ... decisions, over
    all such pairs of cells as written. accuracies: an axis for each decision; NaN: left out.

    Exact and quick: with A_e the sum over the other options of decision e, the sum over all cells at distance d is the
    coefficient of t^d in (1 + t A_1) ... (1 + t A_n). Pairs that are one function count like any other.
    """
    values = np.asarray(accuracies, dtype=float)
    there = (~np.isnan(values)).astype(float)
    values = np.where(there > 0, values - np.nanmean(values), 0)
    number, total = _at_distance(there), _at_distance(values)
    found = []
    for d in range(1, values.ndim + 1):
        pairs = (there * number[d]).sum()
        mean = (values * number[d]).sum() / pairs
        variance = (values**2 * number[d]).sum() / pairs - mean**2
        found.append(((values * total[d]).sum() / pairs - mean**2) / variance)
    return np.array(found)


def _at_distance(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each distance the sum of ``values`` over the cells at that distance."""
    sums, nothing = [values], np.zeros(())
    for edge in range(values.ndim):
        others = [s.sum(axis=edge, keepdims=True) - s for s in sums]
        sums = [a + b for a, b in zip([*sums, nothing], [nothing, *others], strict=True)]
    return sums
