"""Lesson NN: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .pictures import NameExplorer, name_scene

__all__ = face(__name__)
