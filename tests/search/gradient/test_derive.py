"""What is derived from α, against cells worked out by hand; and trap T3."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from nascourse.errors import CourseError
from nascourse.search.gradient.derive import derive
from nascourse.spaces.cell import CELL_OPS, Cell, Genotype
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell

OPS = ("none", *CELL_OPS)
EDGES = tuple((i, j) for j in range(2, 6) for i in range(j))
CELL = SimpleNamespace(space="cell", kinds=("normal", "reduce"), ops=OPS, edges=EDGES)
MICRO = SimpleNamespace(space="micro", kinds=("cell",), ops=MICRO_OPS, edges=MICRO_EDGES)


def alphas(**strong: float) -> torch.Tensor:
    """Zeros, except where ``op_i_j`` says so."""
    table = torch.zeros(len(EDGES), len(OPS))
    for name, value in strong.items():
        op, i, j = name.rsplit("_", 2)
        table[EDGES.index((int(i), int(j))), OPS.index(op)] = value
    return table


def test_the_two_strongest_edges_of_each_node_and_their_best_operations() -> None:
    normal = alphas(
        skip_connect_0_2=1, max_pool_3x3_1_2=2,
        sep_conv_3x3_2_3=2, dil_conv_5x5_0_3=1,
        avg_pool_3x3_1_4=1, sep_conv_5x5_3_4=1.5, skip_connect_0_4=0.5,
        dil_conv_3x3_4_5=3, sep_conv_3x3_3_5=2, skip_connect_2_5=1, skip_connect_1_5=1,
    )  # fmt: skip
    expected = Cell.from_pairs(
        [
            ("skip_connect", 0), ("max_pool_3x3", 1), ("dil_conv_5x5", 0), ("sep_conv_3x3", 2),
            ("avg_pool_3x3", 1), ("sep_conv_5x5", 3), ("sep_conv_3x3", 3), ("dil_conv_3x3", 4),
        ],
        (2, 3, 4, 5),
    )  # fmt: skip
    reduced = torch.cat([normal[:, :1], normal[:, 1:].flip(1)], dim=1)  # the operations in reverse order
    derived = derive(CELL, {"normal": normal, "reduce": reduced})
    assert isinstance(derived, Genotype)
    assert derived.normal == expected
    opposite = dict(zip(CELL_OPS, reversed(CELL_OPS), strict=True))
    assert derived.reduce == Cell.from_pairs([(opposite[op], i) for op, i in expected.pairs()], (2, 3, 4, 5))


def test_none_is_never_derived_and_weakens_its_edge() -> None:
    normal = alphas(none_0_2=9, sep_conv_3x3_0_2=2, none_2_3=9, sep_conv_3x3_2_3=2, skip_connect_0_3=0.1)
    derived = derive(CELL, {"normal": normal, "reduce": normal})
    assert isinstance(derived, Genotype)
    assert ("sep_conv_3x3", 0) in derived.normal.nodes[0]
    # softmax gives edge 2 -> 3 almost wholly to none, so the two uniform edges are stronger
    assert {source for _, source in derived.normal.nodes[1]} == {0, 1}


def test_edges_are_compared_after_softmax() -> None:
    """T3: raw α of edge 0 -> 3 is largest, but all of its operations are equally strong."""
    normal = alphas(skip_connect_1_3=1, skip_connect_2_3=1)
    normal[EDGES.index((0, 3))] = 5.0
    derived = derive(CELL, {"normal": normal, "reduce": normal})
    assert isinstance(derived, Genotype)
    assert {source for _, source in derived.normal.nodes[1]} == {1, 2}
    rows = [EDGES.index((i, 3)) for i in range(3)]
    assert 0 in normal[rows].max(1).values.topk(2).indices  # what the wrong form would keep


def test_a_micro_cell_is_the_argmax_of_each_edge_with_none_among_them() -> None:
    cell = MicroCell(
        ("none", "skip_connect", "avg_pool_3x3", "nor_conv_3x3", "nor_conv_1x1", "none"),
    )
    table = torch.nn.functional.one_hot(torch.tensor([MICRO_OPS.index(op) for op in cell.ops]), 5) * 0.1
    assert derive(MICRO, {"cell": table}) == cell


def test_another_shape_is_refused() -> None:
    with pytest.raises(CourseError, match=r"\(14, 7\)"):
        derive(CELL, {"normal": torch.zeros(14, 7), "reduce": torch.zeros(14, 8)})


def test_a_space_that_was_not_defined_is_refused() -> None:
    with pytest.raises(CourseError, match=r"got 'another'.*cell, micro"):
        derive(SimpleNamespace(**{**vars(CELL), "space": "another"}), {"normal": torch.zeros(14, 8)})
