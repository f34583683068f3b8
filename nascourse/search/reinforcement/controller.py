"""The controller: a policy π over the sequences of decisions that describe architectures, for many seeds at once.

Every seed has parameters of its own, side by side in one tensor, and nothing passes from one to another; so a hundred
seeds cost little more than one. Everything is float64, so that a seed goes the same way alone and beside others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import bad_input
from ...spaces.base import SearchSpace


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a controller must be. steps: most decisions of an architecture; options: most of a decision."""

    steps: int
    options: int

    @classmethod
    def of(cls, space: SearchSpace[Any], walks: int = 256) -> Extent:
        """Found on random walks through the space, and on those of always the first or always the last option. Exact
        where no decision depends on others; a space whose largest corners are too rare to be found needs an extent
        given."""
        rng = np.random.default_rng(0)
        steps = options = 0
        for walk in range(walks + 2):
            prefix: list[int] = []
            while (offered := space.choices(prefix)) > 0:
                options = max(options, offered)
                prefix.append(int(rng.integers(offered)) if walk > 1 else walk * (offered - 1))
            steps = max(steps, len(prefix))
        if not steps:
            raise space.refuse("offer a decision")
        return cls(steps, options)

    def check(self, space: SearchSpace[Any], taken: int, offered: int) -> None:
        """Raises `CourseError` where the decision after ``taken`` others, of ``offered`` options, does not fit."""
        if offered and (taken >= self.steps or offered > self.options):
            raise bad_input(
                f"{space.name} with decision {taken + 1} of {offered} options", f"{self}", "give a larger extent"
            )


@dataclass(frozen=True, slots=True)
class Sample:
    """Architectures as a policy drew them, ``batch`` for each seed.

    decisions: (seeds, batch, steps), 0 beyond the end; offered: (seeds, batch, steps), how many options each decision
    had, 0 beyond the end; log_prob: (seeds, batch), ln π(a) of the whole sequence under the policy that drew it.
    """

    decisions: Tensor
    offered: Tensor
    log_prob: Tensor

    def sequence(self, seed: int, place: int) -> tuple[int, ...]:
        """One of the architectures, as `SearchSpace.decode` reads it."""
        length = int((self.offered[seed, place] > 0).sum())
        return tuple(self.decisions[seed, place, :length].tolist())


