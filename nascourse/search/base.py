"""The strategy protocol: what a search algorithm must answer, and the values it exchanges with the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from numpy.random import Generator

from ..spaces.base import A, Result, SearchSpace, Trial


@dataclass(frozen=True, slots=True)
class Proposal(Generic[A]):
    """An architecture a strategy wants evaluated. The loop makes it a `Trial` by giving it a number and a seed.

    parents: numbers of the trials it came from; fidelity: how much of a full evaluation (None: all of it).
    """

    arch: A
    parents: tuple[int, ...] = ()
    fidelity: int | None = None


class Strategy(ABC, Generic[A]):
    """How to search: propose an architecture, be told what it was worth, propose a better one.

    The loop keeps four promises. `start` comes first, and again before every new run, so one strategy object serves
    many seeds. Proposals are numbered 0, 1, 2, ... in the order in which they were made. `tell` comes once for each,
    **in that order**, so a queue is enough to remember what belongs to a proposal. Up to ``window`` proposals are
    made ahead of what was told.

    A strategy keeps one in return: what it proposes depends only on the generator it was given at `start` and on
    what it was told. No other randomness, no clock. (A network draws from a private torch.Generator seeded from
    that generator.) Then a search can be stopped anywhere and resumed, and runs on any number of workers with the
    same journal.

    A failed evaluation is told too: ``result.failed`` is true and its accuracy NaN, which compares as False with
    everything.
    """

    name: ClassVar[str]

    def __init__(self, space: SearchSpace[A]) -> None:
        self.space = space

    def start(self, rng: Generator) -> None:
        """Forget everything and draw from ``rng`` from now on. Extend it (after ``super().start(rng)``) by the
        strategy's own state."""
        self.rng = rng

    @abstractmethod
    def propose(self) -> Proposal[A] | None:
        """The next architecture to evaluate; None when the strategy has nothing more to ask, which ends the search."""

    def tell(self, trial: Trial[A], result: Result) -> None:
        """Learn what a trial was worth."""

    def ask(self, n: int = 1) -> list[Proposal[A]]:
        """Up to ``n`` proposals, fewer when there are no more. Asking for two is asking for one, twice."""
        proposals: list[Proposal[A]] = []
        while len(proposals) < n and (proposal := self.propose()) is not None:
            proposals.append(proposal)
        return proposals

    def describe(self) -> dict[str, Any]:
        """What identifies the strategy in a journal's header: its name and every setting, as plain values."""
        return {"strategy": self.name}
