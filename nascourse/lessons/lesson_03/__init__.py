"""Lesson 03: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .editor import CellEditor
    from .experiments import DEEP, SHALLOW, by_group, chosen_and_average, group_cells, taus, trained
    from .pictures import footprints_scene, on_nodes_scene, stacked_cells_scene
    from .stack import stack_scene

__all__ = face(__name__)
