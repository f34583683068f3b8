"""Supernets against the plain reference, finite differences, and the derived network's own structure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from nascourse.errors import CourseError
from nascourse.networks import mixed
from nascourse.networks.build import build
from nascourse.networks.ops import FactorizedReduce
from nascourse.networks.supernet import Supernet, initial_alphas, supernet, supernet_seeded
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroCell, MicroSpace
from nascourse.spaces.published import PUBLISHED
from tests.networks.reference_supernet import ReferenceCellSupernet, ReferenceMicroSupernet, copy_state

Case = tuple[CellSpace | MicroSpace, dict[str, Any], Callable[[], nn.Module], tuple[int, int, int, int]]

CASES: dict[str, Case] = {
    # of three cells the first is normal, the others reduce
    "cell": (
        CellSpace(),
        {"channels": 4, "cells": 3},
        partial(ReferenceCellSupernet, 4, 3),
        (3, 3, 8, 8),
    ),
    "cell, partial": (
        CellSpace(nodes=2),
        {"channels": 8, "cells": 2, "partial": 4},
        partial(ReferenceCellSupernet, 8, 2, nodes=2, partial=4),
        (3, 3, 8, 8),
    ),
    "cell, imagenet stem": (
        CellSpace(nodes=2),
        {"channels": 4, "cells": 2, "stem": "imagenet", "in_channels": 1},
        partial(ReferenceCellSupernet, 4, 2, nodes=2, stem="imagenet", in_channels=1),
        (3, 1, 64, 64),
    ),
    "micro": (
        MicroSpace(),
        {"channels": 4, "cells": (1, 2)},
        partial(ReferenceMicroSupernet, 4, (1, 2)),
        (3, 3, 8, 8),
    ),
    "micro, partial": (
        MicroSpace(),
        {"channels": 6, "cells": (1, 1), "partial": 2, "in_channels": 1},
        partial(ReferenceMicroSupernet, 6, (1, 1), in_channels=1, partial=2),
        (3, 1, 8, 8),
    ),
}


def pair(case: str) -> tuple[Supernet, nn.Module, Tensor, Tensor]:
    """The supernet and the reference with equal parameters and running statistics (not those of a new network), in
    float64; images and labels."""
    space, net, reference, shape = CASES[case]
    generator = torch.Generator().manual_seed(7)
    fast, plain = supernet_seeded(space, 0, **net).double(), reference().double()
    for buffer in fast.buffers():
        if buffer.is_floating_point():
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator, dtype=torch.float64))
    copy_state(fast, plain)
    images = torch.randn(shape, generator=generator, dtype=torch.float64)
    return fast, plain, images, torch.randint(10, shape[:1], generator=generator)


def some_alphas(net: Supernet, seed: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        kind: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for kind, shape in net.alpha_shapes.items()
    }


def mixture(alphas: dict[str, Tensor]) -> dict[str, Tensor]:
    return {kind: alpha.softmax(1) for kind, alpha in alphas.items()}


def some_active(net: Supernet) -> dict[str, Tensor]:
    """About half of the operations; none at all on the edges that lead to the first node."""
    generator = torch.Generator().manual_seed(5)
    active = {kind: torch.rand(shape, generator=generator) < 0.5 for kind, shape in net.alpha_shapes.items()}
    first = min(target for _, target in net.edges)
    for mask in active.values():
        mask[[edge for edge, (_, target) in enumerate(net.edges) if target == first]] = False
    return active


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def states(net: nn.Module) -> list[Tensor]:
    return list(net.state_dict().values())


@pytest.mark.parametrize("fused", [1 << 18, 1])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_reference(case: str, fused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits, gradients of α and of every parameter, running statistics; then logits in evaluation mode."""
    monkeypatch.setattr(mixed, "FUSED", fused)
    fast, plain, images, labels = pair(case)
    found, expected = some_alphas(fast), some_alphas(fast)
    for net, alphas in ((fast, found), (plain, expected)):
        net.zero_grad()
        cross_entropy(net(images, mixture(alphas)), labels).backward()
    for kind in fast.kinds:
        assert_close(found[kind].grad, expected[kind].grad)
    for ours, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        assert_close(ours.grad, theirs.grad)
    for ours, theirs in zip(states(fast), states(plain), strict=True):
        assert_close(ours, theirs)
    with torch.no_grad():
        assert_close(fast.eval()(images, mixture(found)), plain.eval()(images, mixture(expected)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_only_what_is_active_is_computed(case: str, training: bool) -> None:
    """As in the reference; an operation left out has no gradient, and its running statistics stay."""
    fast, plain, images, labels = pair(case)
    fast.train(training), plain.train(training)
    alphas, active = some_alphas(fast), some_active(fast)
    before = {name: tensor.clone() for name, tensor in fast.state_dict().items()}
    logits = fast(images, mixture(alphas), active)
    assert_close(logits, plain(images, mixture(alphas), active))
    cross_entropy(logits, labels).backward()
    for ours, theirs in zip(states(fast), states(plain), strict=True):
        assert_close(ours, theirs)
    seen = set()
    for name, cell in fast.named_modules():
        if isinstance(cell, mixed.MixedCell):
            kind = fast.kinds[0] if len(fast.kinds) == 1 or cell.stride == 1 else "reduce"
            for edge, row in enumerate(active[kind].tolist()):
                for op, on in zip(fast.ops, row, strict=True):
                    module = cell.edges[edge][op]
                    # a node that nothing active reaches gives zeros, through which a gradient still passes
                    assert all((p.grad is not None) == on for p in module.parameters())
                    for key, buffer in module.named_buffers():
                        unmoved = torch.equal(buffer, before[f"{name}.edges.{edge}.{op}.{key}"])
                        assert unmoved == (not on or not training)
                    seen.add(on)
    assert seen == {True, False}


@pytest.mark.parametrize("case", ["cell, partial", "cell", "micro"])
def test_gradient_of_alpha_is_that_of_finite_differences(case: str) -> None:
    fast, _, images, labels = pair(case)
    alphas = some_alphas(fast)

    def loss(at: dict[str, Tensor]) -> Tensor:
        return cross_entropy(fast(images, mixture(at)), labels)

    @torch.no_grad()
    def slope(kind: str, step: Tensor) -> Tensor:
        up, down = (loss({**alphas, kind: alphas[kind] + sign * step}) for sign in (1, -1))
        return (up - down) / 2e-6

    gradients = dict(zip(alphas, torch.autograd.grad(loss(alphas), list(alphas.values())), strict=True))
    generator = torch.Generator().manual_seed(1)
    for kind in fast.kinds:
        assert gradients[kind].abs().min() > 1e-9  # every α has a share in the loss
        edges = torch.randperm(len(fast.edges), generator=generator).tolist()
        for edge in edges if case == "micro" else edges[:2]:
            for op in range(len(fast.ops)):
                step = torch.zeros_like(alphas[kind])
                step[edge, op] = 1e-6
                torch.testing.assert_close(gradients[kind][edge, op], slope(kind, step), rtol=1e-4, atol=1e-8)
        for _ in range(3):  # every α at once: one that is wrong shows in all three
            step = 1e-6 * torch.randn(alphas[kind].shape, generator=generator, dtype=torch.float64)
            along = (gradients[kind] * step).sum() / 1e-6
            torch.testing.assert_close(along, slope(kind, step), rtol=1e-4, atol=1e-8)


def test_double_backward_equals_the_references() -> None:
    """What exact second order needs: the gradient of a product with the gradient by the parameters."""
    fast, plain, images, labels = pair("cell")
    products = []
    for net in (fast, plain):
        alphas = some_alphas(fast)
        parameters = list(net.parameters())
        loss = cross_entropy(net(images, mixture(alphas)), labels)
        slopes = torch.autograd.grad(loss, parameters, create_graph=True)
        generator = torch.Generator().manual_seed(2)
        direction = sum((s * torch.randn(s.shape, generator=generator, dtype=torch.float64)).sum() for s in slopes)
        products.append(torch.autograd.grad(direction, list(alphas.values())))
    for found, expected in zip(*products, strict=True):
        assert_close(found, expected)


def test_foreign_parameters_and_buffers_leave_the_network_as_it_was() -> None:
    """`functional_call` with copies gives the same logits; nothing in the network moves, no gradient is left."""
    fast, _, images, _ = pair("cell")
    before = {name: tensor.clone() for name, tensor in fast.state_dict().items()}
    copies = {name: tensor.clone() for name, tensor in before.items()}
    weights = mixture(some_alphas(fast))
    logits = functional_call(fast, copies, (images, weights))
    logits.sum().backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in fast.state_dict().items())
    assert all(p.grad is None for p in fast.parameters())
    assert torch.equal(logits, fast(images, weights))
    assert all(torch.equal(copies[name], tensor) for name, tensor in fast.state_dict().items())


def test_one_hot_mixture_is_the_derived_network() -> None:
    """One operation on each edge alone: the micro network of that cell (whose normalizations start as not affine)."""
    arch = MicroCell(("nor_conv_3x3", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "nor_conv_3x3"))
    net = {"channels": 4, "cells": (1, 1)}
    fast, alone = supernet_seeded(MicroSpace(), 0, **net), build(arch, **net)
    ours = fast.state_dict()
    chosen = [f"edges.{edge}.{op}." for edge, op in enumerate(arch.ops)]
    kept = [value for name, value in ours.items() if "edges." not in name or any(choice in name for choice in chosen)]
    mine = [
        (name, value)
        for name, value in alone.state_dict().items()
        if not (".ops." in name and (name.endswith(".2.weight") or name.endswith(".2.bias")))
    ]
    for (_, value), new in zip(mine, kept, strict=True):
        value.copy_(new)
    one_hot = torch.zeros(fast.alpha_shapes["cell"])
    for edge, op in enumerate(arch.ops):
        one_hot[edge, fast.ops.index(op)] = 1
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = fast(images, {"cell": one_hot}, {"cell": one_hot.bool()})
    torch.testing.assert_close(found, alone(images), rtol=1e-4, atol=1e-5)


def test_the_published_size() -> None:
    """The log of DARTS' search on CIFAR-10 gives 1.930618 M parameters (16 channels, 8 cells)."""
    with torch.device("meta"):
        assert sum(p.numel() for p in supernet(CellSpace()).parameters()) == 1_930_618


def test_conventions_of_the_search() -> None:
    """No affine normalization in a cell, pooling normalized on one space only, stride 2 only on inputs."""
    cells = [m for m in supernet(CellSpace(), channels=4, cells=3).modules() if isinstance(m, mixed.MixedCell)]
    micro = [m for m in supernet(MicroSpace(), channels=4, cells=(1, 1)).modules() if isinstance(m, mixed.MixedCell)]
    norms = [m for cell in cells + micro for m in cell.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.affine for norm in norms)
    assert isinstance(cells[0].edges[0]["max_pool_3x3"][1], nn.BatchNorm2d)
    assert isinstance(micro[0].edges[0]["avg_pool_3x3"], nn.AvgPool2d)
    assert [cell.stride for cell in cells] == [1, 2, 2]
    halving = [isinstance(edge["skip_connect"], FactorizedReduce) for edge in cells[1].edges]
    assert halving == [source < 2 for source, _ in cells[1].pairs]


def test_what_a_supernet_says_of_itself() -> None:
    net = supernet(CellSpace(), channels=4, cells=1)
    assert net.kinds == ("normal", "reduce")
    assert net.ops[0] == "none"
    assert (len(net.edges), len(net.ops)) == (14, 8)
    assert net.edges[:3] == ((0, 2), (1, 2), (0, 3))
    assert net.alpha_shapes == {"normal": (14, 8), "reduce": (14, 8)}
    assert supernet(MicroSpace(), channels=4, cells=(1,)).alpha_shapes == {"cell": (6, 5)}
    assert "cells.0.mixed.edges.3.sep_conv_3x3.1.weight" in net.state_dict()


def test_odd_images_and_other_operations_run() -> None:
    """28x28 images become 7x7 after two reductions; a space may name operations that DARTS does not."""
    space = CellSpace(nodes=1, ops=("skip_connect", "dil_conv_5x5", "sep_conv_7x7", "conv_7x1_1x7", "nor_conv_3x3"))
    for net in (supernet(space, channels=4, cells=4, in_channels=1), supernet(space, channels=4, cells=3, partial=2)):
        images = torch.randn(2, 1 if net.stems[0][0].in_channels == 1 else 3, 28, 28)
        assert net(images, mixture(initial_alphas(net, torch.Generator()))).shape == (2, 10)
        assert net(images[:, :, :13, :13], mixture(initial_alphas(net, torch.Generator()))).shape == (2, 10)


def test_seeded_and_initial_alphas() -> None:
    """Equal seeds give equal parameters, and the global generator does not move; α is N(0, 1e-3²)."""
    state = torch.random.get_rng_state()
    a, b, c = (supernet_seeded(MicroSpace(), seed, channels=4, cells=(1,)) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(states(a), states(b), strict=True))
    assert not torch.equal(states(a)[0], states(c)[0])
    with torch.device("meta"):
        cells = supernet(CellSpace(nodes=20), channels=4, cells=1)
    alphas = initial_alphas(cells, torch.Generator().manual_seed(0))
    values = torch.cat([alpha.detach().flatten() for alpha in alphas.values()])
    assert all(alpha.requires_grad and alpha.is_leaf for alpha in alphas.values())
    assert abs(values.mean()) < 4e-3 / len(values) ** 0.5
    assert 0.95e-3 < values.std() < 1.05e-3


def test_refuses_what_does_not_fit() -> None:
    net = supernet(MicroSpace(), channels=4, cells=(1,))
    images, weights = torch.randn(2, 3, 8, 8), torch.full((6, 5), 0.2)
    with pytest.raises(CourseError, match="weights"):
        net(images, {"cell": weights[:5]})
    with pytest.raises(CourseError, match="weights"):
        net(images, {"normal": weights})
    with pytest.raises(CourseError, match="active"):
        net(images, {"cell": weights}, {"cell": torch.ones(6, 4, dtype=torch.bool)})
    with pytest.raises(CourseError, match="partial=3"):
        supernet(MicroSpace(), channels=4, cells=(1,), partial=3)
    with pytest.raises(CourseError, match="at least one cell"):
        supernet(CellSpace(), cells=0)
    with pytest.raises(CourseError, match="a space out of CellSpace, MicroSpace"):
        supernet(PUBLISHED["DARTS_V2"])  # type: ignore[arg-type]
