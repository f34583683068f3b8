"""One step of DARTS: the gradient of α, first and second order, and the step of the weights.

(Liu et al. 2019, *DARTS*, algorithm 1 and section 2.3, with momentum and weight decay in the virtual step as in the
authors' code.) A supernet is called as ``net(images, weights)``, weights: kind of cell -> (edges, operations).

The losses α's gradient needs are computed with parameters and buffers of their own, so taking it leaves the network
bit for bit as it was, the running statistics of batch normalization included: those follow the steps of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from ...data import Images, batches

Alphas = Mapping[str, Tensor]
"""Kind of cell -> (edges, operations)."""

Parameters = Mapping[str, Tensor]
"""Name -> tensor, as ``named_parameters``."""

Batch = tuple[Tensor, Tensor]
"""Standardized images (batch, channels, height, width) and labels (batch,)."""


def mixture(alphas: Alphas) -> dict[str, Tensor]:
    """softmax(α) of each edge (equation 2)."""
    return {kind: alpha.softmax(1) for kind, alpha in alphas.items()}


def supernet_loss(net: nn.Module, alphas: Alphas, batch: Batch, parameters: Parameters | None = None) -> Tensor:
    """Mean cross entropy of the mixture on a batch, at ``parameters`` instead of the network's own. Nothing in the
    network changes: its buffers are copied, and the copies thrown away."""
    images, labels = batch
    own = {name: buffer.clone() for name, buffer in net.named_buffers()}
    return cross_entropy(functional_call(net, {**own, **(parameters or {})}, (images, mixture(alphas))), labels)


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU; on a CPU it is slower. Not for second order, which lives on differences of gradients."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def first_order(net: nn.Module, alphas: Alphas, valid: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """L_val(w, α) and its gradient by α, with w as it is (ξ = 0)."""
    leaves = _leaves(alphas)
    with mixed_precision(valid[0].device):
        loss = supernet_loss(net, leaves, valid, _detached(net))
    gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
    return loss.detach(), dict(zip(leaves, gradients, strict=True))


def second_order(
    net: nn.Module,
    alphas: Alphas,
    train: Batch,
    valid: Batch,
    optimizer: torch.optim.SGD,
    xi: float | None = None,
    scale: float | None = 0.01,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_val(w', α) and ∇_α L_val(w', α) − ξ ∂²_{αw} L_train(w, α) · ∇_{w'} L_val(w', α) (equation 7), where w' is the
    `virtual_step`. ξ is the weights' learning rate unless ``xi`` says otherwise; ``scale``: see `cross_product`."""
    xi = optimizer.param_groups[0]["lr"] if xi is None else xi
    loss, direct, direction = look_ahead(net, alphas, train, valid, optimizer, xi)
    product = cross_product(net, alphas, train, direction, scale)
    return loss, {kind: d - xi * product[kind] for kind, d in direct.items()}


