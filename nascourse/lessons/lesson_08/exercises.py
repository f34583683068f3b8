"""Lesson 08: derive a whole cell, a virtual step that leaves no trace, what second order costs, partial channels, when
to stop, what a published number took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor

from ..exercise import exercise, question


def _tensor(rng: Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape).round(2))


# -- 08.1 --------------------------------------------------------------------------------------------------------------

Pair = tuple[str, int]

_OPS = ("none", "max_pool_3x3", "skip_connect", "sep_conv_3x3")


def _cell_cases(rng: Generator) -> list[tuple[Any, ...]]:
    def rows(edges: int) -> Tensor:
        # edges on unlike scales and with unlike offsets, so that raw α mislead; `none` often strong
        return _tensor(rng, edges, 4) * 2 + _tensor(rng, edges, 1) * 3 + torch.tensor([1.5, 0.0, 0.0, 0.0])

    moved = _OPS[1:] + _OPS[:1]
    return [(rows(2), _OPS), (rows(5), _OPS), (rows(9), moved), (rows(14), _OPS), (rows(14), moved)]


def _derived(weights: Tensor, ops: Sequence[str], none: bool = False, row_numbers: bool = False) -> list[Pair]:
    allowed = [o for o, op in enumerate(ops) if none or op != "none"]
    pairs: list[Pair] = []
    first, inputs = 0, 2
    while first < len(weights):
        best = {i: max(allowed, key=lambda o: float(weights[first + i, o])) for i in range(inputs)}
        strongest = sorted(best, key=lambda i: float(weights[first + i, best[i]]), reverse=True)[:2]
        pairs += [(ops[best[i]], first + i if row_numbers else i) for i in sorted(strongest)]
        first, inputs = first + inputs, inputs + 1
    return pairs


def _without_none(alphas: Tensor, ops: Sequence[str]) -> Tensor:
    hidden = torch.tensor([op == "none" for op in ops])
    return alphas.masked_fill(hidden, -torch.inf).softmax(1)


@exercise(
    "08.1",
    title="Derive a whole cell",
    cases=_cell_cases,
    solution="""
def derive_cell(alphas, ops):
    weights = alphas.softmax(1)
    weights[:, ops.index("none")] = 0
    strength, best = weights.max(1)
    pairs = []
    first, inputs = 0, 2
    while first < len(alphas):
        node = strength[first : first + inputs]
        for source in sorted(node.topk(2).indices.tolist()):
            pairs.append((ops[best[first + source]], source))
        first, inputs = first + inputs, inputs + 1
    return pairs
