"""What the packed table holds, in a few lines: ``nascourse bench show``."""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from typing import Any

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


def add_actions(actions: Any) -> None:
    """The further action of ``nascourse bench``."""
    shown = actions.add_parser("show", help="what the packed table holds: spread, noise, and how far orders agree")
    shown.add_argument("--table", type=Path, default=None, help="another file than the one that ships")
    shown.set_defaults(act=_show)


def _show(args: argparse.Namespace) -> int:
    print("\n".join(show(TabularBenchmark.load(args.table))))
    return 0
