"""Which micro cells are the same function?

Every convolution edge owns its weights, so a cell is a formula over its input x with one free function for each
convolution edge. Four facts decide when two formulas are equal:

* a skip connection of a sum is the sum, and addition commutes;
* what comes from nothing, or reaches nothing, vanishes;
* average pooling without batch normalization is linear: pool(a + b) = pool(a) + pool(b);
* convolutions may be renamed, but one convolution used twice (2 c(x)) is not two convolutions (c_a(x) + c_b(x)).

So every node is a sum of terms ``count * pool^k(atom)`` where an atom is x or one convolution's output.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import permutations, product

from .micro import MicroCell, MicroSpace

Terms = tuple[tuple[int, int, int], ...]
"""A sum as sorted (atom, pools, count): atom 0 is x, atom c >= 1 the c-th convolution."""

Formula = tuple[Terms, tuple[tuple[str, Terms], ...]]
"""The output's terms, and for each convolution its operation and its input's terms."""


def formula(cell: MicroCell) -> Formula:
    """The cell as a formula, its live convolutions numbered in the order of their edges."""
    nodes: list[Counter[tuple[int, int]]] = [Counter({(0, 0): 1}), Counter(), Counter(), Counter()]
    convs: list[tuple[str, Terms]] = []
    for i, j, op in sorted(cell.live_edges(), key=lambda edge: edge.target):
        if op == "skip_connect":
            nodes[j].update(nodes[i])
        elif op == "avg_pool_3x3":
            nodes[j].update({(atom, pools + 1): n for (atom, pools), n in nodes[i].items()})
        else:
            convs.append((op, _terms(nodes[i])))
            nodes[j][len(convs), 0] += 1
    return _terms(nodes[3]), tuple(convs)


def _terms(node: Counter[tuple[int, int]]) -> Terms:
    return tuple(sorted((atom, pools, n) for (atom, pools), n in node.items()))


@cache
def canonical_key(cell: MicroCell) -> Formula:
    """The formula with its convolutions numbered canonically: equal exactly when two cells are one function."""
    output, convs = formula(cell)
    unfolded: list[tuple[object, ...]] = [("x",)]
    for op, terms in convs:  # sources come first, so every atom in terms is known already
        unfolded.append((op, tuple(sorted((unfolded[atom], pools, n) for atom, pools, n in terms))))
    groups: dict[str, list[int]] = {}
    for atom in range(1, len(convs) + 1):
        groups.setdefault(repr(unfolded[atom]), []).append(atom)
    ordered = [groups[text] for text in sorted(groups)]
    # only convolutions that look alike from below can trade names
    return min(_renamed(output, convs, sum(order, ())) for order in product(*(permutations(g) for g in ordered)))


def _renamed(output: Terms, convs: tuple[tuple[str, Terms], ...], order: tuple[int, ...]) -> Formula:
    new = {0: 0} | {old: n for n, old in enumerate(order, start=1)}

    def rename(terms: Terms) -> Terms:
        return tuple(sorted((new[atom], pools, n) for atom, pools, n in terms))

    return rename(output), tuple((convs[old - 1][0], rename(convs[old - 1][1])) for old in order)


@cache
def distinct_classes() -> dict[Formula, tuple[MicroCell, ...]]:
    """All 15,625 cells grouped by function, in the order of `MicroSpace.all_cells`; a class's first cell stands
    for it."""
    classes: dict[Formula, list[MicroCell]] = {}
    for cell in MicroSpace().all_cells():
        classes.setdefault(canonical_key(cell), []).append(cell)
    return {key: tuple(cells) for key, cells in classes.items()}


def canonical(cell: MicroCell) -> MicroCell:
    """The first cell, in the order of `MicroSpace.all_cells`, that computes the same function."""
    return distinct_classes()[canonical_key(cell)][0]
