"""Cells as graphs: what is alive against paths found one by one, and what is refused."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.graph import CellGraph, Edge, cell_of, cells_of
from nascourse.spaces.micro import MICRO_OPS, MicroCell
from nascourse.spaces.published import DARTS_V2


def random_cell(seed: int) -> CellGraph:
    """Seven nodes, edges in any order, about a third of them without an operation."""
    rng = np.random.default_rng(seed)
    inputs, outputs = int(rng.integers(1, 4)), tuple(sorted(rng.choice(range(3, 7), 2, replace=False).tolist()))
    pairs = [(i, j) for i, j in combinations(range(7), 2) if j >= inputs and rng.random() < 0.6]
    edges = [Edge(*pairs[k], "none" if rng.random() < 0.3 else "conv") for k in rng.permutation(len(pairs))]
    return CellGraph("cell", "a cell", tuple("abcdefg"), tuple(edges), outputs, inputs)


@pytest.mark.parametrize("seed", range(60))
def test_alive_is_what_lies_on_a_path_from_an_input_to_an_output(seed: int) -> None:
    cell = random_cell(seed)
    graph = nx.DiGraph((source, target) for source, target, op in cell.edges if op != "none")
    graph.add_nodes_from(range(7))
    paths = [path for i in range(cell.inputs) for out in cell.outputs for path in nx.all_simple_paths(graph, i, out)]
    assert cell.live_nodes == {*range(cell.inputs)}.union(*paths)
    on_paths = {step for path in paths for step in pairwise(path)}
    assert [(s, t) for s, t, _ in cell.live_edges] == [(s, t) for s, t, _ in cell.edges if (s, t) in on_paths]


def test_a_node_is_told_in_words() -> None:
    normal, reduction = DARTS_V2.cells()
    assert [normal.words(node) for node in range(3)] == ["input k−2", "input k−1", "node 2"]
    assert (normal.title, reduction.title) == ("normal cell", "reduction cell")


@pytest.mark.parametrize("edge", [Edge(1, 1, "conv"), Edge(2, 1, "conv"), Edge(0, 3, "conv"), Edge(-1, 1, "conv")])
def test_an_edge_leads_to_a_later_node(edge: Edge) -> None:
    with pytest.raises(CourseError, match="an edge to a later node"):
        CellGraph("cell", "a cell", ("a", "b", "c"), (edge,), (2,))


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(CourseError, match="a cell out of normal, reduce"):
        cell_of(DARTS_V2, "cell")
    with pytest.raises(CourseError, match=r"an edge in 0\.\.5"):
        MicroCell(MICRO_OPS[:1] * 6).with_edge("cell", 6, op="none")
    with pytest.raises(CourseError, match="an architecture of cells"):
        cells_of("|none~0|")


def test_an_edge_may_become_what_it_says_and_nothing_else_changes() -> None:
    rng = np.random.default_rng(0)
    for genotype in (CellSpace().sample(rng) for _ in range(5)):
        for cell in genotype.cells():
            for k, edge in enumerate(cell.edges):
                options = genotype.options(cell.name, k)
                assert edge.op in options.ops
                assert edge.source in options.sources
                for changed in (
                    *(genotype.with_edge(cell.name, k, op=op) for op in options.ops),
                    *(genotype.with_edge(cell.name, k, source=source) for source in options.sources),
                ):
                    CellSpace().encode(changed)  # refuses what is not in the space
                    kept = set(cell.edges) - {edge}
                    assert kept <= set(cell_of(changed, cell.name).edges)
                    assert [c for c in changed.cells() if c.name != cell.name] == [
                        c for c in genotype.cells() if c.name != cell.name
                    ]
