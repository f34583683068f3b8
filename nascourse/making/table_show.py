"""What the packed table holds, in a few lines: ``nascourse bench show``."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..evaluation.tabular import MISSING, Noise, TabularBenchmark
from ..evidence.statistics import kendall_tau

TOP = 100
"""The cells that a search is about: so many, the best by mean."""


def show(table: TabularBenchmark) -> list[str]:
    """Lines: what is in, how accuracies spread, and how far seeds and epochs agree (Kendall's tau)."""
    stored = (table.test_counts != MISSING).sum(axis=0)
    means = table.means[table.best_rows()]
    low, middle, high = np.percentile(means, [5, 50, 95])
    seeds = ", ".join(map(str, table.seeds))
    several = (table.test_counts != MISSING).sum(axis=1).max() > 1
    return [
        f"{table.rows_in.sum():,} of {len(table.rows_in):,} cells; "
        + ", ".join(f"seed {seed}: {number:,}" for seed, number in enumerate(stored)),
        f"validation accuracy (mean of seeds {seeds}): 5 % of the cells are below {low:.4f}, half below {middle:.4f}, "
        f"95 % below {high:.4f}",
        f"best: {means[0]:.4f}, {table.best}",
        *(_between_seeds(table) if several else ["one seed only: how far it can be trusted is not known"]),
        _between_epochs(table),
        *(_judged(table) if table.judges else []),
    ]


def _between_seeds(table: TabularBenchmark) -> list[str]:
    means, among_best = table.means[table.best_rows()], f"among the best {TOP}"
    lines = [_noise_floor(table.noise(), "overall")]
    if (np.isfinite(table.curves[table.best_rows(TOP), :, -1]).sum(axis=1) > 1).any():
        noise = table.noise(TOP)
        near = int((means >= means[0] - noise.floor).sum())
        within = f"; within it of the best: {near:,} cell{'s' * (near > 1)}"
        lines.append(_noise_floor(noise, among_best) + within)
    else:
        lines.append(f"noise floor {among_best}: not known")
    for a, b in combinations(range(table.curves.shape[1]), 2):
        parts = []
        for top, name in ((None, "overall"), (TOP, among_best)):
            pairs = table.curves[table.rows_chosen_apart(a, b, top)][:, [a, b], -1]
            number = int((~np.isnan(pairs).any(axis=1)).sum())
            parts.append(f"{table.tau(a, b, top):.2f} {name} ({number:,})" if number > 1 else f"not known {name}")
        lines.append(f"tau of seeds {a} and {b}: {', '.join(parts)}")
    return lines


def _noise_floor(noise: Noise, name: str) -> str:
    return f"noise floor {name}: {noise.floor:.4f} ({noise.cells:,} cells with two trainings or more)"


def _between_epochs(table: TabularBenchmark) -> str:
    """Of the means; the curves are those of whole trainings."""
    cells = [table.cell(int(row)) for row in table.best_rows()]
    after = [[table.evaluate(cell, fidelity=epoch).accuracy for cell in cells] for epoch in range(1, table.epochs + 1)]
    taus = [f"{kendall_tau(early, after[-1]):.2f} after epoch {epoch}" for epoch, early in enumerate(after[:-1], 1)]
    return f"tau with the last epoch: {', '.join(taus) or 'there is one epoch only'}"


def _judged(table: TabularBenchmark) -> list[str]:
    rows = [row for row in table.best_rows() if table.judge_accuracies(table.cell(int(row)))]
    accuracies = np.array([table.judge_accuracies(table.cell(int(row))) for row in rows])
    judged, noise = np.nanmean(accuracies, axis=1), np.sqrt(np.nanmean(np.nanvar(accuracies, axis=1, ddof=1)))
    best = table.cell(int(rows[int(judged.argmax())]))
    tops = dict.fromkeys([min(TOP, len(rows)), len(rows)])
    taus = [f"{kendall_tau(table.means[rows[:top]], judged[:top]):.2f} among the best {top}" for top in tops]
    return [
        f"seeds {table.judges[0]} to {table.judges[-1]} of the best {len(rows)} cells only judge; noise floor of their "
        f"mean: {noise / len(table.judges) ** 0.5:.4f}",
        f"best by these: {judged.max():.4f}, {best}, by the others number {table.rank(best)}",
        f"tau of the two means: {', '.join(taus)}",
    ]