""",
    mistakes=(
        (
            "You compare raw α. Two edges share no scale before the softmax over each: add 10 to one row, and nothing "
            "that the cell computes may change, nor what is kept.",
            _derived,
        ),
        (
            "`none` is in your cell. It takes part in the softmax, but is never kept.",
            lambda alphas, ops: _derived(alphas.softmax(1), ops, none=True),
        ),
        (
            "You leave `none` out before the softmax, so an edge that is mostly `none` looks strong. First the softmax "
            "over all operations, then set `none` aside.",
            lambda alphas, ops: _derived(_without_none(alphas, ops), ops),
        ),
        (
            "You give the number of the row. The input of an edge is the node that it comes from: within the rows of a "
            "node they are counted from 0 again.",
            lambda alphas, ops: _derived(alphas.softmax(1), ops, row_numbers=True),
        ),
    ),
    hints=(
        "Node 2 has rows 0 and 1, node 3 the next three, node 4 the next four: move first row and number of inputs on.",
        "After the softmax set the column of `none` to 0; weights.max(1) gives strength and operation of each edge.",
    ),
)
def derive_cell(alphas: Tensor, ops: Sequence[str]) -> list[Pair]:
    """DARTS' rule for every node of a cell: (operation, input) of its two strongest edges, in the order of inputs.
    alphas: (edges, operations), ordered by target node, then by source."""
    return _derived(alphas.softmax(1), ops)


# -- 08.2 --------------------------------------------------------------------------------------------------------------

Tensors = list[Tensor]


def _step_cases(rng: Generator) -> list[tuple[Any, ...]]:
    def tensors() -> Tensors:
        return [_tensor(rng, 2), _tensor(rng, 3)]

    rates = ((0.1, 0.9, 0.01), (0.5, 0.5, 0.1), (0.025, 0.9, 0.2))
    return [(tensors(), tensors(), tensors(), *rate) for rate in rates]


def _traces(step: Callable[..., Tensors], weights: Tensors, gradients: Tensors, buffers: Tensors, *rates: float) -> Any:
    """What the step returns, and what it has done to what it was given."""
    before = [[t.clone() for t in group] for group in (weights, gradients, buffers)]
    stepped = step(weights, gradients, buffers, *rates)
    if stepped is None or stepped is ...:
        return None
    left = [all(map(torch.equal, a, b)) for a, b in zip(before, (weights, gradients, buffers), strict=True)]
    changed = [name for name, same in zip(("weights", "gradients", "momentum"), left, strict=True) if not same]
    return {"changed": changed, "stepped": [t.clone() for t in stepped]}


def _stepped(
    direction: Callable[[Tensor, Tensor, Tensor, float, float], Tensor],
) -> Callable[[Tensors, Tensors, Tensors, float, float, float], Tensors]:
    def step(
        weights: Tensors, gradients: Tensors, buffers: Tensors, lr: float, momentum: float, decay: float
    ) -> Tensors:
        return [
            w - lr * direction(w, g, m, momentum, decay) for w, g, m in zip(weights, gradients, buffers, strict=True)
        ]

    return step


def _both_bugs(
    weights: Tensors, gradients: Tensors, buffers: Tensors, lr: float, momentum: float, decay: float
) -> Tensors:
    for g, m, w in zip(gradients, buffers, weights, strict=True):
        m.mul_(momentum).add_(g + decay * w)
    return weights


def _moves_momentum(
    weights: Tensors, gradients: Tensors, buffers: Tensors, lr: float, momentum: float, decay: float
) -> Tensors:
    _both_bugs(weights, gradients, buffers, lr, momentum, decay)
    return [w - lr * m for w, m in zip(weights, buffers, strict=True)]


def _in_place(step: Callable[..., Tensors]) -> Callable[..., Tensors]:
    def moves_model(weights: Tensors, *others: Any) -> Tensors:
        for w, new in zip(weights, step(weights, *others), strict=True):
            w.copy_(new)
        return weights

    return moves_model


@exercise(
    "08.2",
    title="A virtual step without a trace",
    cases=_step_cases,
    run=_traces,
    solution="""
def virtual_step(weights, gradients, buffers, lr, momentum, decay):
    stepped = []
    for w, g, m in zip(weights, gradients, buffers):
        stepped.append(w - lr * (momentum * m + g + decay * w))
    return stepped
