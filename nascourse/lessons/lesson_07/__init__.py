"""Lesson 07: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .bilevel import BilevelExplorer
    from .experiments import FILTERS, descend, enumerated, filter_problem, solved_loss
    from .problems import ridge_problem
    from .relaxation import RelaxationExplorer, darts_panels, relaxation_panels

__all__ = face(__name__)
