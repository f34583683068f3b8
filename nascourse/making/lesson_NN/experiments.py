"""Lesson NN: the experiment behind its claim. ``nascourse evidence run NN_name`` records it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...evidence.ledger import difference_in, experiment


@experiment(
    "NN_name",
    hypothesis="A sentence that can be wrong: with it, the score is higher.",
    arms=("with", "without"),
    seeds=20,
    budget={"shift": 1.0},
    effect=difference_in("score", "with", "without"),
)
def name(arm: str, seed: int, shift: float) -> dict[str, Any]:
    """What one seed of one arm measures; the same whenever it is run again."""
    score = np.random.default_rng(seed).normal(shift if arm == "with" else 0.0)
    return {"score": float(score)}
