import pytest

from nascourse.spaces.cell import Cell
from nascourse.spaces.published import PUBLISHED
from nascourse.viz.cells import cell_scene
from tests.viz.test_dag import check_picture, groups


@pytest.mark.parametrize("kind", ["normal", "reduce"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_cells_are_drawn_whole_and_nothing_overlaps(name, kind):
    cell = getattr(PUBLISHED[name], kind)
    scene = cell_scene(cell, highlight=[0], title=name)
    check_picture(scene)
    edges = groups(scene, "edge-")
    assert len(edges) == 2 * len(cell.nodes) + len(cell.concat)
    for k, (source, node, op) in enumerate(cell.edges()):
        assert edges[f"edge-{k}"].title.startswith(f"{source} → {node}: {op}")


def test_what_reads_nothing_or_reaches_nothing_is_dead():
    none, skip = "none", "skip_connect"
    # node 2 reads nothing, node 3 reads node 2 only, node 4 is read by nobody and not part of the output
    nodes = (((none, 0), (none, 1)), ((skip, 2), (skip, 2)), ((skip, 0), (skip, 1)), ((skip, 0), (skip, 3)))
    cell = Cell(nodes, (3, 5))
    assert cell.cells()[0].live_nodes == {0, 1, 5}
    assert cell_scene(cell).alt.endswith("Dead: nodes 2, 3, 4.")
    assert groups(cell_scene(cell), "node-")["node-4"].items[0].dash
