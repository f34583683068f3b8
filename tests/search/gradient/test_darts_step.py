"""A step of DARTS against finite differences, double backward and torch.optim.SGD, in float64; traps T1 and T2."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from nascourse.data import Images
from nascourse.networks.supernet import initial_alphas, supernet_seeded
from nascourse.search.gradient.darts_step import (
    cross_product,
    first_order,
    mixture,
    second_order,
    supernet_loss,
    supernet_score,
    virtual_step,
    weight_step,
)
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroSpace
from tests.search.gradient.darts_toys import SmoothSupernet, batch, some_alphas

close = torch.testing.assert_close
TRAIN, VALID = batch(1), batch(2)
XI = 0.1


def sgd(net: nn.Module, lr: float = XI) -> torch.optim.SGD:
    return torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=0.01)


@pytest.fixture
def trained() -> tuple[SmoothSupernet, torch.optim.SGD]:
    """A network a few steps on its way, so that there is momentum."""
    net = SmoothSupernet()
    optimizer = sgd(net)
    for seed in range(3):
        weight_step(net, some_alphas(), batch(10 + seed), optimizer, clip=5.0)
    return net, optimizer


def slopes(net: nn.Module, alphas: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """∇_w of the loss at the network's own weights, by backward on a copy."""
    net = copy.deepcopy(net)
    fixed = {kind: alpha.detach() for kind, alpha in alphas.items()}
    cross_entropy(net(data[0], mixture(fixed)), data[1]).backward()
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in net.named_parameters()}


def by_differences(function, alphas: dict[str, Tensor], step: float = 1e-5) -> Tensor:  # type: ignore[no-untyped-def]
    """d function / dα, entry by entry."""
    found = torch.zeros_like(alphas["cell"])
    for place in range(found.numel()):
        values = []
        for sign in (1, -1):
            moved = alphas["cell"].clone()
            moved.view(-1)[place] += sign * step
            values.append(float(function({"cell": moved}).detach()))
        found.view(-1)[place] = (values[0] - values[1]) / (2 * step)
    return found


# -- α's gradient -----------------------------------------------------------------------------------------------------


def test_first_order_is_the_slope_of_the_validation_loss(trained: tuple[SmoothSupernet, torch.optim.SGD]) -> None:
    net, _ = trained
    alphas = some_alphas()
    loss, gradient = first_order(net, alphas, VALID)
    close(loss, cross_entropy(copy.deepcopy(net)(VALID[0], mixture(alphas)), VALID[1]).detach())
    close(gradient["cell"], by_differences(lambda a: supernet_loss(net, a, VALID), alphas), rtol=1e-6, atol=1e-9)
    assert (gradient["cell"].abs().max(1).values > 0).all()


