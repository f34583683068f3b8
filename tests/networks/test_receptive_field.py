"""Receptive field against what really changes when one pixel changes; paths against enumeration."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

from nascourse.errors import CourseError
from nascourse.networks.build import build, measure
from nascourse.networks.ops import OPS, make_op
from nascourse.networks.receptive_field import KERNELS, Window, cell_window
from nascourse.spaces.cell import CELL_OPS, INPUTS, Cell, CellSpace, Genotype
from nascourse.spaces.micro import MicroCell, MicroSpace
from nascourse.spaces.published import AMOEBANET_A, DARTS_V1, DARTS_V2, NASNET_A


def reached(body: nn.Module, side: int) -> tuple[int, int]:
    """First and last row of the image that the middle row of the output depends on, when every weight is 1.

    The image is narrow: height and width are treated alike.
    """
    for name, parameter in body.named_parameters():
        nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
    body.double().eval()
    plain = torch.ones(1, 1, side, 16, dtype=torch.float64)
    raised = plain.repeat(side, 1, 1, 1)
    raised[range(side), :, range(side), :] = 1e60  # image k has row k raised so far that no maximum misses it
    with torch.no_grad():
        before, after = body(plain), body(raised)
    middle = before.shape[2] // 2
    moved = (after[:, :, middle] > 1e6 * before[:, :, middle]).flatten(1).any(dim=1).nonzero().flatten()
    return int(moved.min()), int(moved.max())


class UpToTheLastCell(nn.Module):
    """A cell network without its classifier, for images of one channel."""

    def __init__(self, genotype: Genotype, cells: int, stem: str) -> None:
        super().__init__()
        self.network = build(genotype, channels=2, cells=cells, in_channels=1, stem=stem)
        self.network.head = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


@pytest.mark.parametrize("op", [op for op in OPS if op != "none"])
@pytest.mark.parametrize("stride", [1, 2])
def test_each_operation(op: str, stride: int) -> None:
    found = Window().through(op, stride)
    assert found is not None
    body = nn.Sequential(nn.Conv2d(1, 2, 1), make_op(op, 2, stride))
    middle = 16 if stride == 1 else 8
    assert reached(body, 33) == (middle * found.jump - found.left, middle * found.jump + found.right)
    assert set(KERNELS) | {"none"} == set(OPS)


@pytest.mark.parametrize("genotype", [DARTS_V1, DARTS_V2, NASNET_A, AMOEBANET_A])
@pytest.mark.parametrize(("cells", "stem"), [(1, "cifar"), (2, "cifar"), (3, "cifar"), (1, "imagenet")])
def test_networks_of_genotypes(genotype: Genotype, cells: int, stem: str) -> None:
    found = build(genotype, channels=2, cells=cells, stem=stem).window()
    assert found is not None
    side = found.jump * (2 * (found.side // found.jump // 2) + 3)
    first, last = reached(UpToTheLastCell(genotype, cells, stem), side)
    middle = side // found.jump // 2
    assert (first, last) == (middle * found.jump - found.left, middle * found.jump + found.right)


def test_networks_of_micro_cells() -> None:
    rng = np.random.default_rng(3)
    for _ in range(4):
        cell = MicroSpace().sample(rng)
        network = build(cell, channels=2, cells=(1, 1), in_channels=1, stem_stride=2)
        found, body = network.window(), network.body
        if found is None:
            assert not cell.live_edges()
            continue
        side = found.jump * (2 * (found.side // found.jump // 2) + 3)
        middle = side // found.jump // 2
        assert reached(body, side) == (middle * found.jump - found.left, middle * found.jump + found.right)


def paths_by_enumeration(cell: Cell) -> int:
    graph = nx.MultiDiGraph()
    graph.add_edges_from((source, target) for source, target, op in cell.edges() if op != "none")
    graph.add_edges_from(("in", source) for source in range(INPUTS))
    graph.add_edges_from((node, "out") for node in cell.concat)
    return len(list(nx.all_simple_edge_paths(graph, "in", "out"))) if graph.has_node("out") else 0


def test_paths_of_cells_by_enumeration() -> None:
    rng = np.random.default_rng(0)
    space = CellSpace(ops=(*CELL_OPS, "none"))
    for cell in [NASNET_A.normal, AMOEBANET_A.normal, *(space.sample(rng).normal for _ in range(30))]:
        found = cell_window(cell, [Window(), Window()])
        assert (found.paths if found else 0) == paths_by_enumeration(cell)


def test_paths_of_micro_cells_by_enumeration() -> None:
    for cell in (MicroSpace().sample(np.random.default_rng(seed)) for seed in range(60)):
        graph = nx.DiGraph()
        graph.add_nodes_from(range(4))
        graph.add_edges_from((i, j) for i, j, op in cell.edges() if op != "none")
        found = cell_window(cell, [Window()])
        assert (found.paths if found else 0) == len(list(nx.all_simple_paths(graph, 0, 3)))


def test_paths_multiply_along_the_stack() -> None:
    one = Cell.from_pairs([("skip_connect", 0), ("sep_conv_3x3", 1)], (2,))  # one path from each input
    # paths to cell k: 2 for the first (both inputs are the stem), then Fibonacci
    assert [measure(Genotype(one, one), (3, 8, 8), cells=n, channels=2).paths for n in (1, 2, 3, 4)] == [2, 3, 5, 8]


def test_nothing_arrives_through_none() -> None:
    nothing = Cell.from_pairs([("none", 0), ("none", 1)], (2,))
    measures = measure(Genotype(nothing, nothing), (3, 8, 8), cells=2, channels=2)
    assert (measures.receptive_field, measures.paths) == (0, 0)
    dead = measure(MicroCell(("none",) * 6), cells=(1,), channels=2)
    assert (dead.receptive_field, dead.paths) == (0, 0)


def test_other_architectures_are_refused() -> None:
    with pytest.raises(CourseError, match=r"an architecture out of .*MicroCell"):
        measure("a string")  # type: ignore[arg-type]
