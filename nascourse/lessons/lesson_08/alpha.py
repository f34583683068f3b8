"""α during a recorded search: the weights as a heat map, beside it what would be derived from them, below both curves.

Every picture is a pure function of a film, a place in it and a kind of cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ipywidgets import HBox, Layout, ToggleButtons
from numpy.typing import NDArray

from ...errors import bad_input
from ...search.gradient.alpha_history import AlphaHistory
from ...spaces.graph import CellGraph, cell_of
from ...viz.compose import moved_all
from ...viz.explorer import Explorer, State, player
from ...viz.items import Box, Group, Item, Line, Text, marker
from ...viz.palette import CARD, INK, MUTED, RULE, SERIES, ink_on, operation_style
from ...viz.plane import Plane, series_key, spread
from ...viz.scene import Scene
from .staircase import PITCH, staircase_items

_LEFT, _NAME, _COLUMN, _ROW, _GAP, _TOP = 16.0, 42.0, 36.0, 21.0, 9.0, 84.0
_ENTROPY, _CELL = 56.0, 32.0
_PLOT = 92.0
_MOST = 501
"""Places on the curves: more could not be told apart."""


@dataclass(frozen=True)
class AlphaFilm:
    """A history and what its pictures need, worked out once.

    places: of the points on the curves; weights: kind -> (times, edges, operations), softmax of α; entropy: kind ->
    (times, edges) nats; skips: kind -> (places,) skip connections of what would be derived; titles: of the kinds, in
    words; span: where the colours end, log2 of how many times the uniform weight.
    """

    history: AlphaHistory
    places: NDArray[np.int64]
    weights: Mapping[str, NDArray[np.float32]]
    entropy: Mapping[str, NDArray[np.float32]]
    skips: Mapping[str, NDArray[np.int64]]
    titles: Mapping[str, str]
    span: float

    @classmethod
    def of(cls, history: AlphaHistory) -> AlphaFilm:
        if not len(history):
            raise bad_input("a history of no step", "α at one step or more", "record the search")
        weights = {kind: history.weights(kind) for kind in history.kinds}
        places = np.unique(np.linspace(0, len(history) - 1, min(len(history), _MOST)).round().astype(int))
        return cls(
            history,
            places,
            weights,
            {kind: history.entropy(kind) for kind in history.kinds},
            {kind: np.array([history.skips(int(t), kind) for t in places]) for kind in history.kinds},
            {cell.name: cell.title for cell in history.derived(0).cells()},
            # what falls to nothing must not bleach the rest: no weight is more than `operations` times the uniform one
            min(np.log2(len(history.ops)), max(float(np.abs(_times_uniform(w)).max()) for w in weights.values()) or 1),
        )


def alpha_scene(film: AlphaFilm, place: int, kind: str) -> Scene:
    """The heat map of one kind of cell at one place of the film, the cell that would be derived there, and the curves
    of entropy and skip connections up to the end with a marker there.

    A cell's number is its weight in percent, its colour how many times the uniform weight that is; a frame marks what
    would be derived. Raises `CourseError` for a place or a kind that was not recorded.
    """
    history = film.history
    if not 0 <= place < len(history):
        raise bad_input(f"place {place}", f"a place in 0..{len(history) - 1}", "choose one that was recorded")
    if kind not in history.kinds:
        raise bad_input(kind, f"a kind out of {', '.join(history.kinds)}", "choose one that was recorded")
    rows = _rows(history)
    cell = cell_of(history.derived(place), kind)
    kept, dead = _kept(history, cell)
    right = _LEFT + _NAME + _COLUMN * len(history.ops) + _ENTROPY + _CELL
    last = max(target for _, target in history.edges)
    width = right + PITCH * last + (28 if cell.concat else 70)
    names = {node: label.split()[0] for node, label in enumerate(cell.labels) if label != str(node)}
    concat = cell.outputs if cell.concat else ()
    skips = history.skips(place, kind)
    items: list[Item] = [
        Text(
            _LEFT, 22, f"{film.titles[kind]} after {_count(int(history.steps[place]), 'step')}", 14, INK, "start", True
        ),
        Text(right - 18, 22, f"derived now: {_count(skips, 'skip connection')}", 14, INK, "start", True),
        *_heat_map(film, place, kind, rows, kept),
        *moved_all(staircase_items(history.edges, rows, _ROW, kept, names, dead, concat), right, 0),
        *_legend(film, rows[-1] + _ROW / 2 + 26),
        *_curves(film, place, rows[-1] + 84, width),
    ]
    return Scene(width, rows[-1] + 84 + _PLOT + 76, tuple(items), _sentence(film, place, kind, kept, skips))


def _rows(history: AlphaHistory) -> list[float]:
    """The height of each edge's row; a gap before each new target."""
    heights, y = [], _TOP
    for before, (_, target) in zip((None, *history.edges), history.edges, strict=False):
        y += _GAP if before and before[1] != target else 0
        heights.append(y + _ROW / 2)
        y += _ROW
    return heights