class Controller(nn.Module, ABC):
    """ln π(a) = Σ_t ln π_t(a_t | a_1 … a_{t−1}). Options that a decision does not offer have probability 0.

    generators: one for each seed; the initial parameters of a seed are drawn from its own.
    """

    def __init__(self, extent: Extent, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.extent = extent
        self.generators = tuple(generators)

    def parameter(self, *shape: int) -> nn.Parameter:
        """(seeds, *shape), uniform in ±0.1."""
        drawn = [torch.rand(shape, dtype=torch.float64, generator=g) for g in self.generators]
        return nn.Parameter(0.1 * (2 * torch.stack(drawn) - 1))

    @abstractmethod
    def begin(self, batch: int) -> Any:
        """What the controller knows before the first decision."""

    @abstractmethod
    def step(self, t: int, previous: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Logits (seeds, batch, options) of decision ``t``, and what the controller knows from then on. previous:
        (seeds, batch), the decision before; None for the first."""

    @torch.no_grad()
    def sample(self, space: SearchSpace[Any], batch: int) -> Sample:
        """Draw ``batch`` architectures for each seed. Raises `CourseError` where the space exceeds the extent."""
        uniform = [torch.rand(batch, self.extent.steps, dtype=torch.float64, generator=g) for g in self.generators]
        u = torch.stack(uniform)
        prefixes: list[list[list[int]]] = [[[] for _ in range(batch)] for _ in self.generators]
        decisions, offered = torch.zeros(2, *u.shape, dtype=torch.long)
        log_prob = torch.zeros(u.shape[:2], dtype=torch.float64)
        state, previous = self.begin(batch), None
        for t in range(self.extent.steps + 1):
            counts = [[space.choices(prefix) for prefix in row] for row in prefixes]
            most = max(map(max, counts))
            if most == 0:
                break
            self.extent.check(space, t, most)
            offered[:, :, t] = torch.tensor(counts)
            logits, state = self.step(t, previous, state)
            log_policy = masked_log_softmax(logits, offered[:, :, t])
            # inverse transform: the first option whose cumulated probability exceeds u
            passed = (log_policy.exp().cumsum(-1) <= u[:, :, t, None]).sum(-1)
            previous = torch.minimum(passed, (offered[:, :, t] - 1).clamp(min=0))  # where rounding left a sum below 1
            decisions[:, :, t] = previous
            log_prob += log_policy.gather(-1, previous[..., None])[..., 0]
            for row, chosen, count in zip(prefixes, previous.tolist(), counts, strict=True):
                for prefix, option, options in zip(row, chosen, count, strict=True):
                    if options:
                        prefix.append(option)
        return Sample(decisions, offered, log_prob)

    def log_policies(self, sample: Sample) -> Tensor:
        """(seeds, batch, steps, options): ln π_t(· | a_1 … a_{t−1}) along the sampled architectures; −inf for what is
        not offered, and beyond the end a sure thing."""
        state, previous, rows = self.begin(sample.decisions.shape[1]), None, []
        for t in range(self.extent.steps):
            logits, state = self.step(t, previous, state)
            rows.append(masked_log_softmax(logits, sample.offered[:, :, t]))
            previous = sample.decisions[:, :, t]
        return torch.stack(rows, 2)

    def log_prob(self, sample: Sample) -> Tensor:
        """(seeds, batch): ln π(a) of the sampled architectures under the policy as it is now."""
        return self.log_policies(sample).gather(-1, sample.decisions[..., None])[..., 0].sum(-1)


def masked_log_softmax(logits: Tensor, offered: Tensor) -> Tensor:
    """ln of the probabilities of the first ``offered`` options, −inf for the others. logits: (..., options); offered:
    (...); 0 (nothing left to decide) makes the first option sure."""
    places = torch.arange(logits.shape[-1])
    return logits.masked_fill(places >= offered.clamp(min=1)[..., None], -torch.inf).log_softmax(-1)


class TableController(Controller):
    """The simplest policy: a row of logits for each decision, 0 at the start, so all options alike. It does not see
    what was decided before."""

    def __init__(self, extent: Extent, generators: Sequence[torch.Generator]) -> None:
        super().__init__(extent, generators)
        self.table = nn.Parameter(torch.zeros(len(generators), extent.steps, extent.options, dtype=torch.float64))

    def begin(self, batch: int) -> int:
        return batch

    def step(self, t: int, previous: Tensor | None, state: int) -> tuple[Tensor, int]:
        return self.table[:, t, None].expand(-1, state, -1), state


class LSTMController(Controller):
    """A recurrent network reads the decision before and keeps in its state what else was decided; each decision has
    its own embedding and its own softmax layer. (Zoph & Le 2017, "Neural Architecture Search with Reinforcement
    Learning", section 3.1; the cell: Hochreiter & Schmidhuber 1997, with a forget gate)"""

    def __init__(self, extent: Extent, generators: Sequence[torch.Generator], hidden: int = 32) -> None:
        super().__init__(extent, generators)
        self.hidden = hidden
        self.first = self.parameter(1, hidden)  # what is read before the first decision
        self.embedding = self.parameter(extent.steps * extent.options, hidden)
        self.weight = self.parameter(2 * hidden, 4 * hidden)
        self.bias = self.parameter(1, 4 * hidden)
        self.heads = self.parameter(extent.steps, hidden, extent.options)
        self.head_bias = self.parameter(extent.steps, 1, extent.options)

    def begin(self, batch: int) -> tuple[Tensor, Tensor]:
        """Hidden and cell state, (seeds, batch, hidden) each."""
        h, c = torch.zeros(2, len(self.generators), batch, self.hidden, dtype=torch.float64)
        return h, c

    def step(
        self, t: int, previous: Tensor | None, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        if previous is None:
            x = self.first.expand_as(h)
        else:
            rows = (t - 1) * self.extent.options + previous
            x = self.embedding.gather(1, rows[..., None].expand_as(h))
        i, f, g, o = torch.baddbmm(self.bias, torch.cat((x, h), -1), self.weight).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return torch.baddbmm(self.head_bias[:, t], h, self.heads[:, t]), (h, c)
