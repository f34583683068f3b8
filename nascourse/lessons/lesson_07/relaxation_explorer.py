"""Lesson 07's first explorer: move the α of one edge, see its weights, the mixed output and what argmax keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ipywidgets import FloatSlider, Layout
from numpy.typing import ArrayLike

from ...viz.explorer import Explorer, State
from ...viz.scene import Scene
from .relaxation import mixed_output_scene

SHARPEN, SHIFT = "sharpen", "shift"


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
