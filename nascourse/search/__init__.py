"""2 · How to search: the one loop, random and local search here, a room for each family of strategies."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .base import Proposal, Strategy
    from .evolution.evolution import Evolution, classical_ga, mu_plus_lambda, regularized_evolution
    from .gradient.darts import DartsSearch
    from .history import Evaluated, History
    from .local import LocalSearch
    from .loop import search, strategy_rng
    from .random import RandomSearch
    from .reinforcement.reinforce import Reinforce, ppo

__all__ = face(__name__)