""",
    mistakes=(
        (
            "Both bugs are still in it: w = w - ... gives a new tensor to the loop's variable and forgets it, and "
            "m.mul_().add_() moves the momentum of the optimizer.",
            _both_bugs,
        ),
        (
            "No weight has moved: w = w - ... binds the name w to a new tensor, and the list keeps the old one. Put "
            "the new tensors into a list of their own.",
            lambda weights, gradients, buffers, lr, momentum, decay: list(weights),
        ),
        (
            "The step is right, but the optimizer's momentum has moved with it: mul_ and add_ change the buffer. The "
            "next real step would take this gradient twice. Compute momentum * m + ... without the underscores.",
            _moves_momentum,
        ),
        (
            "That is the real step: model and momentum have both moved. Compute new tensors and return those.",
            _in_place(_moves_momentum),
        ),
        (
            "The step is right, but it has moved the model. A virtual step is only looked at: return new tensors.",
            _in_place(lambda *given: virtual_step(*given)),
        ),
        (
            "The weight decay is missing: SGD adds decay * w to the gradient before the momentum.",
            _stepped(lambda w, g, m, momentum, decay: momentum * m + g),
        ),
        (
            "That is plain gradient descent. DARTS' virtual step is the step that SGD would take: with its momentum.",
            _stepped(lambda w, g, m, momentum, decay: g + decay * w),
        ),
    ),
    hints=(
        "SGD: m ← momentum·m + (g + decay·w), then w ← w − lr·m. Write the right-hand sides only.",
        "Whatever ends in an underscore changes the tensor it is called on. None is needed here.",
    ),
)
def virtual_step(
    weights: Tensors, gradients: Tensors, buffers: Tensors, lr: float, momentum: float, decay: float
) -> Tensors:
    """The weights after one step of SGD with momentum and weight decay; nothing that is passed in changes."""
    return _stepped(lambda w, g, m, momentum, decay: momentum * m + g + decay * w)(
        weights, gradients, buffers, lr, momentum, decay
    )


# -- 08.3 --------------------------------------------------------------------------------------------------------------

# A first-order round takes two gradients of the supernet: one for α, one for w. How many times as much does a
# second-order round with finite differences take?
question(
    "08.3",
    title="What second order costs",
    answer=2.5,
    wrong={
        2: "You have missed one. Train at w for the virtual step, valid at w', train at both points w⁺ and w⁻; and the "
        "step of w itself.",
        5: "Five gradients it is; a first-order round takes two already.",
        1.5: "The finite difference needs a gradient at each of its two points; the virtual step needs one too.",
        3: "One of your six gradients is too many: one backward pass at w' gives both ∂_α and ∂_{w'}.",
        4: "Four gradients go into α, but the step of w is in both rounds: (4 + 1) / (1 + 1).",
    },
    why="Training at w, validation at w' (one backward pass gives ∂_α and ∂_{w'}), training at w⁺ and at w⁻, and the "
    "step of w: five instead of two.",
    hints=("Count the backward passes: virtual step, validation, two for the difference; then the step of w.",),
)


# -- 08.4 --------------------------------------------------------------------------------------------------------------

Mixed = Callable[[Tensor], Tensor]


def _mixed(x: Tensor) -> Tensor:
    return x.flip(1) ** 2 + 100  # neither linear nor blind to the order of channels


def _partial(x: Tensor, mixed: Mixed, k: int) -> Tensor:
    part = x.shape[1] // k
    return torch.cat([mixed(x[:, :part]), x[:, part:]], dim=1)


def _shuffled(x: Tensor, groups: int) -> Tensor:
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


@exercise(
    "08.4",
    title="Partial channels",
    cases=lambda rng: [(_tensor(rng, 2, c, 1, 2), _mixed, k) for c, k in ((6, 3), (8, 2), (12, 3), (8, 4), (4, 1))],
    solution="""
def partial_channels(x, mixed, k):
    part = x.shape[1] // k
    y = x.clone()
    y[:, :part] = mixed(x[:, :part])
    return y.unflatten(1, (k, part)).transpose(1, 2).flatten(1, 2)
""",
    mistakes=(
        (
            "The channels are not shuffled: the next edge would mix the very channels that this one has mixed, and the "
            "others would pass through the whole cell untouched.",
            _partial,
        ),
        (
            "Your shuffle has the groups the other way round. The k parts lie one behind the other: view as "
            "(k, channels / k), then exchange the two.",
            lambda x, mixed, k: _shuffled(_partial(x, mixed, k), x.shape[1] // k),
        ),
        (
            "You drop the channels that pass by. They are the point: they carry the tensor on, at no cost.",
            lambda x, mixed, k: mixed(x[:, : x.shape[1] // k]),
        ),
    ),
    hints=(
        "The first channels // k channels go through mixed, the others stay; torch.cat joins them.",
        "A shuffle: view the channels as (k, channels // k), exchange these two axes, and lay them flat again.",
    ),
)
def partial_channels(x: Tensor, mixed: Mixed, k: int) -> Tensor:
    """The first 1/k of the channels through ``mixed``, the others as they are, then a channel shuffle of k groups.
    x: (batch, channels, height, width), k divides the channels."""
    return _shuffled(_partial(x, mixed, k), k)


# -- 08.5 --------------------------------------------------------------------------------------------------------------


def _stop_cases(rng: Generator) -> list[tuple[Any, ...]]:
    def rising(epochs: int, start: int, slope: float) -> list[float]:
        noise = rng.uniform(-0.05, 0.05, epochs)
        return [round(1 + slope * max(e - start, 0) + float(noise[e]), 2) for e in range(epochs)]

    spike = [1.0] * 6 + [1.9] + [1.0] * 7  # smoothed, it stays below the mark
    early = [0.4, 0.7, 1.0, 1.0, 1.0, 1.0, 1.0]  # an alarm only to those who do not wait for two whole windows
    return [(rising(16, 5, 0.2), 3), (rising(20, 9, 0.1), 4), (rising(14, 99, 0.0), 3), (spike, 3), (early, 3)]


def _stop(
    values: Sequence[float],
    window: int,
    calm: Callable[[float, float], bool] = lambda then, now: then / now >= 0.75,
    back: int | None = None,
    smooth: Callable[[Sequence[float]], float] = lambda last: sum(last) / len(last),
    first: int | None = None,
) -> int:
    for i in range(2 * window - 1 if first is None else first, len(values)):
        then, now = (values[max(end - window + 1, 0) : end + 1] for end in (i - window, i))
        if not calm(smooth(then), smooth(now)):
            return i - (window if back is None else back)
    return len(values) - 1


@exercise(
    "08.5",
    title="When to stop",
    cases=_stop_cases,
    solution="""
