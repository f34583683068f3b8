"""Lesson 05: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .analysis import diversity, populations, replay, takeover_time
    from .experiments import ARMS, curves, drop_worst, exact, real_search
    from .family import FamilyTreeExplorer
    from .flow import evolution_scene
    from .kinship import KinshipExplorer, origins
    from .mutators import change_operation, remove_skip, rewire_input, swap_cells
    from .population import DriftExplorer, GenerationExplorer

__all__ = face(__name__)
