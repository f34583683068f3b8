"""Lesson 01: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .micro_cell import MicroCellExplorer
    from .pipeline import pipeline_scene

__all__ = face(__name__)
