"""From an architecture to a network, by the architecture's type; what a network costs, how far it sees, its places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from ..spaces.base import Architecture
from ..spaces.graph import CellGraph
from . import cells, micro  # noqa: F401 - they sign their networks up
from .receptive_field import Window
from .registry import M, defaults, network_of


def build(arch: Architecture, **net: Any) -> nn.Module:
    """The network of ``arch``; ``net`` are the keywords of its class (channels, cells, classes, ...).

    Raises `CourseError` for a type that has no network.
    """
    return network_of(arch)(arch, **net)


def keywords(arch: Architecture) -> set[str]:
    """What its network can be told."""
    return set(defaults(network_of(arch)))


def small(arch: Architecture) -> Mapping[str, Any]:
    """Keywords of a small network of ``arch``, whose numbers follow an edit at once."""
    keywords: Mapping[str, Any] = getattr(network_of(arch), "small", {})
    return keywords


def seeded(seed: int, make: Callable[..., M], *args: Any, **keywords: Any) -> M:
    """What ``make`` makes, its weights drawn from ``seed``; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # those of GPUs, too, stay as they were
        return make(*args, **keywords)


def build_seeded(arch: Architecture, seed: int, **net: Any) -> nn.Module:
    """`build` with initial weights drawn from ``seed``; the global generator is left as it was."""
    return seeded(seed, build, arch, **net)


@dataclass(frozen=True, slots=True)
class Counts:
    """params: trainable numbers; macs: multiply-adds of convolutions and linear layers for one image."""

    params: int
    macs: int


@dataclass(frozen=True, slots=True)
class Place:
    """One layer of the stack. part: ``stem``, ``head``, the name of the cell that sits here, or what the layer does;
    the channels, height and width of what leaves it; cell: the cell that sits here."""

    part: str
    channels: int
    height: int
    width: int
    cell: CellGraph | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """params: trainable numbers; macs: multiply-adds for one image; receptive_field: side in pixels, 0 where nothing
    arrives; paths: from the image to the last cell's output; both None where the network does not tell. places: its
    layers from stem to head, none where it does not name them."""

    params: int
    macs: int
    receptive_field: int | None
    paths: int | None
    places: tuple[Place, ...] = ()


def count(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> Counts:
    """What the network of ``arch`` costs on an image of (channels, height, width). No weight is allocated."""
    with torch.device("meta"):
        return count_network(build(arch, **net), image)


def places(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> tuple[Place, ...]:
    """The layers of ``build(arch, **net)`` on an image of (channels, height, width), from stem to head."""
    return measure(arch, image, **net).places


def measure(arch: Architecture, image: Sequence[int] = (3, 32, 32), **net: Any) -> Measures:
    """Everything that can be said of ``build(arch, **net)`` without training it, on an image of (channels, h, w)."""
    sits = {cell.name: cell for cell in arch.cells()} if hasattr(arch, "cells") else {}
    with torch.device("meta"):
        network = build(arch, **net)
        counts, stack = _passed(network, image)
    found = tuple(replace(place, cell=sits.get(place.part)) for place in stack)
    if not hasattr(network, "window"):
        return Measures(counts.params, counts.macs, None, None, found)
    seen = cast(Window | None, network.window())  # type: ignore[operator]
    return Measures(counts.params, counts.macs, seen.side if seen else 0, seen.paths if seen else 0, found)


def count_network(network: nn.Module, image: Sequence[int]) -> Counts:
    """What a network costs on an image of (channels, height, width): one forward pass in evaluation mode."""
    return _passed(network, image)[0]


def _unchanged(x: torch.Tensor) -> torch.Tensor:
    return x


def _passed(network: nn.Module, image: Sequence[int]) -> tuple[Counts, list[Place]]:
    """One forward pass: what was counted, and the layers that have a name in the stack."""
    macs = 0
    stack: list[Place] = []

    def add(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal macs
        if isinstance(layer, nn.Conv2d):
            per_output = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            macs += output[0].numel() * per_output
        elif isinstance(layer, nn.Linear):
            macs += layer.in_features * layer.out_features
        if part := vars(layer).get("part"):
            stack.append(Place(part, *(*output.shape[1:], 1, 1)[:3]))

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
    return Counts(sum(p.numel() for p in network.parameters()), macs), stack
