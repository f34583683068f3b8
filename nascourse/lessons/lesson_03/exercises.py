"""Lesson 03: read a genotype, count the space, place reductions, cross cells by nodes, compute a receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from numpy.random import Generator

from ...networks.cells import reduction_places
from ...networks.receptive_field import Window
from ...spaces.cell import INPUTS, CellSpace, Pair
from ..exercise import exercise, question

Node = tuple[Pair, Pair]


def _cell_pairs(rng: Generator) -> list[list[Pair]]:
    return [list(CellSpace(nodes).sample(rng).normal.pairs()) for nodes in (1, 2, 3, 4, 4)]


# -- 03.1 --------------------------------------------------------------------------------------------------------------
@exercise(
    "03.1",
    title="Read a genotype",
    cases=lambda rng: [(pairs,) for pairs in _cell_pairs(rng)],
    solution="""
def read_genotype(pairs):
    return [(source, 2 + k // 2, op) for k, (op, source) in enumerate(pairs)]
""",
    mistakes=(
        (
            "Your targets start at 0. Nodes 0 and 1 are the cell's inputs; the first two pairs belong to node 2.",
            lambda pairs: [(source, k // 2, op) for k, (op, source) in enumerate(pairs)],
        ),
        (
            "You give each pair a node of its own. Two pairs in a row belong to the same node.",
            lambda pairs: [(source, 2 + k, op) for k, (op, source) in enumerate(pairs)],
        ),
        (
            "Source and target are exchanged: the number in a pair is the node that the operation reads.",
            lambda pairs: [(2 + k // 2, source, op) for k, (op, source) in enumerate(pairs)],
        ),
    ),
    hints=(
        "Pairs 0 and 1 are the edges into node 2, pairs 2 and 3 those into node 3.",
        "enumerate(pairs) numbers the pairs; the target of pair k is 2 + k // 2.",
    ),
)
def read_genotype(pairs: Sequence[Pair]) -> list[tuple[int, int, str]]:
    """The edges (source, target, operation) of a cell in DARTS' form, in its order."""
    edges = []
    for node in range(len(pairs) // 2):
        for op, source in pairs[2 * node : 2 * node + 2]:
            edges.append((source, node + INPUTS, op))
    return edges


# -- 03.2 --------------------------------------------------------------------------------------------------------------
@exercise(
    "03.2",
    title="Count the space",
    cases=lambda rng: [(1, 3), (2, 2), (2, 3), (3, 1), (3, 2)],
    solution="""
from math import comb

def count_genotypes(nodes, ops):
    cells = 1
    for k in range(2, 2 + nodes):
        cells *= comb(k, 2) * ops**2
    return cells**2
""",
    mistakes=(
        (
            "That is one cell. A genotype has a normal and a reduction cell: any of the one with any of the other.",
            lambda nodes, ops: prod(k * (k - 1) // 2 * ops**2 for k in range(2, 2 + nodes)),
        ),
        (
            "You count (0, 1) and (1, 0) as different inputs. A sum does not know an order: choose 2 out of k.",
            lambda nodes, ops: prod(k * (k - 1) * ops**2 for k in range(2, 2 + nodes)) ** 2,
        ),
        (
            "You let a node read the same input twice. In this space its two inputs differ: choose 2 out of k.",
            lambda nodes, ops: prod(k**2 * ops**2 for k in range(2, 2 + nodes)) ** 2,
        ),
        (
            "You choose one operation for each node. Here operations sit on edges, and a node has two of them.",
            lambda nodes, ops: prod(k * (k - 1) // 2 * ops for k in range(2, 2 + nodes)) ** 2,
        ),
    ),
    hints=(
        "Node k (the first is 2) chooses two of the k earlier nodes: k (k - 1) / 2 ways. Then one operation for each.",
        "Multiply over the nodes, then square: two cells.",
    ),
)
def count_genotypes(nodes: int, ops: int) -> int:
    """How many genotypes have cells of so many intermediate nodes and edges of so many operations, by enumeration."""
    choices = [
        [(pair, o) for pair in combinations(range(k), 2) for o in product(range(ops), repeat=2)]
        for k in range(INPUTS, INPUTS + nodes)
    ]
    return sum(1 for _ in product(*choices)) ** 2


# -- 03.3 --------------------------------------------------------------------------------------------------------------
@exercise(
    "03.3",
    title="Place the reductions",
    cases=lambda rng: [(n,) for n in (20, 8, 3, 6, 14, *rng.integers(3, 30, 4).tolist())],
    solution="""
def reductions(cells):
    return [cells // 3, 2 * cells // 3]
""",
    mistakes=(
        (
            "You make every third cell a reduction cell. There are two, however deep the network is.",
            lambda cells: list(range(2, cells, 3)),
        ),
        (
            "You count places from 1. The first cell has number 0.",
            lambda cells: [cells // 3 + 1, 2 * cells // 3 + 1],
        ),
        (
            "You round the third down before you double it: 2 * cells // 3 is not 2 * (cells // 3) if cells is 20.",
            lambda cells: [cells // 3, 2 * (cells // 3)],
        ),
        (
            "The last reduction sits at two thirds of the depth, not at the end: normal cells follow it.",
            lambda cells: [cells // 2 - 1, cells - 1],
        ),
    ),
    hints=("One at a third of the depth and one at two thirds, rounded down, counted from 0.",),
)
def reductions(cells: int) -> list[int]:
    """Which of so many cells (at least 3, counted from 0) are reduction cells."""
    return list(reduction_places(cells))


# -- 03.4 --------------------------------------------------------------------------------------------------------------
def _parents(rng: Generator) -> list[tuple[Any, ...]]:
    space = CellSpace()
    cases = []
    for _ in range(5):
        a, b = (list(space.sample(rng).normal.nodes) for _ in range(2))
        cases.append((a, b, sorted((rng.permutation(4)[:2] + INPUTS).tolist())))
    return cases


def _swap(a: Node, b: Node, what: str) -> Node:
    if what == "second pair":
        return (a[0], b[1])
    return ((b[0][0], a[0][1]), (b[1][0], a[1][1]))


@exercise(
    "03.4",
    title="Cross two cells by nodes",
    cases=_parents,
    solution="""
def cross(a, b, from_b):
    return [b[k] if k + 2 in from_b else a[k] for k in range(len(a))]
""",
    mistakes=(
        (
            "The first entry of a cell is node 2: nodes 0 and 1 are inputs and have no pairs.",
            lambda a, b, from_b: [b[k] if k in from_b else a[k] for k in range(len(a))],
        ),
        (
            "a and b are exchanged: the nodes in from_b come from b, the rest from a.",
            lambda a, b, from_b: [a[k] if k + 2 in from_b else b[k] for k in range(len(a))],
        ),
        (
            "You take b's operations and leave a's inputs. A node moves as a whole, with what it reads.",
            lambda a, b, from_b: [_swap(a[k], b[k], "ops") if k + 2 in from_b else a[k] for k in range(len(a))],
        ),
        (
            "You exchange one of a node's two pairs. Then both may read the same node, which is not in the space.",
            lambda a, b, from_b: [_swap(a[k], b[k], "second pair") if k + 2 in from_b else a[k] for k in range(len(a))],
        ),
    ),
    hints=(
        "Go through the entries of both cells; entry k is node k + 2.",
        "Take b[k] where k + 2 is in from_b, and a[k] elsewhere.",
    ),
)
def cross(a: Sequence[Node], b: Sequence[Node], from_b: Sequence[int]) -> list[Node]:
    """The child's nodes, each a pair of (operation, input): those numbered in ``from_b`` are b's, the others a's."""
    child = dict(enumerate(a, start=INPUTS)) | {n: pairs for n, pairs in enumerate(b, start=INPUTS) if n in from_b}
    return [child[n] for n in sorted(child)]


# -- 03.5 --------------------------------------------------------------------------------------------------------------
def _chains(rng: Generator) -> list[tuple[Any, ...]]:
    fixed = [[(3, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 1, 2)], [(3, 2, 1), (3, 1, 1)]]
    drawn = [
        [(int(rng.choice([1, 3, 5])), int(rng.integers(1, 3)), int(rng.integers(1, 3))) for _ in range(n)]
        for n in (3, 4, 5)
    ]
    return [(layers,) for layers in fixed + drawn]


@exercise(
    "03.5",
    title="How far a chain sees",
    cases=_chains,
    solution="""
def receptive_field(layers):
    side, jump = 1, 1
    for kernel, stride, dilation in layers:
        side += (kernel - 1) * dilation * jump
        jump *= stride
    return side
""",
    mistakes=(
        (
            "You leave dilation out. Holes between the taps carry them farther apart: (kernel - 1) * dilation.",
            lambda layers: (
                Window().side + sum((k - 1) * prod(s for _, s, _ in layers[:n]) for n, (k, _, _) in enumerate(layers))
            ),
        ),
        (
            "You leave stride out. After a stride of 2 neighbours are two pixels of the image apart, so every later "
            "kernel reaches twice as far.",
            lambda layers: 1 + sum((k - 1) * d for k, _, d in layers),
        ),
        (
            "A layer's own stride acts on the layers after it, not on itself: add first, then multiply the jump.",
            lambda layers: (
                1 + sum((k - 1) * d * prod(s for _, s, _ in layers[: n + 1]) for n, (k, _, d) in enumerate(layers))
            ),
        ),
        (
            "You multiply the kernels. Two 3×3 in a row see 5×5, not 9×9: each adds kernel - 1.",
            lambda layers: prod(1 + (k - 1) * d for k, _, d in layers),
        ),
    ),
    hints=(
        "Start with one pixel. Each layer adds (kernel - 1) * dilation, times how far neighbours are apart by then.",
        "Keep two numbers: the side, and the jump, which is the product of the strides so far.",
    ),
)
def receptive_field(layers: Sequence[tuple[int, int, int]]) -> int:
    """The side of the square that one output position of a chain of (kernel, stride, dilation) depends on, by
    following which pixels it reads."""
    reads = {0}
    for kernel, stride, dilation in reversed(layers):
        reads = {stride * at + dilation * (tap - kernel // 2) for at in reads for tap in range(kernel)}
    return max(reads) - min(reads) + 1


question(
    "03.6",
    title="What undecided means",
    answer="b",
    wrong={
        "a": "No transfer would be a narrow interval around zero. This one reaches to gains that would matter.",
        "c": "A mean above zero is an estimate. With eight groups, luck alone gives such a mean easily.",
    },
    why="The interval holds both no gain and a gain worth having. More groups, or longer trainings, could decide.",
    hints=("Which true values does the interval leave possible?",),
)
