"""Lesson NN: its pictures, each with the explorer that moves it."""

from __future__ import annotations

from ipywidgets import IntSlider

from ...viz.explorer import Explorer, State
from ...viz.scene import Circle, Scene


def name_scene(dots: int) -> Scene:
    """A row of dots; pixels."""
    row = tuple(Circle(30.0 + 40 * n, 30, 10) for n in range(dots))
    return Scene(40.0 * dots + 20, 60, row, alt=f"A row of {dots} dots.")


class NameExplorer(Explorer):
    """How many dots → a row of them."""

    def __init__(self) -> None:
        super().__init__({"dots": IntSlider(3, 1, 8, description="dots")})

    def render(self, state: State) -> Scene:
        return name_scene(state["dots"])
