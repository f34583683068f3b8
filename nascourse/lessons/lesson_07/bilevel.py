"""The plane of one weight and one α: where the inner loss is least, where the outer one, and how methods move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...search.gradient.bilevel import toy_path
from ...viz.figures import series_style
from ...viz.palette import CARD, FAINT, INK, MARK, MUTED, RULE
from ...viz.scene import Box, Item, Line, Point, Scene, Text, marker

ALPHAS, WEIGHTS = (0.0, 4.5), (-2.5, 4.5)
"""The part of the plane that is drawn."""
_LEFT, _TOP, _WIDTH, _HEIGHT = 56.0, 24.0, 440.0, 380.0
_LEVELS = (-7, -5, -3, -1, 0, 1, 3, 5, 7)

Path = Sequence[tuple[float, float]]
"""(α, w) at each step."""


def toy_methods(
    xi: float, steps: int, rate_alpha: float = 0.1, w_steps: int = 1
) -> dict[str, list[tuple[float, float]]]:
    """The paths of first order, one unrolled step with this ξ, and the exact hypergradient on the toy problem."""
    chosen = {"first order (ξ = 0)": 0.0, f"one step (ξ = {xi:.2f})": xi, "exact (ξ = 1/2)": 0.5}
    return {
        name: toy_path(value, rate_alpha=rate_alpha, w_steps=w_steps, steps=steps) for name, value in chosen.items()
    }


def landscape_scene(paths: Mapping[str, Path]) -> Scene:
    """The paths on the contours of L_val(w, α) = αw − 2α + 1, with the line w = w*(α) = α and the solution (1, 1)."""
    items: list[Item] = [Box(_LEFT, _TOP, _WIDTH, _HEIGHT, fill=CARD, stroke=RULE), *_ticks()]
    for level in _LEVELS:
        points = [(a / 50, 2 + (level - 1) / (a / 50)) for a in range(1, round(50 * ALPHAS[1]) + 1)]
        for piece in _inside(points):
            items.append(Line(tuple(map(_at, piece)), FAINT, 1, (1.5, 3)))
            x, y = _at(piece[-1])
            on_side = piece[-1][0] > ALPHAS[1] - 0.05
            items.append(Text(x + 5 if on_side else x, y if on_side else y + 10, _signed(level), 10, MUTED, "start"))
    low = max(ALPHAS[0], WEIGHTS[0])
    items += [
        Line((_at((low, low)), _at((ALPHAS[1], ALPHAS[1]))), INK, 1.6, (7, 4)),
        Text(*_at((3.5, 3.85)), "w = w*(α)", 12, INK, turn=-29),
    ]
    for k, (name, path) in enumerate(paths.items()):
        items += _drawn(k, name, path)
    x, y = _at((1, 1))
    items += [
        marker("*", x, y, 20, INK),
        marker("*", x, y, 11, MARK),
        Text(x - 14, y - 6, "solution", 12, anchor="end"),
    ]
    endings = [f"{name}: α = {path[-1][0]:.2f}, outer loss {_outer(path):.2f}" for name, path in paths.items()]
    steps = max(len(path) for path in paths.values()) - 1
    alt = f"After {steps} steps on the plane of α and w, from (2, −2). {'. '.join(endings)}. The solution is α = w = 1."
    return Scene(_LEFT + _WIDTH + 250, _TOP + _HEIGHT + 56, tuple(items), alt)


def _signed(value: int) -> str:
    return str(value).replace("-", "−")


def _outer(path: Path) -> float:
    """L_val(w*(α), α) at the end of a path."""
    return (path[-1][0] - 1) ** 2


def _drawn(k: int, name: str, path: Path) -> list[Item]:
    """A path with a marker at its end, and its lines in the legend."""
    style = series_style(k)
    items: list[Item] = [
        Line(tuple(map(_at, piece)), style.color, 2.2, style.dash) for piece in _inside(path) if len(piece) > 1
    ]
    if _within(path[-1]):
        items.append(marker(style.marker, *_at(path[-1]), 12, style.color))
    x, y = _LEFT + _WIDTH + 36, _TOP + 20 + 84 * k
    return [
        *items,
        Line(((x, y), (x + 34, y)), style.color, 2.2, style.dash),
        marker(style.marker, x + 17, y, 11, style.color),
        Text(x + 44, y, name, 12, anchor="start", bold=True),
        Text(x + 44, y + 20, f"α = {path[-1][0]:.2f}, w = {path[-1][1]:.2f}", 12, MUTED, "start"),
        Text(x + 44, y + 40, f"outer loss {_outer(path):.3f}", 12, MUTED, "start"),
    ]


def _ticks() -> Iterator[Item]:
    for value in range(int(ALPHAS[0]), int(ALPHAS[1]) + 1):
        x, y = _at((value, WEIGHTS[0]))
        yield Text(x, y + 14, str(value), 11, MUTED)
    for value in range(-2, int(WEIGHTS[1]) + 1):
        x, y = _at((ALPHAS[0], value))
        yield Text(x - 8, y, _signed(value), 11, MUTED, "end")
    yield Text(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 36, "α, the architecture", 12)
    yield Text(16, _TOP + _HEIGHT / 2, "w, the weight", 12, turn=-90)


def _at(point: tuple[float, float]) -> Point:
    (a0, a1), (w0, w1) = ALPHAS, WEIGHTS
    return _LEFT + (point[0] - a0) / (a1 - a0) * _WIDTH, _TOP + (w1 - point[1]) / (w1 - w0) * _HEIGHT


def _within(point: tuple[float, float]) -> bool:
    return ALPHAS[0] <= point[0] <= ALPHAS[1] and WEIGHTS[0] <= point[1] <= WEIGHTS[1]


def _inside(path: Path) -> Iterator[list[tuple[float, float]]]:
    """The stretches of a path that lie in the drawn part of the plane."""
    piece: list[tuple[float, float]] = []
    for point in path:
        if _within(point):
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece
