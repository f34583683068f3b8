"""A plane with two scales, as items of a scene: for charts that follow a control, where Matplotlib is too slow."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import quantiles

from .palette import MUTED, RULE
from .scene import Box, Item, Line, Point, Text


def spread(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """The range of the finite values with a margin around it; around a single value 1 each way, 0..1 for none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * margin or 1.0
    return low - room, high + room


def bulk(values: Iterable[float]) -> list[float]:
    """The finite values without those far below the others: more than three times the quartiles' distance below the
    lower quartile (Tukey 1977). One cell that computes nothing would squeeze all others into a line."""
    finite = sorted(value for value in values if math.isfinite(value))
    if len(finite) < 4:
        return finite
    lower, _, upper = quantiles(finite, n=4, method="inclusive")
    return [value for value in finite if value >= lower - 3 * (upper - lower)]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers in low..high, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


@dataclass(frozen=True, slots=True)
class Plane:
    """x and y: the ranges shown; left, top, width, height: where, in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 64.0
    top: float = 20.0
    width: float = 560.0
    height: float = 320.0

    def at(self, x: float, y: float) -> Point:
        """Where a point is, in pixels. Below the range: on the left or the lower edge; NaN as y: on the lower edge."""
        (x0, x1), (y0, y1) = self.x, self.y
        along = max((x - x0) / (x1 - x0), 0.0)
        share = max((y - y0) / (y1 - y0), 0.0) if math.isfinite(y) else 0.0
        return self.left + along * self.width, self.top + (1 - share) * self.height

    def items(self, xlabel: str, ylabel: str) -> list[Item]:
        """Frame, grid, numbers and the names of the two scales."""
        bottom, right = self.top + self.height, self.left + self.width
        drawn: list[Item] = [Box(self.left, self.top, self.width, self.height, stroke=RULE, line=1)]
        for value in ticks(*self.x):
            x = self.at(value, self.y[0])[0]
            drawn += [Line(((x, self.top), (x, bottom)), RULE, 0.8), Text(x, bottom + 14, _number(value), 11, MUTED)]
        for value in ticks(*self.y):
            y = self.at(self.x[0], value)[1]
            drawn += [
                Line(((self.left, y), (right, y)), RULE, 0.8),
                Text(self.left - 8, y, _number(value), 11, MUTED, "end"),
            ]
        return [
            *drawn,
            Text(self.left + self.width / 2, bottom + 36, xlabel),
            Text(16, self.top + self.height / 2, ylabel, turn=-90),
        ]


def _number(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
    return text.replace("-", "−")
