"""Lesson 07: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .bilevel import BilevelExplorer
    from .experiments import FILTERS, descend, enumerated, filter_problem, solved_loss
    from .problems import ridge_problem
    from .relaxation import darts_panels, relaxation_panels
    from .relaxation_explorer import RelaxationExplorer

__all__ = face(__name__)
