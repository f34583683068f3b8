"""The one call of a lesson's set-up cell: plots look right, and the output says on what the lesson ran."""

from __future__ import annotations

import platform

import torch
from cycler import cycler
from matplotlib import style

from .. import __version__
from ..budgets import Budget, budget
from ..device import pick_device
from ..viz.palette import SERIES

_STYLE: dict[str, object] = {
    # an opaque white ground: dark text on it is readable in JupyterLab's dark theme too
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
}


def setup(lesson: str) -> Budget:
    """Prepares plotting, prints versions, device, threads and mode, and returns the lesson's numbers.

    Seeds nothing: every random number in a lesson comes from a generator that its cell makes and shows.
    """
    numbers = budget(lesson)
    _plot_style()
    print(f"Lesson {lesson} · Python {platform.python_version()} · torch {torch.__version__} · nascourse {__version__}")
    print(f"device {pick_device()} · {torch.get_num_threads()} threads · mode {numbers.mode}")
    return numbers


def _plot_style() -> None:
    # colour, dash and marker change together, so that no line is told apart by colour alone
    cycle = cycler(
        color=[one.color for one in SERIES], linestyle=[(0, one.dash) if one.dash else "-" for one in SERIES]
    )
    style.use({**_STYLE, "axes.prop_cycle": cycle})
