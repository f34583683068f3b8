"""Evaluations in closed form, importable by a worker process without torch."""

from __future__ import annotations

import time

import numpy as np

from nascourse.spaces.base import Result, Trial
from nascourse.spaces.micro import MicroCell


def conv_share(trial: Trial[MicroCell]) -> Result:
    """The share of 3x3 convolutions, plus noise from the trial's seed."""
    noise = float(np.random.default_rng(trial.seed).normal(0, 0.01))
    return Result(trial.arch.ops.count("nor_conv_3x3") / 6 + noise, params=trial.arch.ops.count("nor_conv_3x3"))


def slow_conv_share(trial: Trial[MicroCell]) -> Result:
    """The same after 1 to 9 ms, so that trials finish out of order."""
    time.sleep(0.001 + 0.008 * ((trial.number * 7) % 5) / 4)
    return conv_share(trial)
