"""Networks of micro cells and the table of operations, against published counts and a plain reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nascourse.errors import CourseError
from nascourse.networks.build import build, build_seeded, count, keywords
from nascourse.networks.micro import MicroCellModule, MicroNetwork
from nascourse.networks.ops import OPS, FactorizedReduce, Pointwise, make_op
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell, MicroSpace
from nascourse.spaces.published import DARTS_V2


def cell(*ops: str) -> MicroCell:
    short = {"0": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "p": "avg_pool_3x3"}
    return MicroCell(tuple(short[op] for op in ops))


def random_cell(seed: int) -> MicroCell:
    return MicroSpace().sample(np.random.default_rng(seed))


def test_the_published_size_of_the_all_3x3_cell() -> None:
    """NAS-Bench-201 publishes 1.531546 M parameters and 220.11968 M multiply-adds on CIFAR-10 images."""
    counts = count(cell(*"333333"), (3, 32, 32), channels=16, cells=(5, 5, 5))
    assert (counts.params, counts.macs) == (1_531_546, 220_119_680)


def reference(module: MicroCellModule, arch: MicroCell, x: torch.Tensor) -> torch.Tensor:
    """Node by node and edge by edge, every edge of the cell, with the module's weights where it has some."""
    layers = dict(zip(module.edges, module.ops, strict=True))
    nodes = [x]
    for target in (1, 2, 3):
        total = torch.zeros_like(x)
        for source in range(target):
            op = arch.ops[MICRO_EDGES.index((source, target))]
            z = nodes[source]
            if op == "none" or (source, target) not in layers:
                value = torch.zeros_like(x)
            elif op == "skip_connect":
                value = z
            elif op == "avg_pool_3x3":
                ones = torch.nn.functional.avg_pool2d(torch.ones_like(z), 3, 1, 1)
                value = torch.nn.functional.avg_pool2d(z, 3, 1, 1) / ones  # the padding does not count
            else:
                _, conv, norm = layers[source, target]
                z = torch.nn.functional.conv2d(z.clamp(min=0), conv.weight, padding=conv.padding)
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                value = (z - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
            total = total + value
        nodes.append(total)
    return nodes[3]


@pytest.mark.parametrize("seed", range(20))
def test_a_cell_is_its_formula(seed: int) -> None:
    arch = random_cell(seed)
    torch.manual_seed(seed)
    module = MicroCellModule(arch, 4).double()
    x = torch.randn(3, 4, 6, 5, dtype=torch.float64)
    module.train()(x)  # running statistics that are not 0 and 1
    module.eval()
    with torch.no_grad():
        assert torch.allclose(module(x), reference(module, arch, x), atol=1e-12)


@pytest.mark.parametrize(
    ("arch", "built"),
    [
        (cell(*"333333"), 6),
        (cell(*"000000"), 0),
        (cell(*"333000"), 0),  # nothing enters the output
        (cell(*"003003"), 0),  # what enters the output comes from nothing
        (cell(*"303s00"), 1),  # 0→1→2 leads nowhere
        (cell(*"0s30s3"), 2),  # node 1 is empty
        (cell(*"s0s00s"), 3),
    ],
)
def test_dead_parts_are_not_built(arch: MicroCell, built: int) -> None:
    module = MicroCellModule(arch, 4)
    assert len(module.ops) == built
    x = torch.randn(2, 4, 5, 5)
    output = module(x)
    assert output.shape == x.shape
    assert output.any() == (built > 0)


@pytest.mark.parametrize("seed", range(5))
def test_every_weight_that_is_built_matters(seed: int) -> None:
    network = build_seeded(random_cell(seed), seed, channels=4, cells=(1, 1), in_channels=1).train()
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    torch.nn.functional.cross_entropy(network(images), torch.arange(8)).backward()
    if random_cell(seed).live_edges():
        assert all(p.grad is not None for p in network.parameters())
        assert all(p.grad.any() for name, p in network.named_parameters() if "ops" in name and p.dim() == 4)


def test_stages_halve_the_image_and_double_the_channels() -> None:
    network = MicroNetwork(cell(*"sssspp"), channels=4, cells=(2, 1, 1), classes=7, in_channels=1)
    shapes: list[tuple[int, ...]] = []
    x = torch.randn(2, 1, 16, 12)
    for layer in network.body:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert sorted(set(shapes)) == [(4, 16, 12), (8, 8, 6), (16, 4, 3)]
    assert network.head(x).shape == (2, 7)
    assert MicroNetwork(cell(*"ssssss"), 4, (1,), stem_stride=2).body(torch.randn(1, 3, 14, 14)).shape[2:] == (7, 7)


def test_a_seed_makes_the_weights_and_leaves_the_global_generator_alone() -> None:
    net = {"channels": 4, "cells": (1,)}
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    first, again, other = (build_seeded(cell(*"333333"), seed, **net).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["body.0.weight"], other["body.0.weight"])


@pytest.mark.parametrize(("cells", "stages"), [(1, (1,)), (2, (1, 1)), (3, (1, 1, 1)), (8, (2, 3, 3))])
def test_a_number_of_cells_is_cut_where_darts_reduces(cells: int, stages: tuple[int, ...]) -> None:
    whole, cut = (MicroNetwork(cell(*"333333"), channels=2, cells=given) for given in (cells, stages))
    assert {k: v.shape for k, v in whole.state_dict().items()} == {k: v.shape for k, v in cut.state_dict().items()}


def test_a_network_tells_what_it_can_be_told() -> None:
    micro, darts = keywords(cell(*"333333")), keywords(DARTS_V2)
    assert micro == {"channels", "cells", "classes", "in_channels", "stem_stride"}
    assert darts - micro == {"stem", "auxiliary", "drop_path"}


def test_what_has_no_network_is_told_in_a_line() -> None:
    with pytest.raises(CourseError, match=r"got 'str'; expected an architecture out of .*MicroCell") as caught:
        build("|none~0|")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


# -- the table of operations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_every_operation_keeps_the_shape_and_halves_it_with_stride_2(name: str, size: tuple[int, int]) -> None:
    x = torch.randn(2, 6, *size)
    assert make_op(name, 6)(x).shape == x.shape
    halved = tuple((n + 1) // 2 for n in size)
    assert make_op(name, 6, stride=2)(x).shape == (2, 6, *halved)


WEIGHTS = {  # of 6 channels, without batch normalization
    "none": 0, "skip_connect": 0, "max_pool_3x3": 0, "avg_pool_3x3": 0,
    "sep_conv_3x3": 2 * (9 * 6 + 36), "sep_conv_5x5": 2 * (25 * 6 + 36), "sep_conv_7x7": 2 * (49 * 6 + 36),
    "dil_conv_3x3": 9 * 6 + 36, "dil_conv_5x5": 25 * 6 + 36,
    "conv_7x1_1x7": 2 * 7 * 36, "nor_conv_1x1": 36, "nor_conv_3x3": 9 * 36,
}  # fmt: skip
REACH = {  # how many pixels away an output still sees an input
    "none": -1, "skip_connect": 0, "max_pool_3x3": 1, "avg_pool_3x3": 1, "sep_conv_3x3": 2, "sep_conv_5x5": 4,
    "sep_conv_7x7": 6, "dil_conv_3x3": 2, "dil_conv_5x5": 4, "conv_7x1_1x7": 3, "nor_conv_1x1": 0, "nor_conv_3x3": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_weights_and_reach_by_hand(name: str) -> None:
    op = make_op(name, 6, affine=False).eval()
    assert sum(p.numel() for p in op.parameters()) == WEIGHTS[name]
    for parameter in op.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 1.0)
    x = torch.rand(1, 6, 21, 21, requires_grad=True)
    if name != "none":
        op(x)[0, :, 10, 10].sum().backward()
    seen = torch.zeros(21, 21) if x.grad is None else x.grad[0].abs().sum(0)
    if name == "max_pool_3x3":  # sees the maximum only: look at all positions it may come from
        seen = sum((_max_pool_gradient(shift) for shift in range(9)), torch.zeros(21, 21))
    reached = [(abs(int(r) - 10), abs(int(c) - 10)) for r, c in seen.nonzero()]
    assert max((max(pair) for pair in reached), default=-1) == REACH[name]


def _max_pool_gradient(position: int) -> torch.Tensor:
    x = torch.zeros(1, 6, 21, 21)
    x[:, :, 9 + position // 3, 9 + position % 3] = 1
    x.requires_grad_()
    make_op("max_pool_3x3", 6)(x)[0, :, 10, 10].sum().backward()
    assert x.grad is not None
    return x.grad[0].sum(0)


def test_average_pooling_leaves_the_padding_out() -> None:
    assert torch.equal(make_op("avg_pool_3x3", 2)(torch.ones(1, 2, 4, 4)), torch.ones(1, 2, 4, 4))


def test_none_passes_nothing() -> None:
    assert not make_op("none", 3)(torch.full((1, 3, 4, 4), float("inf"))).any()


def test_a_factorized_reduction_sees_the_even_and_the_odd_diagonal() -> None:
    reduce = FactorizedReduce(4, 4).eval()
    for parameter in reduce.parameters():
        torch.nn.init.ones_(parameter)
    x = torch.rand(1, 4, 6, 6) + 0.1
    x.requires_grad_()
    reduce(x).sum().backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    assert seen[::2, ::2].all()
    assert seen[1::2, 1::2].all()
    assert int(seen.sum()) == 18


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("step", [1, 2])
def test_a_pointwise_convolution_is_the_one_with_a_stride(step: int, side: int) -> None:
    layer, generator = Pointwise(3, 5, step).double(), torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, side, side, dtype=torch.float64, generator=generator, requires_grad=True)
    plain = torch.nn.functional.conv2d(x, layer.weight, stride=step)
    weights = torch.randn(plain.shape, dtype=torch.float64, generator=generator)
    assert torch.allclose(layer(x), plain, atol=1e-12)
    ours, theirs = (torch.autograd.grad((y * weights).sum(), (x, layer.weight)) for y in (layer(x), plain))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", OPS)
def test_no_operation_leaves_a_stride_to_a_pointwise_convolution(name: str) -> None:
    """oneDNN 3.12 writes past a buffer there (its issue 6035), on some CPUs: nothing that a test would always see."""
    layers = [layer for layer in make_op(name, 4, stride=2).modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer for layer in layers if layer.kernel_size == (1, 1) and layer.stride != (1, 1)] == []


@pytest.mark.parametrize("name", ["conv", "nor_conv_3X3", "", "none "])
def test_an_unknown_operation_is_told_in_a_line(name: str) -> None:
    with pytest.raises(CourseError) as caught:
        make_op(name, 4)
    text = str(caught.value)
    assert text.startswith(f"got {name!r}; expected an operation out of none, ")
    assert "\n" not in text


def test_the_operations_of_the_space_are_in_the_table() -> None:
    assert set(MICRO_OPS) <= set(OPS)


def test_a_reduction_to_odd_channels_is_refused() -> None:
    with pytest.raises(CourseError, match="even number"):
        FactorizedReduce(4, 3)
