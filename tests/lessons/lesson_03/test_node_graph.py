"""The two conventions describe one cell: with a number for each operation both give the same sum over paths."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse.lessons.lesson_03.node_graph import ADD, CONCAT, INPUT, OUTPUT, OnNodes, on_nodes
from nascourse.spaces.cell import CELL_OPS, Cell, CellSpace
from nascourse.spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from nascourse.spaces.published import AMOEBANET_A, DARTS_V2, NASNET_A

FACTORS = {op: 2.0 + k for k, op in enumerate((*CELL_OPS, *MICRO_OPS, "sep_conv_7x7", "conv_7x1_1x7"))} | {"none": 0.0}


def value_on_nodes(graph: OnNodes, inputs: list[float]) -> float:
    values: list[float] = []
    for vertex, label in enumerate(graph.labels):
        read = sum(values[source] for source, target in graph.edges if target == vertex)
        values.append(inputs[vertex] if label == INPUT else FACTORS.get(label, 1.0) * read)
    return values[-1]


def value_on_edges(edges: list[tuple[int, int, str]], inputs: list[float], nodes: int, read: tuple[int, ...]) -> float:
    values = [*inputs, *[0.0] * (nodes - len(inputs))]
    for source, target, op in sorted(edges, key=lambda edge: edge[1]):
        values[target] += FACTORS[op] * values[source]
    return sum(values[node] for node in read)


def cells() -> list[Cell]:
    rng, space = np.random.default_rng(0), CellSpace(ops=(*CELL_OPS, "none"))
    return [DARTS_V2.normal, NASNET_A.reduce, AMOEBANET_A.normal, *(space.sample(rng).normal for _ in range(20))]


@pytest.mark.parametrize("cell", cells())
def test_a_cell_is_the_same_in_both(cell: Cell) -> None:
    expected = value_on_edges(list(cell.edges()), [1.0, 10.0], len(cell.nodes) + 2, cell.concat)
    assert value_on_nodes(on_nodes(cell), [1.0, 10.0]) == pytest.approx(expected)


def test_a_micro_cell_is_the_same_in_both() -> None:
    for cell in (MicroSpace().sample(np.random.default_rng(seed)) for seed in range(60)):
        expected = value_on_edges(list(cell.edges()), [3.0], 4, (3,))
        assert value_on_nodes(on_nodes(cell), [3.0]) == pytest.approx(expected)


def test_what_is_a_vertex() -> None:
    labels = on_nodes(DARTS_V2.normal).labels
    assert [labels.count(label) for label in (INPUT, "sep_conv_3x3", "skip_connect", ADD, CONCAT)] == [2, 5, 2, 4, 1]
    chain = MicroCell(("nor_conv_3x3", "none", "skip_connect", "none", "none", "avg_pool_3x3"))
    assert on_nodes(chain).labels == (INPUT, "nor_conv_3x3", "skip_connect", "avg_pool_3x3", OUTPUT)
    assert on_nodes(MicroCell(("none",) * 6)) == OnNodes((INPUT, OUTPUT), ())
