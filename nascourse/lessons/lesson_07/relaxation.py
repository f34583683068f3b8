"""The relaxation as pictures: a cell before, during and after it, and the mixed output of one edge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from ipywidgets import FloatSlider, Layout
from numpy.typing import ArrayLike, NDArray

from ...errors import bad_input
from ...spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell
from ...viz.cells import cell_scene
from ...viz.compose import above
from ...viz.dag import DagEdge, DagNode, dag_scene
from ...viz.explorer import Explorer, State
from ...viz.items import Box, Group, Item, Line, Text, star, text_width
from ...viz.palette import CARD, INK, MUTED, RULE, SERIES, operation_style
from ...viz.plane import number
from ...viz.scene import Scene

_NODES = (DagNode("0", "image", "box"), DagNode("1"), DagNode("2", "output", "box"))
_MICRO_NODES = (DagNode("0", "input 0", "box"), DagNode("1"), DagNode("2"), DagNode("3", "output 3", "box"))
_PAIRS = ((0, 1), (0, 2), (1, 2))
_SHADES = 16
_LAP = 0.6
SHARPEN, SHIFT = "sharpen", "shift"


def relaxation_panels(alphas: ArrayLike, names: Sequence[str], styles: Mapping[str, str], unknown: str = "?") -> Scene:
    """Three panels of a cell with three edges: nothing known, a mixture on every edge, the strongest kept.

    alphas: (3 edges, operations); names: of the operations; styles: for each name the primitive it is drawn like.
    """
    weights = softmax(alphas)
    kept = [names[k] for k in weights.argmax(1)]
    panels = (
        ("a · unknown", [DagEdge(str(i), str(j), label=unknown) for i, j in _PAIRS]),
        ("b · mixed on every edge", _mixtures(_PAIRS, weights, [styles[name] for name in names])),
        (
            "c · the strongest kept",
            [DagEdge(str(i), str(j), styles[name], name) for (i, j), name in zip(_PAIRS, kept, strict=True)],
        ),
    )
    alt = (
        "The same cell of three nodes three times. a: every edge carries a question mark. b: every edge is a bundle of "
        f"{len(names)} lines, one for each operation, as thick as its softmax weight. c: the thickest of each "
        f"bundle is left, {', '.join(kept)}."
    )
    return above(*(dag_scene(_NODES, edges, title, title) for title, edges in panels), alt=alt)


def darts_panels(start: ArrayLike, learned: ArrayLike, unknown: str = "?") -> Scene:
    """The syllabus' picture of DARTS, the micro cell four times: operations unknown; a mixture of all on every edge, as
    α starts; the weights learned; the strongest kept. start, learned: α, (6 edges, operations of `MICRO_OPS`)."""
    before, after = softmax(start), softmax(learned)
    if before.shape != after.shape or before.shape != (len(MICRO_EDGES), len(MICRO_OPS)):
        raise bad_input(
            f"α of shape {before.shape} and {after.shape}",
            f"two of shape (edges, operations) = {(len(MICRO_EDGES), len(MICRO_OPS))}",
            "take both from one search on MicroSpace",
        )
    kept = MicroCell(tuple(MICRO_OPS[o] for o in after.argmax(1)))
    panels = [
        ("a · operations unknown", [DagEdge(str(i), str(j), label=unknown) for i, j in MICRO_EDGES]),
        ("b · a mixture of all on every edge", _mixtures(MICRO_EDGES, before, MICRO_OPS, 0, 9)),
        ("c · weights learned", _mixtures(MICRO_EDGES, after, MICRO_OPS, 0, 9)),
    ]
    scenes = [dag_scene(_MICRO_NODES, edges, title, title) for title, edges in panels]
    scenes.append(cell_scene(kept, title="d · the strongest kept"))
    words = ", ".join(f"{i}→{j} {operation_style(op).label}" for i, j, op in kept.edges())
    alt = (
        "The same cell of four nodes four times. a: each of its six edges carries a question mark. b: every edge is a "
        f"bundle of {len(MICRO_OPS)} lines, one for each operation, all about as thick. c: they are as thick as the "
        f"weights learned. d: the thickest of each bundle is left: {words}."
    )
    return above(*scenes, _line_key(), alt=alt)


def _mixtures(
    pairs: Sequence[tuple[int, int]],
    weights: NDArray[np.float64],
    ops: Sequence[str],
    least: float = 0.8,
    slope: float = 4.5,
) -> list[DagEdge]:
    """For each pair a bundle of lines, as thick as their weights: from ``least`` pixels for 0, ``slope`` more for 1.
    weights: (pairs, operations)."""
    return [
        DagEdge(str(i), str(j), op, "", width=least + slope * float(weight))
        for (i, j), row in zip(pairs, weights, strict=True)
        for op, weight in zip(ops, row, strict=True)
    ]


def _line_key() -> Scene:
    """The lines of all operations with their names."""
    items: list[Item] = []
    x = 18.0
    for op in MICRO_OPS:
        style = operation_style(op)
        items += [
            Line(((x, 12), (x + 34, 12)), style.color, 2.2, style.dash),
            Text(x + 42, 12, style.label, 12, anchor="start"),
        ]
        x += 66 + text_width(style.label, 12)
    return Scene(x - 6, 34, tuple(items), "")


def mixed_output_scene(names: Sequence[str], outputs: ArrayLike, alphas: Sequence[float]) -> Scene:
    """One edge: what each operation makes of the image, its α and softmax weight, and beside it the mixture and what
    argmax would keep of it. outputs: (operations, height, width), not negative. Raises `CourseError` for numbers
    that do not fit together."""
    pictures = np.asarray(outputs, dtype=float)
    if pictures.ndim != 3 or not len(names) == len(pictures) == len(alphas):
        raise bad_input(
            f"{len(names)} names, outputs {pictures.shape}, {len(alphas)} alphas",
            "one name, one picture (height, width) and one α for each operation",
            "see the explorer of lesson 07",
        )
    weights = softmax([alphas])[0]
    best, mixture = int(weights.argmax()), np.tensordot(weights, pictures, 1)
    lost = discretization_error(pictures, weights)
    items: list[Item] = [
        Text(18, 22, "operation", 12, MUTED, "start"),
        Text(102, 22, "o(x)", 12, MUTED),
        Text(146, 22, "α", 12, MUTED),
        Text(180, 22, "softmax weight", 12, MUTED, "start"),
    ]
    white = float(pictures.max()) or 1.0
    for k, name in enumerate(names):
        y = 38 + 48 * k
        chosen = k == best
        items += [
            Text(18, y + 21, name, 12, INK, "start", bold=chosen),
            _pixels(pictures[k], 81, y, 3, white),
            Text(146, y + 21, number(alphas[k], ".1f"), 12),
            Box(180, y + 11, 150, 20, fill=CARD, stroke=RULE, line=1),
            Box(180, y + 11, max(150 * float(weights[k]), 0.5), 20, fill=SERIES[1 if chosen else 0].color),
            Text(338, y + 21, f"{weights[k]:.2f}", 12, anchor="start", bold=chosen),
        ]
        if chosen:
            items += star(382, y + 21, 17)
    size = 8
    side = size * pictures.shape[1]
    left, top = 446, 38
    items += [
        Text(left + size * pictures.shape[2] / 2, 22, "mixture", 13, bold=True),
        _pixels(mixture, left, top, size, white),
        Text(left + size * pictures.shape[2] / 2, top + side + 22, f"argmax keeps: {names[best]}", 13, bold=True),
        _pixels(pictures[best], left, top + side + 38, size, white),
        Text(left + size * pictures.shape[2] / 2, top + 2 * side + 56, f"difference {_percent(lost)}", 12, MUTED),
    ]
    height = max(38 + 48 * len(names), top + 2 * side + 66) + 12
    words = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, weights, strict=True))
    alt = f"Softmax weights: {words}. Argmax keeps {names[best]}; it differs from the mixture by {_percent(lost)}."
    return Scene(left + size * pictures.shape[2] + 46, height, tuple(items), alt)


def discretization_error(outputs: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """‖o_best(x) − mixture‖ / ‖mixture‖, o_best the operation of largest weight; infinite where the mixture is 0."""
    mixture = np.tensordot(weights, outputs, 1)
    size = float(np.linalg.norm(mixture))
    return float(np.linalg.norm(outputs[weights.argmax()] - mixture)) / size if size else math.inf


def softmax(alphas: ArrayLike) -> NDArray[np.float64]:
    """Rows of weights. alphas: (edges, operations)."""
    rows = np.asarray(alphas, dtype=float)
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _percent(part: float) -> str:
    return f"{part:.0%}" if math.isfinite(part) else "without bound"


def _pixels(image: NDArray[np.float64], x: float, y: float, size: int, white: float) -> Group:
    """A grey picture, black 0; neighbours of one shade share a box, so that the live picture stays small. Boxes reach
    a little under the next ones, or a picture that the page shrinks shows the ground between them."""
    levels = np.clip(np.round(image / white * (_SHADES - 1)), 0, _SHADES - 1).astype(int)
    height, width = levels.shape
    items: list[Item] = [Box(x, y, width * size, height * size, fill="#000000")]
    for row, line in enumerate(levels):
        column = 0
        for level, run in groupby(line.tolist()):
            length = len(list(run))
            if level:
                grey = round(255 * level / (_SHADES - 1))
                right, down = _LAP * (column + length < width), _LAP * (row + 1 < height)
                fill = f"#{grey:02X}{grey:02X}{grey:02X}"
                items.append(Box(x + column * size, y + row * size, length * size + right, size + down, fill=fill))
            column += length
    return Group(tuple(items))


class RelaxationExplorer(Explorer):
    """A slider for the α of each operation, one that multiplies all of them and one that is added to all.

    names: of the operations, also of their controls; outputs: (operations, height, width), what each makes of the
    image; alphas: where the sliders start.
    """

    def __init__(self, names: Sequence[str], outputs: ArrayLike, alphas: Sequence[float] | None = None) -> None:
        self._names, self._outputs = tuple(names), np.asarray(outputs, dtype=float)
        start = alphas if alphas is not None else [0.0] * len(names)
        controls = {name: _slider(name, value, -3, 3) for name, value in zip(names, start, strict=True)}
        super().__init__(controls | {SHARPEN: _slider("all times", 1, 0, 8), SHIFT: _slider("all plus", 0, -5, 5)})

    def render(self, state: State) -> Scene:
        alphas = [state[SHARPEN] * state[name] + state[SHIFT] for name in self._names]
        return mixed_output_scene(self._names, self._outputs, alphas)


def _slider(description: str, value: float, low: float, high: float) -> FloatSlider:
    return FloatSlider(
        value,
        min=low,
        max=high,
        step=0.1,
        description=description,
        readout_format=".1f",
        style={"description_width": "70px"},
        layout=Layout(width="260px"),
    )
