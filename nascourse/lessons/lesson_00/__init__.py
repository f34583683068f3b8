"""Lesson 00: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .pictures import CompleteDagExplorer

__all__ = face(__name__)
