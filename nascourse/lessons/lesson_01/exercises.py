"""Lesson 01: the three parts, a cell and its space, random search and its curve, a fair last comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from numpy.random import Generator

from ...spaces.base import SearchSpace
from ...spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from ..exercise import exercise, question

# Each candidate is trained for 2 epochs instead of 20; nothing else changes. Which part of the search changed?
#   a) the search space    b) the search strategy    c) the evaluation
question(
    "01.1",
    title="Three parts",
    answer="c",
    wrong={
        "a": "The space says which architectures may be tried. They are the same ones as before.",
        "b": "The strategy says which candidate comes next. It asks as before; what it is told has become noisier.",
    },
    why="How good a candidate is, is now found out more cheaply and less exactly: that is the evaluation.",
    hints=("Which part could you exchange without touching the two others?",),
)


def _random_cells(rng: Generator) -> list[MicroCell]:
    """Some uniform cells and some with many `none`, so that dead edges are common."""
    sparse = [MicroCell(tuple(rng.choice(MICRO_OPS, p=[0.4, 0.1, 0.2, 0.2, 0.1]) for _ in range(6))) for _ in range(6)]
    return [MicroSpace().sample(rng) for _ in range(3)] + [MicroCell(tuple(map(str, cell.ops))) for cell in sparse]


def _edges_from_node_0(text: str) -> list[tuple[int, int, str]]:
    groups = [group.strip("|").split("|") for group in text.split("+")]
    return [(int(e.split("~")[1]), node, e.split("~")[0]) for node, group in enumerate(groups) for e in group]


@exercise(
    "01.2",
    title="Read a cell",
    cases=lambda rng: [(str(cell),) for cell in _random_cells(rng)],
    solution="""
def read_cell(text):
    edges = []
    for target, group in enumerate(text.split("+"), start=1):
        for edge in group.strip("|").split("|"):
            op, source = edge.split("~")
            edges.append((int(source), target, op))
    return edges
""",
    mistakes=(
        (
            "Your targets start at 0. Node 0 is the input and has no edge into it: the first group belongs to node 1.",
            _edges_from_node_0,
        ),
        (
            "Source and target are exchanged: the number after ~ is where the edge comes from.",
            lambda text: [(j, i, op) for i, j, op in read_cell(text)],
        ),
        (
            "The node numbers are still text; int() makes them numbers.",
            lambda text: [(str(i), j, op) for i, j, op in read_cell(text)],
        ),
    ),
    hints=(
        'text.split("+") gives the three groups, one for each of the nodes 1, 2, 3.',
        'group.strip("|").split("|") gives a group\'s edges, and edge.split("~") an operation and its source.',
    ),
)
def read_cell(text: str) -> list[tuple[int, int, str]]:
    """The edges of a cell string, as (source, target, operation), in the order in which they are written."""
    return list(MicroCell.from_string(text).edges())


@exercise(
    "01.3",
    title="Count the space",
    cases=lambda rng: [(int(m), int(n)) for m, n in ((5, 4), (2, 3), *rng.integers((2, 2), (5, 5), size=(5, 2)))],
    solution="""
def count_cells(operations, nodes):
    edges = nodes * (nodes - 1) // 2
    return operations ** edges
""",
    mistakes=(
        (
            "You give each node an operation. In this space operations sit on the edges; count those first.",
            lambda operations, nodes: operations**nodes,
        ),
        (
            "Choices of independent edges multiply, they do not add: two edges with 5 operations have 5·5 settings.",
            lambda operations, nodes: operations * (nodes * (nodes - 1) // 2),
        ),
        (
            "Base and exponent are exchanged: each edge chooses among the operations.",
            lambda operations, nodes: (nodes * (nodes - 1) // 2) ** operations,
        ),
        (
            "You count every pair of nodes in both directions. Edges lead forward only.",
            lambda operations, nodes: operations ** (nodes * (nodes - 1)),
        ),
    ),
    hints=(
        "How many edges has a cell of 4 nodes? Exercise 00.6 counts them.",
        "Each edge has all operations to choose from.",
    ),
)
def count_cells(operations: int, nodes: int) -> int:
    """How many cells can be written with so many operations to choose from and so many nodes?"""
    edges = [(i, j) for j in range(nodes) for i in range(j)]
    return sum(1 for _ in product(range(operations), repeat=len(edges)))


def _weights(edges: Sequence[tuple[int, int, str]], channels: int, per_conv: Callable[[int, int], int]) -> int:
    kernels = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    return sum(per_conv(kernels[op], channels) for _, _, op in edges if op in kernels)


@exercise(
    "01.4",
    title="Count the weights that work",
    cases=lambda rng: [(cell, int(rng.integers(2, 9))) for cell in _random_cells(rng)],
    solution="""
