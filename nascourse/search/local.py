"""Local search: look at the neighbours of the best architecture so far, move where it is better, start again at
the top.

(White, Nolen & Savani 2021, "Exploring the Loss Landscape in Neural Architecture Search")
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from numpy.random import Generator

from ..spaces.base import A, Result, SearchSpace, Trial
from .base import Proposal, Strategy


class LocalSearch(Strategy[A]):
    """Hill climbing by first improvement. The neighbours of an architecture differ from it in one decision; they are
    evaluated in random order, and the first that is better takes its place. When none is, a new climb starts at a
    random architecture. With a window above 1 several random starts are under way at once, the best of them is climbed
    from, and the last few neighbours of a summit are not waited for.

    The space must have independent decisions: as many, with as many options each, whatever was decided before.
    Others are refused by name.
    """

    name = "local"

    def start(self, rng: Generator) -> None:
        super().start(rng)
        self._climb = 0
        self._climb_of: deque[int] = deque()  # of each proposal that was not yet told
        self._top: tuple[int, float] | None = None  # number and accuracy of the best trial of this climb
        self._unseen: list[A] = []

    def propose(self) -> Proposal[A]:
        if self._top is not None and not self._unseen:
            self._climb, self._top = self._climb + 1, None
        self._climb_of.append(self._climb)
        if self._top is None:
            return Proposal(self.space.sample(self.rng))
        return Proposal(self._unseen.pop(), parents=(self._top[0],))

    def tell(self, trial: Trial[A], result: Result) -> None:
        climb = self._climb_of.popleft()
        if climb == self._climb and not result.failed and (self._top is None or result.accuracy > self._top[1]):
            self._top = trial.number, result.accuracy
            around = neighbours(self.space, trial.arch)
            self._unseen = [around[i] for i in self.rng.permutation(len(around))]


def neighbours(space: SearchSpace[A], arch: A) -> list[A]:
    """All architectures that differ from ``arch`` in one decision, in the order of `SearchSpace.encode`.

    Raises `CourseError` naming the space where a changed decision changes what the later ones may be.
    """
    decisions = space.encode(arch)
    options = _options(space, decisions)
    around = []
    for place, count in enumerate(options):
        for option in range(count):
            if option != decisions[place]:
                changed = (*decisions[:place], option, *decisions[place + 1 :])
                if _options(space, changed) != options:
                    raise space.refuse("change one decision and leave the others as they are")
                around.append(space.decode(changed))
    return around


def _options(space: SearchSpace[A], decisions: Sequence[int]) -> list[int]:
    """How many options each decision had, with a 0 for the end."""
    return [space.choices(decisions[:place]) for place in range(len(decisions) + 1)]
