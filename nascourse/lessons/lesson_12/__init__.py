"""Lesson 12: the benchmark in pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .landscape import accuracy_landscape, neighbour_correlation, seed_agreement

__all__ = face(__name__)
