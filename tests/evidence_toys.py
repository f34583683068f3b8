"""An experiment of which the truth is known: two arms of normal numbers, one unit apart."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nascourse.evidence.ledger import difference_in, experiment

NAME = "00_toy"
SEEDS = 12


@experiment(
    NAME,
    hypothesis="The treated arm is higher.",
    arms=("treated", "plain"),
    seeds=SEEDS,
    budget={"shift": 1.0},
    effect=difference_in("score", "treated", "plain"),
)
def toy(arm: str, seed: int, shift: float) -> dict[str, Any]:
    time.sleep(0.005)
    rng = np.random.default_rng([seed, arm == "treated"])
    score = rng.normal(shift if arm == "treated" else 0.0, 0.3)
    return {"score": score, "curve": rng.uniform(size=3), "lost": float("nan")}
