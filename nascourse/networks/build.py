"""From an architecture to a network, by the architecture's type; and what a network costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import bad_input
from ..spaces.base import Architecture
from ..spaces.cell import Genotype
from ..spaces.micro import MicroCell
from .cells import CellNetwork
from .micro import MicroNetwork

NETWORKS: dict[type, Callable[..., nn.Module]] = {MicroCell: MicroNetwork, Genotype: CellNetwork}


def build(arch: Architecture, **net: Any) -> nn.Module:
    """The network of ``arch``; ``net`` are the keywords of its class (channels, cells, classes, ...).

    Raises `CourseError` for a type that has no network.
    """
    network = NETWORKS.get(type(arch))
    if network is None:
        known = ", ".join(t.__name__ for t in NETWORKS)
        raise bad_input(type(arch).__name__, f"an architecture out of {known}", "register its network in NETWORKS")
    return network(arch, **net)


def build_seeded(arch: Architecture, seed: int, **net: Any) -> nn.Module:
    """`build` with initial weights drawn from ``seed``; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # those of GPUs, too, stay as they were
        return build(arch, **net)


@dataclass(frozen=True, slots=True)
class Counts:
    """params: trainable numbers; macs: multiply-adds of convolutions and linear layers for one image."""

    params: int
    macs: int


def count(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> Counts:
    """What the network of ``arch`` costs on an image of (channels, height, width). No weight is allocated."""
    with torch.device("meta"):
        return count_network(build(arch, **net), image)


def _unchanged(x: torch.Tensor) -> torch.Tensor:
    return x


def count_network(network: nn.Module, image: Sequence[int]) -> Counts:
    """What a network costs on an image of (channels, height, width): one forward pass in evaluation mode."""
    macs = 0

    def add(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal macs
        if isinstance(layer, nn.Conv2d):
            per_output = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            macs += output[0].numel() * per_output
        elif isinstance(layer, nn.Linear):
            macs += layer.in_features * layer.out_features

    hooks = [layer.register_forward_hook(add) for layer in network.modules()]
    training, device = network.training, next(network.parameters()).device
    # these change no shape and count nothing, but take three quarters of the time on the meta device
    idle = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d | nn.ReLU)]
    for layer in idle:
        vars(layer)["forward"] = _unchanged
    try:
        with torch.no_grad():
            network.eval()(torch.empty(1, *image, device=device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
        for layer in idle:
            del vars(layer)["forward"]
    return Counts(sum(p.numel() for p in network.parameters()), macs)
