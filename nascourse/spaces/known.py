"""The spaces by their names: what is recorded carries the name of its space, and so finds the class again.

A reader's own space joins when it is defined.
"""

from __future__ import annotations

from . import cell, micro  # noqa: F401 - so that the course's are defined
from .base import SearchSpace

SPACES = SearchSpace.known
