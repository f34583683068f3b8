"""The syllabus' flow picture of evolution: initialization, then select, cross, mutate and update until it is time."""

from __future__ import annotations

from ...viz.items import Box, Group, Item, Line, Point, Polygon, Text
from ...viz.palette import CARD, INK, MUTED, SERIES, Style
from ...viz.scene import Scene

STEPS = (
    ("selection", "Who becomes a parent?", ("by fitness, by rank,", "by tournament")),
    ("crossover", "What does a child inherit?", ("half of the structure", "of each parent")),
    ("mutation", "What is new in it?", ("another operation or input,", "a skip connection less")),
    ("update", "Who stays?", ("the child is evaluated and", "joins; oldest or worst go")),
)
"""Each step with the question it answers and what may be chosen for it."""

_WIDTH, _HEIGHT, _GAP, _LEFT = 190.0, 104.0, 34.0, 32.0
_ROW, _STEPS_TOP = 96.0, 186.0
_DIAMOND = (54.0, 34.0)


def evolution_scene() -> Scene:
    """After He, Zhao & Chu, *AutoML: A Survey of the State-of-the-Art*, whose figure the syllabus shows."""
    step_x = [_LEFT + 84 + k * (_WIDTH + _GAP) for k in range(len(STEPS))]
    stop_x = step_x[0] + _WIDTH / 2 + 60
    right, middle = step_x[-1] + _WIDTH, _STEPS_TOP + _HEIGHT / 2
    half_w, half_h = _DIAMOND
    corners = ((stop_x, _ROW - half_h), (stop_x + half_w, _ROW), (stop_x, _ROW + half_h), (stop_x - half_w, _ROW))
    back = ((right, middle), (right + 36, middle), (right + 36, 28), (stop_x, 28), (stop_x, _ROW - half_h - 1))
    items: list[Item] = [
        *_card("initialization", ("random founders,", "evaluated"), _LEFT, _ROW - 36, 168, 72, SERIES[4]),
        Polygon(corners, CARD, INK, 1.8),
        Text(stop_x, _ROW, "stop?", 13, bold=True),
        *_card(
            "best architecture",
            ("the fittest of all", "that were evaluated"),
            right - 330,
            _ROW - 36,
            190,
            72,
            SERIES[4],
        ),
        _arrow((_LEFT + 168, _ROW), (stop_x - half_w - 1, _ROW)),
        _arrow((stop_x + half_w, _ROW), (right - 331, _ROW)),
        Text(stop_x + half_w + 26, _ROW - 12, "yes", 12, MUTED),
        _arrow((stop_x, _ROW + half_h), (stop_x, _STEPS_TOP - 1)),
        Text(stop_x + 14, (_ROW + half_h + _STEPS_TOP) / 2 - 3, "no", 12, MUTED),
        _arrow(*back),
        Text((stop_x + right) / 2, 16, "next generation", 12, MUTED),
    ]
    for k, ((name, question, choices), left) in enumerate(zip(STEPS, step_x, strict=True)):
        card = _card(f"{k + 1} · {name}", choices, left, _STEPS_TOP, _WIDTH, _HEIGHT, SERIES[k])
        asked = Text(left + _WIDTH / 2, _STEPS_TOP + 40, question, 12)
        items.append(Group((*card, asked), f"step-{name}", question))
        if k:
            items.append(_arrow((left - _GAP, middle), (left - 1, middle)))
    alt = (
        "Flow of evolution. Initialization leads to the question: stop? Yes: the best architecture is the result. No: "
        + ", then ".join(name for name, _, _ in STEPS)
        + ", and back to the question. "
        + " ".join(f"{name.capitalize()}: {' '.join(choices)}." for name, _, choices in STEPS)
    )
    return Scene(right + 36 + _LEFT, _STEPS_TOP + _HEIGHT + 24, tuple(items), alt)


def _arrow(*points: Point) -> Line:
    return Line(points, INK, 2.2, arrow=True)


def _card(
    name: str, lines: tuple[str, ...], left: float, top: float, width: float, height: float, style: Style
) -> list[Item]:
    """A box with a heading and lines of text at its foot."""
    middle, foot = left + width / 2, top + height - 14 - 17 * (len(lines) - 1)
    return [
        Box(left, top, width, height, fill=style.tint, stroke=style.color, line=1.8, radius=8),
        Text(middle, top + 20, name, 13.5, bold=True),
        *(Text(middle, foot + 17 * k, line, 11.5, MUTED) for k, line in enumerate(lines)),
    ]
