"""Lesson 05's explorers: look at the families of a recorded evolution."""

from __future__ import annotations

from typing import Any

from ipywidgets import IntSlider, Layout

from ...errors import bad_input
from ...search.history import History
from ...viz.explorer import Explorer, State
from ...viz.scene import Scene
from .family import family_depth, family_tree_scene
from .kinship import kinship_scene

_LAYOUT, _STYLE = Layout(width="280px"), {"description_width": "76px"}


class KinshipExplorer(Explorer):
    """A child and its parents, what it has of whom and what is new. The slider runs through all who have parents."""

    def __init__(self, history: History[Any], child: int | None = None) -> None:
        self._history = history
        self._children = [row.trial.number for row in history if row.trial.parents]
        if not self._children:
            raise bad_input("a history without a child", "a search that went beyond its founders", "raise the budget")
        at = self._children.index(child) if child in self._children else 0
        last = len(self._children) - 1
        super().__init__(
            {"child": IntSlider(at, min=0, max=last, description="child no.", layout=_LAYOUT, style=_STYLE)}
        )

    def render(self, state: State) -> Scene:
        number = self._children[state["child"]]
        parents = self._history[number].trial.parents
        return kinship_scene(self._named(number), [self._named(parent) for parent in parents])

    def _named(self, number: int) -> tuple[str, Any]:
        row = self._history[number]
        return f"trial {number}, accuracy {row.result.accuracy:.4f}", row.trial.arch


class FamilyTreeExplorer(Explorer):
    """The ancestors of any trial, the winner's at first, and how far back they are shown."""

    def __init__(self, history: History[Any], number: int | None = None, depth: int = 3) -> None:
        self._history = history
        start = history.best.trial.number if number is None else number
        deepest = max(family_depth(history, row.trial.number) for row in history)
        controls = {
            "trial": IntSlider(start, min=0, max=len(history) - 1, description="trial"),
            "depth": IntSlider(min(depth, deepest), min=0, max=max(deepest, 1), description="generations"),
        }
        for control in controls.values():
            control.layout, control.style = _LAYOUT, _STYLE
        super().__init__(controls)

    def render(self, state: State) -> Scene:
        return family_tree_scene(self._history, state["trial"], state["depth"])