def test_exact_second_order_is_the_slope_through_the_whole_virtual_step(
    trained: tuple[SmoothSupernet, torch.optim.SGD],
) -> None:
    """Momentum and weight decay in it."""
    net, optimizer = trained
    alphas = some_alphas()

    def outer(a: dict[str, Tensor]) -> Tensor:
        return supernet_loss(net, a, VALID, virtual_step(net, a, TRAIN, optimizer, XI))

    loss, gradient = second_order(net, alphas, TRAIN, VALID, optimizer, scale=None)
    close(loss, outer(alphas).detach())
    close(gradient["cell"], by_differences(outer, alphas), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_finite_differences_agree_with_double_backward_to_a_thousandth(seed: int) -> None:
    net, alphas = SmoothSupernet(seed), some_alphas(seed)
    vector = {n: torch.randn(p.shape, dtype=p.dtype) for n, p in net.named_parameters()}
    exact, near = (cross_product(net, alphas, TRAIN, vector, scale)["cell"] for scale in (None, 0.01))
    assert (near - exact).norm() < 1e-3 * exact.norm()
    optimizer = sgd(net)
    exact, near = (second_order(net, alphas, TRAIN, VALID, optimizer, scale=scale)[1]["cell"] for scale in (None, 0.01))
    close(near, exact, rtol=1e-3, atol=1e-5)


def test_second_order_divides_by_epsilon(trained: tuple[SmoothSupernet, torch.optim.SGD]) -> None:
    """T1: ``(p - n) / 2. * eps`` shrinks the second term by eps squared: what is left is first order at w'."""
    net, _ = trained
    alphas = some_alphas()
    vector = slopes(net, alphas, VALID)
    eps = 0.01 / torch.cat([v.flatten() for v in vector.values()]).norm()
    p, n = (first_order(moved(net, vector, sign * float(eps)), alphas, TRAIN)[1]["cell"] for sign in (1, -1))
    product = cross_product(net, alphas, TRAIN, vector)["cell"]
    close(product, (p - n) / (2 * eps))
    wrong = (p - n) / 2.0 * eps
    exact = cross_product(net, alphas, TRAIN, vector, None)["cell"]
    assert (wrong - exact).norm() > 0.99 * exact.norm()
    assert (product - exact).norm() < 1e-3 * exact.norm()


def moved(net: nn.Module, vector: dict[str, Tensor], by: float) -> nn.Module:
    net = copy.deepcopy(net)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter += by * vector[name]
    return net


# -- the virtual step -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps_before", [0, 1, 3])
def test_the_virtual_step_is_the_one_that_sgd_takes(steps_before: int) -> None:
    net, alphas = SmoothSupernet(), some_alphas()
    optimizer = sgd(net)
    for seed in range(steps_before):
        weight_step(net, alphas, batch(20 + seed), optimizer, clip=5.0)
    stepped = virtual_step(net, alphas, TRAIN, optimizer, XI)
    weight_step(net, alphas, TRAIN, optimizer, clip=1e9)
    for name, parameter in net.named_parameters():
        close(stepped[name], parameter.detach(), msg=name)


def test_the_virtual_step_changes_weights(trained: tuple[SmoothSupernet, torch.optim.SGD]) -> None:
    """T2: ``for p in net.parameters(): p = p - xi * g`` rebinds a name; the gradients are then those at w."""
    net, optimizer = trained
    alphas = some_alphas()
    stepped = virtual_step(net, alphas, TRAIN, optimizer, XI)
    own = dict(net.named_parameters())
    assert all(not torch.equal(stepped[name], own[name]) for name in own if name != "unused")
    assert torch.equal(stepped["unused"], own["unused"])  # no gradient, no step: as the optimizer treats it
    right = second_order(net, alphas, TRAIN, VALID, optimizer)[1]["cell"]
    rebound = (
        first_order(net, alphas, VALID)[1]["cell"]
        - XI * cross_product(net, alphas, TRAIN, slopes(net, alphas, VALID))["cell"]
    )
    assert (right - rebound).norm() > 0.01 * right.norm()


@pytest.mark.parametrize("scale", [0.01, None])
def test_the_model_stays_bit_for_bit_as_it_was(
    trained: tuple[SmoothSupernet, torch.optim.SGD], scale: float | None
) -> None:
    net, optimizer = trained
    before = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
    gradients = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    alphas = some_alphas()
    first_order(net, alphas, VALID)
    second_order(net, alphas, TRAIN, VALID, optimizer, scale=scale)
    close((net.state_dict(), optimizer.state_dict()), before, rtol=0, atol=0)
    assert before[0]["norms.0.num_batches_tracked"] == 3  # the steps of the weights alone
    for name, parameter in net.named_parameters():
        assert parameter.requires_grad
        if name in gradients:
            assert parameter.grad is not None
            assert torch.equal(parameter.grad, gradients[name])
    assert torch.equal(alphas["cell"], some_alphas()["cell"])
    assert alphas["cell"].grad is None


@pytest.mark.parametrize("space", [MicroSpace(), CellSpace()])
def test_the_real_supernets_stay_as_they_were_too(space: MicroSpace | CellSpace) -> None:
    net = supernet_seeded(space, 0, channels=4, cells=(1,) if isinstance(space, MicroSpace) else 2, in_channels=1)
    alphas = initial_alphas(net, torch.Generator().manual_seed(0))
    optimizer = sgd(net)
    halves = [(torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(s)), torch.arange(8)) for s in (1, 2)]
    weight_step(net, alphas, halves[0], optimizer, clip=5.0)
    before = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
    found = [first_order(net, alphas, halves[1])[1]]
    found += [second_order(net, alphas, *halves, optimizer, scale=scale)[1] for scale in (0.01, None)]
    close((net.state_dict(), optimizer.state_dict()), before, rtol=0, atol=0)
    for gradient in found:
        assert all(torch.isfinite(g).all() and (g.abs().max(1).values > 0).all() for g in gradient.values())


# -- the step of the weights, and the score ---------------------------------------------------------------------------


def test_the_step_of_the_weights_is_clipped_and_leaves_alpha_alone() -> None:
    net = SmoothSupernet()
    alphas = {kind: alpha.requires_grad_() for kind, alpha in some_alphas().items()}
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    expected = slopes(net, alphas, TRAIN)
    _, norm = weight_step(net, alphas, TRAIN, torch.optim.SGD(net.parameters(), 1.0), clip=1e-3)
    assert float(norm) == pytest.approx(float(torch.cat([g.flatten() for g in expected.values()]).norm()))
    step = torch.cat([(before[name] - p.detach()).flatten() for name, p in net.named_parameters()])
    assert float(step.norm()) == pytest.approx(1e-3, rel=1e-3)
    assert float(cosine_similarity(step, torch.cat([g.flatten() for g in expected.values()]), dim=0)) > 0.9999
    assert alphas["cell"].grad is None


def test_the_score_is_that_of_the_whole_set_in_evaluation_mode() -> None:
    net = SmoothSupernet().float().train()
    pixels = torch.randint(256, (30, 1, 6, 6), dtype=torch.uint8)
    images = Images(pixels, torch.arange(30) % 3, (0.5,), (0.25,), ("a", "b", "c"))
    weights = mixture({"cell": some_alphas()["cell"].float()})
    accuracy, loss = supernet_score(net, weights, images, batch_size=8)
    assert net.training
    logits = net.eval()((pixels / 255 - 0.5) / 0.25, weights).detach()
    assert accuracy == pytest.approx(float((logits.argmax(1) == images.labels).float().mean()))
    assert loss == pytest.approx(float(cross_entropy(logits, images.labels)), rel=1e-5)
