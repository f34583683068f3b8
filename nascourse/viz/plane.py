"""A plane with two scales, as items of a scene: for charts that follow a control, where Matplotlib is too slow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from statistics import quantiles

from matplotlib.ticker import MaxNLocator

from .items import Box, Item, Line, Point, Text, marker
from .palette import INK, MUTED, RULE, Style


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


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in low..high, 1, 2 or 5 times a power of ten apart."""
    values = MaxNLocator(5, steps=(1, 2, 5, 10)).tick_values(low, high)
    return [float(value) for value in values if low <= value <= high]


def number(value: float, form: str = "") -> str:
    """A number as a chart writes it: a real minus, thousands set apart."""
    return format(value, form or (",.0f" if abs(value) >= 100 else ".4g")).replace("-", "−")


@dataclass(frozen=True, slots=True)
class Plane:
    """x and y: the ranges shown; left, top, width, height: where, in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 64.0
    top: float = 20.0
    width: float = 560.0
    height: float = 320.0

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def at(self, x: float, y: float) -> Point:
        """Where a point is, in pixels. Below the range: on the left or the lower edge; NaN as y: on the lower edge."""
        (x0, x1), (y0, y1) = self.x, self.y
        along = max((x - x0) / (x1 - x0), 0.0)
        share = max((y - y0) / (y1 - y0), 0.0) if math.isfinite(y) else 0.0
        return self.left + along * self.width, self.top + (1 - share) * self.height

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies within both ranges."""
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]

    def pieces(self, points: Iterable[Point]) -> Iterator[tuple[Point, ...]]:
        """The pieces of a path that lie within both ranges, in pixels."""
        for held, piece in groupby(points, lambda point: self.holds(*point)):
            if held:
                yield tuple(self.at(*point) for point in piece)

    def frame(self, xlabel: str, ylabel: str) -> list[Item]:
        """Frame, grid, numbers and the names of the two scales."""
        drawn: list[Item] = [Box(self.left, self.top, self.width, self.height, stroke=RULE, line=1)]
        for value in ticks(*self.x):
            x, y = self.at(value, self.y[0])
            drawn += [Line(((x, self.top), (x, y)), RULE, 0.8), Text(x, y + 14, number(value), 11, MUTED)]
        for value in ticks(*self.y):
            x, y = self.at(self.x[0], value)
            drawn += [Line(((x, y), (self.right, y)), RULE, 0.8), Text(x - 8, y, number(value), 11, MUTED, "end")]
        return [
            *drawn,
            Text(self.left + self.width / 2, self.bottom + 36, xlabel),
            Text(self.left - 48, self.top + self.height / 2, ylabel, turn=-90),
        ]

    def now(self, x: float) -> Line:
        """An upright dotted line: where a player stands."""
        at = self.at(x, self.y[0])[0]
        return Line(((at, self.top), (at, self.bottom)), INK, 1.2, (2, 3))


def series_key(x: float, y: float, style: Style, name: str, bold: bool = False) -> tuple[Item, ...]:
    """The line and the marker of a series and its name, for a legend."""
    return (
        Line(((x, y), (x + 30, y)), style.color, 2.2, style.dash),
        marker(style.marker, x + 15, y, 9, style.color),
        Text(x + 38, y, name, 12, anchor="start", bold=bold),
    )
