"""Evolution: who is selected, what a child is, who stays."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .evolution import Evolution, classical_ga, mu_plus_lambda, regularized_evolution
    from .population import Individual
    from .selection import FitnessProportional, LinearRank, Selection, Tournament, Uniform
    from .update import DropOldest, DropWorst, DropWorstOrOldest, Generational, KeepAll, Update
    from .variation import AnyOf, half_of_each, one_decision

__all__ = face(__name__)
