"""Networks of genotypes against published numbers and against the paper's description, piece by piece."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nascourse.errors import CourseError
from nascourse.networks.build import build, count
from nascourse.networks.cells import CellNetwork, reduction_places
from nascourse.networks.graph import drop_paths
from nascourse.networks.ops import FactorizedReduce
from nascourse.spaces.cell import Cell, Genotype
from nascourse.spaces.published import AMOEBANET_A, DARTS_V1, DARTS_V2, NASNET_A, PUBLISHED


@pytest.mark.parametrize(("genotype", "params"), [(DARTS_V1, 3_169_414), (DARTS_V2, 3_349_342)])
def test_published_parameter_counts(genotype: Genotype, params: int) -> None:
    assert count(genotype, channels=36, cells=20, classes=10).params == params


def test_the_auxiliary_head_has_the_published_size() -> None:
    # 2 * 20 // 3 = 13: four nodes of 144 channels; conv 1x1 to 128, BN, conv 2x2 to 768, BN, linear
    head = 4 * 144 * 128 + 2 * 128 + 128 * 768 * 4 + 2 * 768 + 768 * 10 + 10
    with_head = count(DARTS_V2, auxiliary=True).params
    assert with_head - count(DARTS_V2).params == head
    imagenet = {"channels": 48, "cells": 14, "classes": 1000, "stem": "imagenet"}
    imagenet_head = 4 * 192 * 128 + 2 * 128 + 128 * 768 * 4 + 768 * 1000 + 1000  # no second BN
    assert (
        count(DARTS_V2, (3, 224, 224), auxiliary=True, **imagenet).params
        - count(DARTS_V2, (3, 224, 224), **imagenet).params
        == imagenet_head
    )


def test_the_imagenet_network_has_the_published_size() -> None:
    # DARTS, table 3: 4.7 M parameters on ImageNet
    counts = count(DARTS_V2, (3, 224, 224), channels=48, cells=14, classes=1000, stem="imagenet")
    assert round(counts.params / 1e6, 1) == 4.7
    assert counts.macs < 600e6  # the mobile setting


@pytest.mark.parametrize(
    ("cells", "places"), [(1, ()), (2, (1,)), (3, (1, 2)), (4, (1, 2)), (5, (1, 3)), (8, (2, 5)), (20, (6, 13))]
)
def test_where_the_reduction_cells_are(cells: int, places: tuple[int, ...]) -> None:
    assert reduction_places(cells) == places


def shapes(network: nn.Module, image: torch.Tensor) -> list[tuple[int, ...]]:
    seen: list[tuple[int, ...]] = []
    hooks = [cell.register_forward_hook(lambda *a: seen.append(tuple(a[2].shape[1:]))) for cell in network.cells]
    network.eval()(image)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("name", PUBLISHED)
def test_maps_halve_and_channels_double_at_the_reductions(name: str) -> None:
    genotype = PUBLISHED[name]
    n, r = len(genotype.normal.concat), len(genotype.reduce.concat)
    network = build(genotype, channels=4, cells=6)
    assert shapes(network, torch.zeros(1, 3, 16, 16)) == [
        *[(4 * n, 16, 16)] * 2,
        (8 * r, 8, 8),
        (8 * n, 8, 8),
        (16 * r, 4, 4),
        (16 * n, 4, 4),
    ]
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 10)


@pytest.mark.parametrize("genotype", [DARTS_V2, NASNET_A, AMOEBANET_A])
def test_the_imagenet_stem_divides_by_eight_and_the_first_cell_aligns_its_inputs(genotype: Genotype) -> None:
    network = build(genotype, channels=4, cells=3, stem="imagenet", classes=7)
    assert isinstance(network.cells[0].preprocess[0], FactorizedReduce)
    assert network.stems[0](torch.zeros(1, 3, 64, 64)).shape == (1, 4, 16, 16)
    assert shapes(network, torch.zeros(1, 3, 64, 64))[0][1:] == (8, 8)
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_odd_images_pass() -> None:
    for side in (7, 9, 14, 15, 28):
        assert build(DARTS_V1, channels=4, cells=5)(torch.zeros(2, 3, side, side)).shape == (2, 10)


def test_only_the_two_inputs_have_stride_two() -> None:
    network = build(DARTS_V2, channels=4, cells=3)
    reduction = network.cells[1]
    for source, op in zip(reduction.sources, reduction.ops, strict=True):
        halves = op(torch.zeros(1, 8, 8, 8)).shape[2] == 4
        assert halves == (source < 2)


def test_a_derived_network_has_affine_norms_and_bare_pooling() -> None:
    network = build(AMOEBANET_A, channels=4, cells=3)
    assert all(layer.affine for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    pools = [op for cell in network.cells for op in cell.ops if isinstance(op, nn.MaxPool2d | nn.AvgPool2d)]
    assert pools  # an op of the cell itself, not the first layer of a sequence
    assert all(not p.count_include_pad for p in pools if isinstance(p, nn.AvgPool2d))


def test_a_factorized_reduction_follows_each_reduction() -> None:
    network = build(DARTS_V2, channels=4, cells=6)
    assert [isinstance(cell.preprocess[0], FactorizedReduce) for cell in network.cells] == [
        k - 1 in reduction_places(6) for k in range(6)
    ]


def test_a_cell_computes_what_its_genotype_says() -> None:
    cell = Cell.from_pairs([("skip_connect", 0), ("avg_pool_3x3", 1), ("skip_connect", 2), ("skip_connect", 1)], (2, 3))
    network = build(Genotype(cell, cell), channels=2, cells=1, in_channels=1).eval()
    module = network.cells[0]
    x = torch.randn(1, 6, 5, 5)
    a, b = module.preprocess[0](x), module.preprocess[1](x)
    node_2 = a + nn.functional.avg_pool2d(b, 3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(module(x, x), torch.cat([node_2, node_2 + b], dim=1))


def test_the_auxiliary_head_works_in_training_only() -> None:
    network = build(DARTS_V2, channels=4, cells=3, auxiliary=True)
    for side in (28, 32):
        logits, auxiliary = network(torch.randn(2, 3, side, side))
        assert logits.shape == auxiliary.shape == (2, 10)
    assert network.eval()(torch.randn(2, 3, 28, 28)).shape == (2, 10)
    with pytest.raises(CourseError, match="auxiliary head"):
        network.train()(torch.randn(2, 3, 14, 14))


def test_drop_path_keeps_the_mean_and_spares_whole_images() -> None:
    torch.manual_seed(0)
    dropped = drop_paths(torch.ones(20_000, 2, 1, 1), 0.2)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert dropped.unique().tolist() == pytest.approx([0, 1.25])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_drop_path_leaves_identities_and_evaluation_alone() -> None:
    skips = Cell.from_pairs([("skip_connect", 0), ("skip_connect", 1)], (2,))
    convs = Cell.from_pairs([("sep_conv_3x3", 0), ("sep_conv_3x3", 1)], (2,))
    image = torch.randn(4, 3, 8, 8)
    for cell, same in ((skips, True), (convs, False)):
        network = CellNetwork(Genotype(cell, cell), channels=4, cells=1)
        first = network(image)
        network.drop_path = 0.5  # set during training
        torch.manual_seed(1)
        assert torch.equal(network(image), first) == same
        network.eval()
        torch.testing.assert_close(network(image), network(image))


def test_every_parameter_of_a_published_network_learns() -> None:
    network = build(DARTS_V2, channels=4, cells=3, auxiliary=True)
    logits, auxiliary = network(torch.randn(2, 3, 32, 32))
    (logits.sum() + 0.4 * auxiliary.sum()).backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("net", [{"stem": "vgg"}, {"cells": 0}, {"drop_path": 1.0}])
def test_bad_keywords_are_refused(net: dict[str, object]) -> None:
    with pytest.raises(CourseError):
        build(DARTS_V2, **net)