def _kept(history: AlphaHistory, cell: CellGraph) -> tuple[dict[int, str], set[int]]:
    """The operation of each edge (by its row) that would be derived, and those of them that carry nothing."""
    rows = {edge: history.edges.index((edge.source, edge.target)) for edge in cell.edges}
    return {row: edge.op for edge, row in rows.items()}, {rows[edge] for edge in set(rows) - set(cell.live_edges)}


def _times_uniform(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """log2 of how many times the uniform weight each is: 0 where nothing was learned, 1 where it has doubled."""
    return np.log2(np.maximum(weights, 1e-9) * weights.shape[-1])


def _shade(share: float) -> str:
    """From orange at -1 over white at 0 to blue at 1."""
    end = (0, 82, 136) if share > 0 else (199, 117, 0)
    return "#" + "".join(f"{round(255 + (channel - 255) * min(abs(share), 1)):02X}" for channel in end)


def _heat_map(film: AlphaFilm, place: int, kind: str, rows: list[float], kept: Mapping[int, str]) -> Iterator[Item]:
    history, weights = film.history, film.weights[kind][place]
    shares = _times_uniform(weights) / film.span
    entropy = film.entropy[kind][place]
    x0 = _LEFT + _NAME
    for column, op in enumerate(history.ops):
        x, style = x0 + _COLUMN * (column + 0.5), operation_style(op)
        yield marker(style.marker, x, 44, 10, style.color)
        for line, words in enumerate(style.label.split()):
            yield Text(x, 58 + 12 * line, words, 10)
    yield Text(_LEFT, 58, "weight", 10, anchor="start")
    yield Text(_LEFT, 70, "in %", 10, MUTED, "start")
    yield Text(x0 + _COLUMN * len(history.ops) + 30, 58, "entropy", 10)
    yield Text(x0 + _COLUMN * len(history.ops) + 30, 70, "in nats", 10, MUTED)
    frames: list[Item] = []
    for row, ((source, target), y) in enumerate(zip(history.edges, rows, strict=True)):
        yield Text(x0 - 8, y, f"{source}→{target}", 11, anchor="end", bold=row in kept)
        cells: list[Item] = []
        for column, op in enumerate(history.ops):
            x, fill = x0 + _COLUMN * column, _shade(float(shares[row, column]))
            box = Box(x, y - _ROW / 2, _COLUMN, _ROW, fill, CARD, 1)
            here = kept.get(row) == op
            number = Text(x + _COLUMN / 2, y, _percent(float(weights[row, column])), 10.5, ink_on(fill), bold=here)
            cells += [box, number]
            if here:
                frames.append(Box(x + 0.5, y - _ROW / 2 + 0.5, _COLUMN - 1, _ROW - 1, stroke=INK, line=2.4))
        words = f"{source} → {target}: " + ", ".join(
            f"{operation_style(op).label} {_percent(float(w))} %"
            for op, w in zip(history.ops, weights[row], strict=True)
        )
        yield Group(tuple(cells), f"edge-{row}", words)
        yield Text(x0 + _COLUMN * len(history.ops) + 30, y, f"{entropy[row]:.3f}", 10.5)
    yield from frames  # on top of all cells


def _percent(weight: float) -> str:
    """A weight in percent, in at most four characters."""
    return f"{100 * weight:.1f}" if weight < 0.9995 else "100"


def _legend(film: AlphaFilm, y: float) -> Iterator[Item]:
    """What the colours mean."""
    x0, parts = _LEFT + _NAME, 16
    wide = _COLUMN * len(film.history.ops) / parts
    for part in range(parts):
        share = (part + 0.5) / parts * 2 - 1
        yield Box(x0 + wide * part, y - 5, wide + 0.4, 10, _shade(share))
    yield Box(x0, y - 5, wide * parts, 10, stroke=RULE, line=1)
    uniform = 100 / len(film.history.ops)
    times = 2**film.span
    for place, words in ((0.0, f"÷ {times:.3g}"), (0.5, f"uniform {uniform:.1f} %"), (1.0, f"× {times:.3g}")):
        anchor = "start" if place == 0 else "end" if place == 1 else "middle"
        yield Text(x0 + wide * parts * place, y + 16, words, 10.5, MUTED, anchor)  # type: ignore[arg-type]


def _curves(film: AlphaFilm, place: int, top: float, width: float) -> Iterator[Item]:
    """Mean entropy and skip connections of every kind over the steps, the place as a line with a marker on each."""
    history = film.history
    half, steps = width / 2, history.steps[film.places].tolist()
    at = int(np.abs(film.places - place).argmin())
    reach = (float(steps[0]), float(max(steps[-1], steps[0] + 1)))
    entropy = {kind: values[film.places].mean(1) for kind, values in film.entropy.items()}
    charts: list[tuple[float, str, Mapping[str, NDArray[Any]]]] = [
        (0.0, "mean entropy", entropy),
        (half, "skips derived", film.skips),
    ]
    for left, ylabel, curves in charts:
        values = [float(v) for series in curves.values() for v in series]
        values += [0.0, 4.0] if curves is film.skips else []  # whole numbers on the scale
        plane = Plane(reach, spread(values, 0.12), left + 72, top + 22, half - 94, _PLOT)
        yield from (*plane.frame("step", ylabel), plane.now(float(history.steps[place])))
        for k, (kind, series) in enumerate(curves.items()):
            style = SERIES[k]
            points = tuple(plane.at(float(s), float(v)) for s, v in zip(steps, series, strict=True))
            if len(points) > 1:
                yield Line(points, style.color, 1.8, style.dash)
            yield from (marker(style.marker, *points[at], size, fill) for size, fill in ((13, CARD), (10, style.color)))
            if len(curves) > 1:
                yield from series_key(plane.left + 140 * k, top + 8, style, film.titles[kind])


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _sentence(film: AlphaFilm, place: int, kind: str, kept: Mapping[int, str], skips: int) -> str:
    history = film.history
    edges = [
        f"{history.edges[row][0]}→{history.edges[row][1]} {operation_style(op).label}"
        for row, op in sorted(kept.items())
    ]
    whole = f" ({history.skips(place)} in both cells)" if len(history.kinds) > 1 else ""
    steps = f"{int(history.steps[place]):,} of {int(history.steps[-1]):,} steps"
    entropy = f"{film.entropy[kind][place].mean():.3f} of at most {np.log(len(history.ops)):.3f} nats"
    return (
        f"{film.titles[kind].capitalize()} after {steps}: mean entropy {entropy}, and what would be derived, "
        f"{', '.join(edges)}, has {_count(skips, 'skip connection')}{whole}."
    )


class AlphaEvolutionExplorer(Explorer):
    """α at each recorded step, what would be derived from it, and a switch between the kinds of cells. ``place``: where
    the player stands at first, the end where left out."""

    def __init__(self, history: AlphaHistory, place: int | None = None) -> None:
        self._film = AlphaFilm.of(history)
        start = len(history) - 1 if place is None else place
        play, slider = player(len(history), "step", 80, start=start, width=420)
        play.step = max(1, len(history) // 250)  # a longer search does not play longer
        slider.readout = False  # the picture says how many steps that is
        controls: dict[str, Any] = {"place": slider}
        panel: list[Any] = [HBox([slider, play])]
        if len(history.kinds) > 1:
            names = [(self._film.titles[kind], kind) for kind in history.kinds]
            controls["kind"] = ToggleButtons(options=names, style={"button_width": "120px"})
            panel = [HBox([*panel[0].children, controls["kind"]], layout=Layout(flex_flow="row wrap"))]
        super().__init__(controls, panel, room=640)

    def render(self, state: State) -> Scene:
        return alpha_scene(self._film, state["place"], state.get("kind", self._film.history.kinds[0]))
