"""Lesson 08: its exercises, experiments and pictures."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .alpha import AlphaEvolutionExplorer
    from .collapse import BetaDecay, select_by_perturbation, stop_by_eigenvalue, stop_by_skips, top_eigenvalue
    from .experiments import ARMS, ESTIMATORS, final_accuracies, final_difference, final_p, truth
    from .figures import alpha_trajectories, collapse_figure, gradient_quality, strip_plot

__all__ = face(__name__)