def count_weights(cell, channels):
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    total = 0
    for source, target, op in cell.live_edges():
        if op in kernel:
            total += kernel[op] ** 2 * channels * channels
    return total
""",
    mistakes=(
        (
            "You count dead edges as well. What comes from nothing or reaches nothing is not built: see live_edges().",
            lambda cell, channels: _weights(list(cell.edges()), channels, lambda k, c: k * k * c * c),
        ),
        (
            "You give each output channel one input channel. A convolution reads all of them: channels · channels.",
            lambda cell, channels: _weights(cell.live_edges(), channels, lambda k, c: k * k * c),
        ),
        (
            "A 3×3 kernel has 9 numbers, not 3.",
            lambda cell, channels: _weights(cell.live_edges(), channels, lambda k, c: k * c * c),
        ),
        (
            "Pooling and skip connections have no weights; only convolutions do.",
            lambda cell, channels: sum(
                (9 if "3x3" in op else 1) * channels * channels for _, _, op in cell.live_edges()
            ),
        ),
    ),
    hints=(
        "cell.live_edges() gives (source, target, op) of the edges that are built.",
        "A k×k convolution from C to C channels has k·k·C·C weights.",
    ),
)
def count_weights(cell: MicroCell, channels: int) -> int:
    """How many convolution weights (no bias; batch normalization not counted) does one cell of this width have?"""
    return _weights(cell.live_edges(), channels, lambda k, c: k * k * c * c)


def _search_cases(rng: Generator) -> list[tuple[Any, ...]]:
    return [(MicroSpace(), _fake_evaluate(rng), n, rng) for n in (6, 9, 12)]


def _fake_evaluate(rng: Generator) -> Callable[[MicroCell], float]:
    gains = rng.random((6, len(MICRO_OPS)))

    def evaluate(cell: MicroCell) -> float:
        return 0.5 + sum(float(gains[edge, MICRO_OPS.index(op)]) for edge, op in enumerate(cell.ops)) / 20

    return evaluate


Evaluate = Callable[[MicroCell], float]
Found = tuple[MicroCell, list[float]]


def _draw(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> list[tuple[MicroCell, float]]:
    cells = [space.sample(rng) for _ in range(n)]
    return [(cell, evaluate(cell)) for cell in cells]


def _curve_of_last(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> Found:
    drawn = _draw(space, evaluate, n, rng)
    return max(drawn, key=lambda pair: pair[1])[0], [accuracy for _, accuracy in drawn]


def _last_cell(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> Found:
    drawn = _draw(space, evaluate, n, rng)
    return drawn[-1][0], [max(a for _, a in drawn[: k + 1]) for k in range(n)]


def _sampled_once(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> Found:
    cell = space.sample(rng)
    return cell, [evaluate(cell)] * n


def _worst(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> Found:
    cell, curve = random_search(space, lambda cell: -evaluate(cell), n, rng)
    return cell, [-accuracy for accuracy in curve]


@exercise(
    "01.5",
    title="Random search",
    cases=_search_cases,
    solution="""
def random_search(space, evaluate, n, rng):
    best_cell, best, curve = None, 0.0, []
    for _ in range(n):
        cell = space.sample(rng)
        accuracy = evaluate(cell)
        if accuracy > best:
            best_cell, best = cell, accuracy
        curve.append(best)
    return best_cell, curve
