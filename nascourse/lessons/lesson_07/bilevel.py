"""The plane of one weight and one α: where the inner loss is least, where the outer one, and how methods move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ipywidgets import FloatSlider, HBox, IntSlider, Layout

from ...viz.explorer import Explorer, State, player
from ...viz.figures import series_style
from ...viz.items import Item, Line, Text, marker, star
from ...viz.palette import FAINT, INK, MUTED
from ...viz.plane import Plane, number, series_key
from ...viz.scene import Scene
from .problems import toy_path

PLANE = Plane((0.0, 4.5), (-2.5, 4.5), left=64, top=24, width=440, height=380)
"""The part of the plane of α and w that is drawn."""
STEPS = 60
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
    high = PLANE.x[1]
    items = [
        *PLANE.frame("α, the architecture", "w, the weight"),
        *_contours(),
        Line((PLANE.at(0, 0), PLANE.at(high, high)), INK, 1.6, (7, 4)),
        Text(*PLANE.at(3.5, 3.85), "w = w*(α)", 12, INK, turn=-29),
    ]
    for k, (name, path) in enumerate(paths.items()):
        items += _drawn(k, name, path)
    x, y = PLANE.at(1, 1)
    items += [*star(x, y, 20), Text(x - 14, y - 6, "solution", 12, anchor="end")]
    endings = [f"{name}: α = {path[-1][0]:.2f}, outer loss {_outer(path):.2f}" for name, path in paths.items()]
    steps = max(len(path) for path in paths.values()) - 1
    alt = f"After {steps} steps on the plane of α and w, from (2, −2). {'. '.join(endings)}. The solution is α = w = 1."
    return Scene(PLANE.right + 250, PLANE.bottom + 56, tuple(items), alt)


def _contours() -> list[Item]:
    """The lines on which the outer loss has one value, with the value where they leave the plane."""
    items: list[Item] = []
    for level in _LEVELS:
        alphas = [k / 50 for k in range(1, round(50 * PLANE.x[1]) + 1)]
        for piece in PLANE.pieces((a, 2 + (level - 1) / a) for a in alphas):
            x, y = piece[-1]
            right = PLANE.right - x < 5
            items += [
                Line(piece, FAINT, 1, (1.5, 3)),
                Text(x + 5 if right else x, y if right else y + 10, number(level), 10, MUTED, "start"),
            ]
    return items


def _outer(path: Path) -> float:
    """L_val(w*(α), α) at the end of a path."""
    return (path[-1][0] - 1) ** 2


def _drawn(k: int, name: str, path: Path) -> list[Item]:
    """A path with a marker at its end, and its lines in the legend."""
    style, (alpha, w) = series_style(k), path[-1]
    items: list[Item] = [Line(piece, style.color, 2.2, style.dash) for piece in PLANE.pieces(path) if len(piece) > 1]
    if PLANE.holds(alpha, w):
        items.append(marker(style.marker, *PLANE.at(alpha, w), 12, style.color))
    x, y = PLANE.right + 36, PLANE.top + 20 + 84 * k
    return [
        *items,
        *series_key(x, y, style, name, bold=True),
        Text(x + 38, y + 20, f"α = {alpha:.2f}, w = {w:.2f}", 12, MUTED, "start"),
        Text(x + 38, y + 40, f"outer loss {_outer(path):.3f}", 12, MUTED, "start"),
    ]


class BilevelExplorer(Explorer):
    """ξ, how often w steps for each step of α, how far α steps, and a player through the walk."""

    def __init__(self, xi: float = 0.25, step: int = STEPS) -> None:
        style, layout = {"description_width": "96px"}, Layout(width="300px")
        play, slider = player(STEPS + 1, start=step, label=96)
        controls = {
            "xi": FloatSlider(xi, min=0, max=1, step=0.05, description="ξ", style=style, layout=layout),
            "w_steps": IntSlider(1, min=1, max=10, description="w steps per α", style=style, layout=layout),
            "rate_alpha": FloatSlider(
                0.1, min=0.02, max=0.3, step=0.02, description="step size of α", style=style, layout=layout
            ),
            "step": slider,
        }
        super().__init__(controls, [*controls.values(), HBox([play])])

    def render(self, state: State) -> Scene:
        return landscape_scene(toy_methods(state["xi"], state["step"], state["rate_alpha"], state["w_steps"]))
