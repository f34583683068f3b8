"""Gradient descent on a relaxed choice: bilevel problems, DARTS, and what goes wrong with it."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .alpha_history import AlphaHistory
    from .darts import DartsSearch
    from .darts_config import PRESETS, DartsConfig, search_images
    from .derive import argmax_operations, derive, strongest_edges

__all__ = face(__name__)