""",
    mistakes=(
        (
            "Your curve shows each trial's own accuracy. A best-so-far curve never falls: append the best so far.",
            _curve_of_last,
        ),
        ("The curve is right, but you return the last cell that was drawn instead of the best one.", _last_cell),
        ("You evaluate one cell n times: space.sample(rng) belongs inside the loop.", _sampled_once),
        ("You keep the worst cell: an accuracy is better when it is higher.", _worst),
    ),
    hints=(
        "Keep three things: the best cell so far, its accuracy, and the list that becomes the curve.",
        "In the loop: sample, evaluate, replace the best if the new one is higher, then append the best accuracy.",
    ),
)
def random_search(space: SearchSpace[MicroCell], evaluate: Evaluate, n: int, rng: Generator) -> Found:
    """Draws n cells; returns the best one and, after each draw, the best accuracy so far."""
    drawn = _draw(space, evaluate, n, rng)
    winner = max(drawn, key=lambda pair: pair[1])[0]
    return winner, [max(accuracy for _, accuracy in drawn[: k + 1]) for k in range(n)]


@exercise(
    "01.6",
    title="What a budget buys",
    cases=lambda rng: [
        (rng.random(int(m)).round(2).tolist(), int(n))
        for m, n in ((3, 1), (3, 2), *rng.integers((2, 2), (6, 5), size=(4, 2)))
    ],
    solution="""
def expected_best(scores, n):
    scores = sorted(scores)
    m = len(scores)
    return sum(s * (((k + 1) / m) ** n - (k / m) ** n) for k, s in enumerate(scores))
""",
    mistakes=(
        (
            "That is the average of one draw, whatever n is. The best of n draws is higher.",
            lambda scores, n: sum(scores) / len(scores),
        ),
        ("That is the best score of all: only endless draws are sure to find it.", lambda scores, n: max(scores)),
        (
            "You weigh each score with the chance that all draws are at most as good. The best is exactly this score "
            "only if they are not all below it: subtract that chance.",
            lambda scores, n: sum(s * ((k + 1) / len(scores)) ** n for k, s in enumerate(sorted(scores))),
        ),
        (
            "The formula needs the scores in rising order: sort them first.",
            lambda scores, n: sum(
                s * (((k + 1) / len(scores)) ** n - (k / len(scores)) ** n) for k, s in enumerate(scores)
            ),
        ),
    ),
    hints=(
        "Sort the m scores. All n draws are among the k lowest with probability (k/m)^n.",
        "The best draw is the k-th lowest score with probability (k/m)^n - ((k-1)/m)^n.",
    ),
)
def expected_best(scores: Sequence[float], n: int) -> float:
    """The expected best of n draws, with replacement, from a space whose architectures have these scores."""
    draws = [max(draw) for draw in product(scores, repeat=n)]
    return sum(draws) / len(draws)


@exercise(
    "01.7",
    title="Report the winner",
    cases=lambda rng: [
        (
            (true := rng.uniform(0.7, 0.9, 6) + rng.normal(0, 0.02, (2, 6)))[0].round(3).tolist(),
            true[1].round(3).tolist(),
        )
        for _ in range(5)
    ],
    solution="""
def report(validation, test):
    winner = validation.index(max(validation))
    return test[winner]
""",
    mistakes=(
        (
            "You report the score that chose the winner. It was chosen for being high, so its luck is in it: the "
            "winner's curse. Take the winner's score on images that chose nothing.",
            lambda validation, test: max(validation),
        ),
        (
            "You choose the winner on the test set. Then the test score is the one that is too high; choose on "
            "validation.",
            lambda validation, test: max(test),
        ),
        (
            "Choosing and measuring are exchanged: validation chooses, test measures.",
            lambda validation, test: validation[test.index(max(test))],
        ),
        (
            "That is the average of all candidates. Only the winner is measured on the test set.",
            lambda validation, test: sum(test) / len(test),
        ),
    ),
    hints=(
        "Two steps: find the place of the highest validation score, then look up that place in test.",
        "validation.index(max(validation)) is the winner's place.",
    ),
)
def report(validation: Sequence[float], test: Sequence[float]) -> float:
    """The accuracy to report for the candidate that a search would pick, of candidates with these two scores."""
    return test[max(range(len(validation)), key=lambda n: validation[n])]