def look_ahead(
    net: nn.Module, alphas: Alphas, train: Batch, valid: Batch, optimizer: torch.optim.SGD, xi: float
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """L_val(w', α) at the `virtual_step` w', its gradient by α with w' held fixed, and its gradient by w'."""
    stepped = {n: p.requires_grad_() for n, p in virtual_step(net, alphas, train, optimizer, xi).items()}
    leaves = _leaves(alphas)
    loss = supernet_loss(net, leaves, valid, stepped)
    gradients = torch.autograd.grad(loss, [*leaves.values(), *stepped.values()], materialize_grads=True)
    direct = dict(zip(leaves, gradients[: len(leaves)], strict=True))
    return loss.detach(), direct, dict(zip(stepped, gradients[len(leaves) :], strict=True))


def virtual_step(
    net: nn.Module, alphas: Alphas, train: Batch, optimizer: torch.optim.SGD, xi: float
) -> dict[str, Tensor]:
    """w' = w − ξ (momentum · buffer + ∇_w L_train + weight_decay · w): the step that ``optimizer`` would take with
    learning rate ξ, before clipping, as new tensors."""
    own = {name: p.requires_grad_() for name, p in _detached(net).items()}
    loss = supernet_loss(net, {kind: a.detach() for kind, a in alphas.items()}, train, own)
    gradients = torch.autograd.grad(loss, list(own.values()), allow_unused=True)
    group = optimizer.param_groups[0]
    stepped = {}
    for (name, p), gradient in zip(net.named_parameters(), gradients, strict=True):
        if gradient is None:  # the optimizer leaves it alone, too
            stepped[name] = p.detach().clone()
            continue
        step = gradient + group["weight_decay"] * p.detach()
        buffer = optimizer.state[p].get("momentum_buffer") if p in optimizer.state else None
        if buffer is not None:
            step += group["momentum"] * buffer
        stepped[name] = p.detach() - xi * step
    return stepped


def cross_product(
    net: nn.Module, alphas: Alphas, train: Batch, vector: Parameters, scale: float | None = 0.01
) -> dict[str, Tensor]:
    """∂²_{αw} L_train(w, α) · vector: by central differences with ε = scale / ‖vector‖ (equation 8), or by autograd's
    double backward where ``scale`` is None. vector: a tensor for each parameter."""
    leaves, own = _leaves(alphas), _detached(net)
    names, direction = list(own), [vector[name] for name in own]
    if scale is None:
        weights = [p.requires_grad_() for p in own.values()]
        loss = supernet_loss(net, leaves, train, own)
        slopes = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
        along = torch.stack([(slope * v).sum() for slope, v in zip(slopes, direction, strict=True)]).sum()
        found: Sequence[Tensor] = torch.autograd.grad(along, list(leaves.values()), materialize_grads=True)
    else:

        def gradient(weights: Sequence[Tensor]) -> Sequence[Tensor]:
            loss = supernet_loss(net, leaves, train, dict(zip(names, weights, strict=True)))
            return torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)

        # the two weights differ by less than a GPU's shortened float32 can tell
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = hessian_vector_product(gradient, list(own.values()), direction, scale)
    return dict(zip(leaves, found, strict=True))


def hessian_vector_product(
    gradient: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    weights: Sequence[Tensor],
    vector: Sequence[Tensor],
    scale: float = 0.01,
) -> list[Tensor]:
    """∂²_{αw} L · v by central differences, (∂_α L(w + εv) − ∂_α L(w − εv)) / 2ε with ε = ``scale`` / ‖v‖ (equation 8).

    gradient: weights -> ∂_α L there, a tensor for each tensor of α; weights, vector: tensors of the same shapes, as
    many as w has. Neither is changed.
    """
    norm = math.sqrt(sum(float(v.pow(2).sum()) for v in vector))
    eps = scale / max(norm, 1e-12)  # a zero vector has product zero
    plus = gradient([w + eps * v for w, v in zip(weights, vector, strict=True)])
    minus = gradient([w - eps * v for w, v in zip(weights, vector, strict=True)])
    return [(p - n) / (2 * eps) for p, n in zip(plus, minus, strict=True)]


def weight_step(
    net: nn.Module, alphas: Alphas, train: Batch, optimizer: torch.optim.SGD, clip: float
) -> tuple[Tensor, Tensor]:
    """A step of the weights down ∇_w L_train(w, α), its norm clipped. Returns the loss and the norm before clipping."""
    images, labels = train
    weights = mixture({kind: alpha.detach() for kind, alpha in alphas.items()})
    with mixed_precision(images.device):
        loss = cross_entropy(net(images, weights), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), clip, foreach=True)
    optimizer.step()
    return loss.detach(), norm


@torch.no_grad()
def supernet_score(net: nn.Module, weights: Alphas, images: Images, batch_size: int = 500) -> tuple[float, float]:
    """(accuracy, mean cross entropy) of the supernet under a mixture, in evaluation mode."""
    training = net.training
    net.eval()
    right = total = 0.0
    for pixels, labels in batches(images, batch_size):
        logits = net(pixels.contiguous(memory_format=torch.channels_last), weights)
        right += float((logits.argmax(1) == labels).sum())
        total += float(cross_entropy(logits.float(), labels, reduction="sum"))
    net.train(training)
    return right / len(images), total / len(images)


def _leaves(alphas: Alphas) -> dict[str, Tensor]:
    return {kind: alpha.detach().clone().requires_grad_() for kind, alpha in alphas.items()}


def _detached(net: nn.Module) -> dict[str, Tensor]:
    """The parameters, sharing their numbers but not their gradients."""
    return {name: p.detach() for name, p in net.named_parameters()}
