"""The graph in which every node leads to every later one: all pairs are joined, and nothing overlaps."""

from __future__ import annotations

import pytest

from nascourse.lessons.lesson_00.pictures import MOST_NODES, CompleteDagExplorer
from tests.viz.test_dag import check_picture, groups


@pytest.mark.parametrize("nodes", range(2, MOST_NODES + 1))
def test_each_pair_of_nodes_is_joined_once_and_counted(nodes: int) -> None:
    explorer = CompleteDagExplorer()
    explorer.set(nodes=nodes)
    titles = {group.title for group in groups(explorer.scene, "edge-").values()}
    assert titles == {f"{i} → {j}" for j in range(nodes) for i in range(j)}
    pairs = nodes * (nodes - 1) // 2
    assert explorer.sentence.value.startswith(f"A graph of {nodes} nodes, {pairs} edge{'s' * (pairs > 1)}:")
    check_picture(explorer.scene)
