from itertools import combinations

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.spaces.micro import MICRO_EDGES, MicroCell, MicroSpace
from nascourse.viz.cells import cell_scene
from nascourse.viz.dag import DagEdge, DagNode, dag_scene
from nascourse.viz.items import Box, Circle, Group, Line, Text, text_width
from nascourse.viz.layout import Strand, layered_layout, longest_path_layers

OPS = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")


def groups(scene, prefix):
    return {g.key: g for g in scene.items if isinstance(g, Group) and g.key.startswith(prefix)}


def extent(item):
    """Left, top, right, bottom of a box, a circle or a text, from its own numbers."""
    match item:
        case Box(x, y, width, height):
            return x, y, x + width, y + height
        case Circle(x, y, radius):
            return x - radius, y - radius, x + radius, y + radius
        case Text(x, y, text, size):
            half = text_width(text, size) / 2
            return x - half, y - size / 2, x + half, y + size / 2


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def curve_points(line):
    """Points on the cubic Bézier pieces, by the formula."""
    p = np.array(line.points)
    t = np.linspace(0, 1, 12)[:, None]
    pieces = [p[k : k + 4] for k in range(0, len(p) - 1, 3)]
    return np.concatenate(
        [(1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d for a, b, c, d in pieces]
    )


def inside(item, x, y):
    if isinstance(item, Circle):
        return np.hypot(x - item.x, y - item.y) < item.radius
    left, top, right, bottom = extent(item)
    return (left < x) & (x < right) & (top < y) & (y < bottom)


def check_picture(scene):
    """No two labels or nodes overlap, all lie on the card, and no line runs through a label or node not its own."""
    items = {key: g.items[0] for key, g in groups(scene, "node-").items()}
    for key, g in groups(scene, "edge-").items():
        if any(isinstance(item, Text) for item in g.items):
            items[key] = next(item for item in g.items if isinstance(item, Box))
            text = extent(next(item for item in g.items if isinstance(item, Text)))
            assert extent(items[key])[0] < text[0]
            assert text[2] < extent(items[key])[2]
    shapes = {key: extent(item) for key, item in items.items()}
    for a, b in combinations(shapes.values(), 2):
        assert not overlap(a, b)
    for left, top, right, bottom in shapes.values():
        assert 0 < left < right < scene.width
        assert 0 < top < bottom < scene.height
    for key, g in groups(scene, "edge-").items():
        for line in (item for item in g.items if isinstance(item, Line)):
            x, y = curve_points(line).T
            assert min(x.min(), y.min(), scene.width - x.max(), scene.height - y.max()) > 0
            for other, item in items.items():
                assert other == key or not inside(item, x, y).any(), (key, other)


def darts_cell(rng, count):
    """A random cell: two inputs, ``count`` nodes of two inputs each, the loose ends concatenated."""
    nodes = [DagNode("a", "cₖ₋₂", "box"), DagNode("b", "cₖ₋₁", "box")]
    edges = []
    for _ in range(count):
        names = [n.name for n in nodes]
        nodes.append(DagNode(str(len(nodes))))
        for source in rng.choice(names, 2, replace=bool(rng.integers(2))):
            edges.append(DagEdge(str(source), nodes[-1].name, OPS[rng.integers(len(OPS))]))
    used = {e.source for e in edges}
    edges += [DagEdge(n.name, "out") for n in nodes[2:] if n.name not in used]
    return [*nodes, DagNode("out", "output", "box")], edges


@pytest.mark.parametrize("seed", range(24))
def test_nothing_overlaps_in_random_cells(seed):
    rng = np.random.default_rng(seed)
    check_picture(dag_scene(*darts_cell(rng, 3 + seed % 5), alt="a random cell"))


def test_nothing_overlaps_in_the_full_darts_cell_with_and_without_labels():
    nodes = [DagNode("a", "cₖ₋₂", "box"), DagNode("b", "cₖ₋₁", "box"), *(DagNode(str(k)) for k in range(2, 6))]
    names = [n.name for n in nodes]
    pairs = [(names[i], names[j]) for j in range(2, 6) for i in range(j)]
    assert len(pairs) == 14
    check_picture(dag_scene(nodes, [DagEdge(s, t, OPS[3]) for s, t in pairs], "14 edges", "a title"))
    mixed = dag_scene(nodes, [DagEdge(s, t, op, label="") for s, t in pairs for op in OPS], "14 mixtures")
    check_picture(mixed)
    assert len(groups(mixed, "edge-")) == 14 * len(OPS)


def test_every_micro_cell_has_the_one_layout_in_which_nothing_overlaps():
    def places(scene):
        boxes = (extent(item) for g in groups(scene, "").values() for item in g.items if isinstance(item, Box | Circle))
        return [box for box in boxes if box[3] - box[1] > 12]  # not the markers inside labels

    cells = list(MicroSpace().all_cells())
    first = cell_scene(cells[0])
    check_picture(first)
    for cell in cells[::97]:
        scene = cell_scene(cell)
        assert (scene.width, scene.height) == (first.width, first.height)
        assert places(scene) == places(first)
    widest = max(cells, key=lambda cell: len(str(cell)))
    check_picture(cell_scene(widest, highlight=range(6)))


def test_the_micro_cell_is_drawn_without_crossings():
    # four nodes and all six edges: planar, so the order should find a drawing in which no two lines cross
    lines = [
        curve_points(next(i for i in g.items if isinstance(i, Line)))
        for g in groups(cell_scene(MicroCell(("nor_conv_3x3",) * 6)), "edge-").values()
    ]
    for a, b in combinations(lines, 2):
        xs = np.linspace(max(a[0, 0], b[0, 0]), min(a[-1, 0], b[-1, 0]), 200)[5:-5]
        if xs[0] < xs[-1]:
            gap = np.interp(xs, *a.T) - np.interp(xs, *b.T)
            assert (gap > 0).all() or (gap < 0).all()


def test_arrow_heads_end_on_the_border_of_their_node():
    nodes, edges = darts_cell(np.random.default_rng(5), 4)
    scene = dag_scene(nodes, edges, "cell")
    for k, edge in enumerate(edges):
        tip = next(i for i in groups(scene, "edge-")[f"edge-{k}"].items if isinstance(i, Line)).points[-1]
        match groups(scene, "node-")[f"node-{edge.target}"].items[0]:
            case Circle(x, y, radius):
                assert np.hypot(tip[0] - x, tip[1] - y) == pytest.approx(radius + 1)
            case Box(x, y, _, height):
                assert tip[0] == pytest.approx(x - 1)
                assert y < tip[1] < y + height


def test_dead_parts_are_dashed_and_said_and_changed_edges_carry_a_star():
    cell = MicroCell(("nor_conv_3x3", "skip_connect", "none", "nor_conv_1x1", "none", "avg_pool_3x3"))
    scene = cell_scene(cell, highlight=[5])
    edges = groups(scene, "edge-")
    for k, (i, j) in enumerate(MICRO_EDGES):
        dead = (i, j) in {(0, 1), (1, 2), (1, 3)}  # node 1 leads nowhere
        label = next(item for item in edges[f"edge-{k}"].items if isinstance(item, Box))
        assert bool(label.dash) == dead == ("(dead)" in edges[f"edge-{k}"].title)
    assert groups(scene, "node-")["node-1"].items[0].dash
    assert not groups(scene, "node-")["node-2"].items[0].dash
    assert len(edges["edge-5"].items) > len(edges["edge-3"].items)
    assert "Dead: 0→1, 1→2, 1→3." in scene.alt
    assert "Changed: 2→3." in scene.alt


def test_layers_are_longest_paths():
    assert longest_path_layers(5, [(0, 1), (1, 2), (0, 2), (2, 4), (3, 4)]) == (0, 1, 2, 0, 3)
    rng = np.random.default_rng(0)
    for _ in range(20):
        edges = [pair for pair in combinations(range(7), 2) if rng.random() < 0.3]

        def longest(node, edges=edges):
            return max((1 + longest(source) for source, target in edges if target == node), default=0)

        assert longest_path_layers(7, edges) == tuple(map(longest, range(7)))


def test_a_graph_without_edges_is_drawn():
    check_picture(dag_scene([DagNode("a"), DagNode("b")], [], "two nodes"))


def test_a_chain_is_drawn_on_one_straight_line():
    layout = layered_layout(((30.0, 30.0),) * 4, tuple(Strand(k, k + 1, 4.0, (50.0, 20.0)) for k in range(3)))
    assert {y for _, y in (*layout.nodes, *layout.labels)} == {15.0}


@pytest.mark.parametrize(
    ("edges", "named"),
    [
        ([DagEdge("a", "c")], "c"),
        ([DagEdge("a", "b"), DagEdge("b", "a")], "cycle"),
        ([DagEdge("a", "b", "conv")], "conv"),
    ],
)
def test_a_missing_node_a_cycle_and_an_unknown_operation_are_refused(edges, named):
    with pytest.raises(CourseError, match=named):
        dag_scene([DagNode("a"), DagNode("b")], edges, "no picture")
