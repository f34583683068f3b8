"""Lesson 00's picture: how many edges a graph has in which every node leads to every later one."""

from __future__ import annotations

from ipywidgets import IntSlider, Layout

from ...viz.dag import DagEdge, DagNode, dag_scene
from ...viz.explorer import Explorer, State
from ...viz.scene import Scene

MOST_NODES = 6


class CompleteDagExplorer(Explorer):
    """A number of nodes → the graph with an edge from each node to every node of a higher number."""

    def __init__(self, nodes: int = 3) -> None:
        layout = Layout(width="260px")
        super().__init__({"nodes": IntSlider(nodes, 2, MOST_NODES, description="nodes", layout=layout)})

    def render(self, state: State) -> Scene:
        n = state["nodes"]
        edges = [DagEdge(str(i), str(j)) for j in range(n) for i in range(j)]
        words = f"{n} nodes, {len(edges)} {'edge' if len(edges) == 1 else 'edges'}"
        alt = f"A graph of {words}: each node leads to every node of a higher number."
        return dag_scene([DagNode(str(k)) for k in range(n)], edges, alt, title=words)
