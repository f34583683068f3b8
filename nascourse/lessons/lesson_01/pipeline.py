"""The syllabus' pipeline picture: search space → architecture optimization → model estimation.

After He, Zhao & Chu, *AutoML: A Survey of the State-of-the-Art*, whose figure the syllabus shows; drawn anew, with
what the course treats set apart from what it only names.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...viz.items import Box, Item, Line, Text
from ...viz.palette import CARD, FAINT, INK, MUTED, SERIES, Style
from ...viz.scene import Scene


@dataclass(frozen=True, slots=True)
class Column:
    """One stage of the pipeline: its heading and its (method, lesson) rows; no lesson: named only."""

    heading: str
    question: str
    rows: tuple[tuple[str, str], ...]
    style: Style


PIPELINE = (
    Column(
        "Search space",
        "What may be built?",
        (("entire-structured", "02"), ("cell-based", "03"), ("morphism-based", "04"), ("hierarchical", "")),
        SERIES[0],
    ),
    Column(
        "Architecture optimization",
        "Which one is tried next?",
        (
            ("random search", "01"),
            ("evolution", "05"),
            ("reinforcement learning", "06"),
            ("gradient descent", "07–08"),
            ("Bayesian optimization", ""),
            ("hybrid", ""),
        ),
        SERIES[1],
    ),
    Column(
        "Model estimation",
        "How good is it?",
        (
            ("training in full", "01"),
            ("weight sharing", "08–09"),
            ("resource-aware", "11"),
            ("low fidelity", ""),
            ("early stopping", ""),
            ("surrogate", ""),
        ),
        SERIES[2],
    ),
)

_WIDTH, _GAP, _LEFT, _TOP = 226.0, 79.0, 32.0, 74.0
_ROW, _HEAD = 34.0, 62.0


def pipeline_scene() -> Scene:
    """Three columns; solid rows with a lesson's number are treated, dashed ones are named only."""
    height = _HEAD + _ROW * max(len(column.rows) for column in PIPELINE) + 12
    lefts = [_LEFT + k * (_WIDTH + _GAP) for k in range(len(PIPELINE))]
    items = [
        *_brace(lefts[0], lefts[1] + _WIDTH, "model generation"),
        *_brace(lefts[2], lefts[2] + _WIDTH, "model evaluation"),
        *(item for left, column in zip(lefts, PIPELINE, strict=True) for item in _column(column, left, height)),
        *_arrows(lefts, height),
        *_legend(_TOP + height + 26),
    ]
    taught = [f"{name} ({lesson})" for column in PIPELINE for name, lesson in column.rows if lesson]
    alt = (
        "The pipeline of neural architecture search in three columns: search space, architecture optimization, "
        "model estimation. A space offers candidates, the optimization hands an architecture to the estimation and "
        f"gets its score back. Taught, with the lesson: {', '.join(taught)}; the others are named only."
    )
    return Scene(lefts[-1] + _WIDTH + _LEFT, _TOP + height + 72, tuple(items), alt)


def _brace(left: float, right: float, words: str) -> list[Item]:
    middle, y = (left + right) / 2, 54.0
    return [
        Text(middle, 26, words, 14, MUTED, italic=True),
        Line(((left, y + 8), (left, y), (right, y), (right, y + 8)), FAINT, 1.5),
        Line(((middle, y), (middle, y - 9)), FAINT, 1.5),
    ]


def _column(column: Column, left: float, height: float) -> list[Item]:
    middle = left + _WIDTH / 2
    items: list[Item] = [
        Box(left, _TOP, _WIDTH, height, fill=column.style.tint, radius=8),
        Box(left, _TOP, _WIDTH, 5, fill=column.style.color, radius=2.5),
        Text(middle, _TOP + 24, column.heading, 14.5, bold=True),
        Text(middle, _TOP + 45, column.question, 12, MUTED),
    ]
    for k, (name, lesson) in enumerate(column.rows):
        items += _row(name, lesson, left + 14, _TOP + _HEAD + k * _ROW, column.style.color)
    return items


def _row(name: str, lesson: str, left: float, top: float, color: str) -> list[Item]:
    width, height = _WIDTH - 28, _ROW - 8
    middle = top + height / 2
    return [
        _box(left, top, width, height, color if lesson else ""),
        Text(left + 12, middle, name, 12.5, INK if lesson else MUTED, anchor="start"),
        *([Text(left + width - 10, middle, lesson, 12, MUTED, anchor="end")] if lesson else []),
    ]


def _box(left: float, top: float, width: float, height: float, color: str = "") -> Box:
    """Solid in the colour of what is taught; dashed where there is none."""
    if color:
        return Box(left, top, width, height, CARD, color, 1.6, radius=5)
    return Box(left, top, width, height, stroke=FAINT, line=1.2, dash=(4, 3), radius=5)


def _arrows(lefts: list[float], height: float) -> list[Item]:
    """Candidates to the right, an architecture to the estimation, its score back below the columns."""
    y, bottom = _TOP + height * 0.4, _TOP + height
    items: list[Item] = []
    for left, words in zip(lefts[1:], ("candidates", "architecture"), strict=True):
        items += [
            Line(((left - _GAP + 5, y), (left - 5, y)), INK, 2.4, arrow=True),
            Text(left - _GAP / 2, y - 14, words, 10.5, INK),
        ]
    start, end = lefts[2] + _WIDTH / 2, lefts[1] + _WIDTH / 2
    back = ((start, bottom + 4), (start, bottom + 50), (end, bottom + 50), (end, bottom + 5))
    return [
        *items,
        Line(back, INK, 2.4, dash=(7, 4), curved=True, arrow=True),
        Text((start + end) / 2, bottom + 22, "score", 12, INK),
    ]


def _legend(y: float) -> list[Item]:
    return [
        _box(_LEFT, y - 8, 30, 16, INK),
        Text(_LEFT + 40, y, "taught, with the number of its lesson", 12, INK, anchor="start"),
        _box(_LEFT, y + 14, 30, 16),
        Text(_LEFT + 40, y + 22, "named only", 12, MUTED, anchor="start"),
    ]
