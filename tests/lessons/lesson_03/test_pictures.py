import numpy as np
import pytest
import torch
from torch import nn

from nascourse.lessons.lesson_03.node_graph import on_nodes
from nascourse.lessons.lesson_03.pictures import footprints_scene, on_nodes_scene, reach, stacked_cells_scene
from nascourse.networks.ops import make_op
from nascourse.spaces.cell import CELL_OPS
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import AMOEBANET_A, DARTS_V2, NASNET_A
from nascourse.viz.items import Box, Line, flat
from tests.viz.test_dag import check_picture, extent, groups, overlap


@pytest.mark.parametrize("op", CELL_OPS)
def test_the_footprint_is_where_the_gradient_is_not_zero(op: str) -> None:
    network = make_op(op, 2).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    touched = np.zeros((15, 15), dtype=bool)
    for seed in range(60):  # max pooling passes a gradient to one position only, another one each time
        image = torch.rand(1, 2, 15, 15, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        network(image)[0, :, 7, 7].sum().backward()
        touched |= (image.grad[0] != 0).any(0).numpy()
    rows, columns = np.nonzero(touched)
    assert set(zip(rows - 7, columns - 7, strict=True)) == {(a, b) for a in reach(op) for b in reach(op)}


def test_every_footprint_is_drawn_with_its_parameters() -> None:
    scene = footprints_scene(16)
    filled = [item for item in scene.items if isinstance(item, Box) and item.fill != "#FFFFFF"]
    assert len(filled) == sum(len(reach(op)) ** 2 for op in CELL_OPS)
    # twice: 9 C depthwise, C² pointwise, 2 C batch normalization
    assert f"{2 * (9 * 16 + 16 * 16 + 2 * 16):,} parameters" in scene.texts()


@pytest.mark.parametrize("cell", [DARTS_V2.normal, NASNET_A.reduce, AMOEBANET_A.normal])
def test_every_vertex_and_arrow_is_drawn_and_nothing_overlaps(cell) -> None:
    graph, scene = on_nodes(cell), on_nodes_scene(cell, "a title")
    assert len(groups(scene, "node-")) == len(graph.labels)
    assert len(groups(scene, "edge-")) == len(set(graph.edges))
    check_picture(scene)


def test_a_micro_cell_has_an_input_and_an_output() -> None:
    cell = MicroCell(("nor_conv_3x3", "none", "skip_connect", "none", "none", "avg_pool_3x3"))
    assert on_nodes_scene(cell).texts() == ("input", "conv 3×3", "skip", "avg 3×3", "output")


def test_cells_are_stacked_in_turns() -> None:
    scene = stacked_cells_scene(3)
    texts = [text for text in scene.texts() if text in ("image", "normal", "reduction", "classes")]
    assert texts == ["image", *["normal", "reduction"] * 3, "classes"]
    assert scene.texts().count("× n") == 3
    boxes = [extent(item) for item in flat(scene.items) if isinstance(item, Box)]
    assert not any(overlap(a, b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert sum(isinstance(item, Line) and item.arrow for item in flat(scene.items)) == len(boxes) - 1
