"""Lesson 06's explorer: a policy's bars over recorded training, what it drew, and what that was worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HBox, Layout

from ...spaces.base import SearchSpace
from ...spaces.micro import MICRO_EDGES, MICRO_OPS
from ...viz.explorer import Explorer, State, player
from ...viz.scene import Scene
from .pictures import policy_scene

if TYPE_CHECKING:  # which load torch
    from ...search.history import History
    from ...search.reinforcement.reinforce import Snapshot

MICRO_DECISIONS = tuple(f"{i}→{j}" for i, j in MICRO_EDGES)


class PolicyExplorer(Explorer):
    """A player through the updates of a recorded search, see `search.reinforce.snapshots`. decisions and options: their
    names, the options primitives and the same for every decision; for `MicroSpace` where left out."""

    def __init__(
        self,
        space: SearchSpace[Any],
        history: History[Any],
        snapshots: Sequence[Snapshot],
        decisions: Sequence[str] = MICRO_DECISIONS,
        options: Sequence[str] = MICRO_OPS,
        step: int | None = None,
    ) -> None:
        self._snapshots, self._decisions, self._options = tuple(snapshots), tuple(decisions), tuple(options)
        self._trials = tuple((space.encode(row.trial.arch), row.result.accuracy) for row in history)
        play, slider = player(len(snapshots), "update", interval=250)
        play.value = slider.value = len(snapshots) - 1 if step is None else step  # both: the first is copied
        slider.layout = Layout(width="300px")
        super().__init__({"update": slider}, [slider, HBox([play])])

    def render(self, state: State) -> Scene:
        return policy_scene(self._snapshots, self._trials, state["update"], self._decisions, self._options)