def epoch_to_keep(eigenvalues, window):
    def smooth(i):
        return sum(eigenvalues[i - window + 1 : i + 1]) / window

    for i in range(2 * window - 1, len(eigenvalues)):
        if smooth(i - window) / smooth(i) < 0.75:
            return i - window
    return len(eigenvalues) - 1
""",
    mistakes=(
        (
            "You keep the epoch at which the alarm goes off. The rule goes back to before the rise: i - window.",
            lambda eigenvalues, window: _stop(eigenvalues, window, back=0),
        ),
        (
            "You compare single eigenvalues. They are noisy, one batch with a large one would end the search: compare "
            "the means of the last `window` of them.",
            lambda eigenvalues, window: _stop(eigenvalues, window, smooth=lambda last: last[-1]),
        ),
        (
            "Your fraction is upside down, so it stops when the eigenvalue falls. Trouble is when it has grown: "
            "earlier / now is small.",
            lambda eigenvalues, window: _stop(eigenvalues, window, calm=lambda then, now: now / then >= 0.75),
        ),
        (
            "You stop as soon as the eigenvalue has grown at all. It must have grown by a third: earlier / now < 0.75.",
            lambda eigenvalues, window: _stop(eigenvalues, window, calm=lambda then, now: then / now >= 1),
        ),
        (
            "Your first means are of fewer than `window` values, which looks like a rise. Begin at 2 * window - 1.",
            lambda eigenvalues, window: _stop(eigenvalues, window, first=window),
        ),
    ),
    hints=(
        "Write smooth(i), the mean of the `window` values up to epoch i.",
        "From i = 2 * window - 1 on: where smooth(i - window) / smooth(i) < 0.75, keep i - window. If never: the last.",
    ),
)
def epoch_to_keep(eigenvalues: Sequence[float], window: int) -> int:
    """The epoch (from 0) whose cell early stopping keeps: Zela et al. 2020, section 4.3, with the mean of the last
    ``window`` values as the smoothed one."""
    return _stop(eigenvalues, window)


# -- 08.6 --------------------------------------------------------------------------------------------------------------

question(
    "08.6",
    title="The whole bill",
    answer=6.5,
    wrong={
        4: "That is the column of the table: the four searches. Choosing among their cells and evaluating the chosen "
        "one come on top.",
        5: "Four searches and the choice among them. The chosen cell was then trained for 600 epochs as well.",
        5.5: "Four searches and the evaluation. In between, the four cells were trained for a while to choose one.",
        18.5: "4 is for all four searches together, not for each.",
        20: "One training of the chosen cell was asked for, not the ten that the mean in the table is of.",
    },
    why="4 for the four searches, 1 for choosing among their cells, 1.5 for training the chosen one. The table has the "
    "first of them only, and the random search beside it was the best of 24.",
    hints=("What was done with the four cells before one of them was evaluated?",),
)
