"""Evolution: who is selected, what a child is, who stays."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .evolution import Evolution, classical_ga, mu_plus_lambda, populations, regularized_evolution, replay
    from .population import Individual, diversity
    from .selection import FitnessProportional, LinearRank, Selection, Tournament, Uniform, takeover_time
    from .update import DropOldest, DropWorst, DropWorstOrOldest, Generational, KeepAll, Update
    from .variation import AnyOf, half_of_each, one_decision

__all__ = face(__name__)
