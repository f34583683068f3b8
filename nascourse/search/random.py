"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from ..spaces.base import A
from .base import Proposal, Strategy


class RandomSearch(Strategy[A]):
    """Every proposal is a fresh sample of the space; what it is told changes nothing.

    (Li & Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search")
    """

    name = "random"

    def propose(self) -> Proposal[A]:
        return Proposal(self.space.sample(self.rng))
