"""Lesson 06: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .environment import ArchitectureEnv
    from .experiments import POLICIES, REAL, RIVALS, real_evaluation
    from .pictures import PolicyExplorer, agent_environment_scene
    from .side_by_side import search_side_by_side
    from .snapshots import snapshots

__all__ = face(__name__)
