"""Colours, dashes and marker shapes. Nothing in the course is told by colour alone.

Colours are those of Okabe and Ito (*Color Universal Design*, 2008); where one is too pale for a thin line on a
white card it is darkened, so that every line has a contrast of at least 3 and every text of at least 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import bad_input

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "bluish green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "reddish purple": "#CC79A7",
}

CARD = "#FFFFFF"
"""Every picture brings its own light background, so it reads the same on a light and on a dark page."""
INK = "#1A1A1A"
MUTED = "#5F5F5F"
FAINT = "#8A8A8A"
"""For lines only: too pale for text."""
RULE = "#D9DDE2"
MARK = OKABE_ITO["yellow"]
"""The halo of what has changed; always together with a star."""

_ORANGE = "#A87400"
_PURPLE = "#A8508A"


@dataclass(frozen=True, slots=True)
class Style:
    """How one thing is drawn: line colour, dash (lengths on and off in pixels; empty: solid), the letter Matplotlib
    has for its marker, a short label, and a pale tint for areas."""

    color: str
    dash: tuple[float, ...]
    marker: str
    label: str
    tint: str = CARD


_BLUE_TINT, _RED_TINT, _GREEN_TINT, _PURPLE_TINT = "#E5F1F8", "#FBEBE0", "#E2F4EE", "#F6E9F1"

OPERATIONS: dict[str, Style] = {
    "none": Style(FAINT, (1.5, 4.0), "X", "none", "#F4F4F4"),
    "skip_connect": Style(INK, (), ">", "skip", "#ECECEC"),
    "nor_conv_1x1": Style(OKABE_ITO["vermillion"], (8.0, 3.0), "d", "conv 1×1", _RED_TINT),
    "nor_conv_3x3": Style(OKABE_ITO["vermillion"], (), "s", "conv 3×3", _RED_TINT),
    "avg_pool_3x3": Style(OKABE_ITO["bluish green"], (8.0, 3.0), "o", "avg 3×3", _GREEN_TINT),
    "max_pool_3x3": Style(OKABE_ITO["bluish green"], (), "^", "max 3×3", _GREEN_TINT),
    "sep_conv_3x3": Style(OKABE_ITO["blue"], (), "D", "sep 3×3", _BLUE_TINT),
    "sep_conv_5x5": Style(OKABE_ITO["blue"], (8.0, 3.0), "p", "sep 5×5", _BLUE_TINT),
    "sep_conv_7x7": Style(OKABE_ITO["blue"], (3.0, 2.5), "8", "sep 7×7", _BLUE_TINT),
    "dil_conv_3x3": Style(_PURPLE, (), "v", "dil 3×3", _PURPLE_TINT),
    "dil_conv_5x5": Style(_PURPLE, (8.0, 3.0), "<", "dil 5×5", _PURPLE_TINT),
    "conv_7x1_1x7": Style(_ORANGE, (9.0, 3.0, 2.0, 3.0), "P", "7×1 1×7", "#FBF1DC"),
}
"""One style for each primitive. A family shares its colour; dash, marker and label tell its members apart."""

SERIES: tuple[Style, ...] = (
    Style(OKABE_ITO["blue"], (), "o", "", _BLUE_TINT),
    Style(OKABE_ITO["vermillion"], (8.0, 3.0), "s", "", _RED_TINT),
    Style(OKABE_ITO["bluish green"], (3.0, 2.5), "^", "", _GREEN_TINT),
    Style(_PURPLE, (9.0, 3.0, 2.0, 3.0), "D", "", _PURPLE_TINT),
    Style(INK, (1.5, 2.5), "v", "", "#ECECEC"),
    Style(_ORANGE, (14.0, 3.0), "P", "", "#FBF1DC"),
)
"""Styles for arms, runs and strategies, in the order in which a chart names them."""


def operation_style(op: str) -> Style:
    """The style of a primitive. Raises `CourseError` for a name that is none."""
    if op not in OPERATIONS:
        raise bad_input(op, f"an operation out of {', '.join(OPERATIONS)}", "check the spelling")
    return OPERATIONS[op]


def luminance(color: str) -> float:
    """Relative luminance of ``#RRGGBB``, 0..1 (WCAG 2.2, definition of relative luminance)."""
    channels = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1..21 (WCAG 2.2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def ink_on(fill: str) -> str:
    """The text colour, black or white, that reads better on ``fill``: for numbers in the cells of a heat map."""
    return max("#000000", CARD, key=lambda ink: contrast(ink, fill))
