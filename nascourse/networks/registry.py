"""Which network an architecture becomes: networks sign themselves up for what they build."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from ..errors import bad_input

Networks = dict[type, type[nn.Module]]
"""By the type of what is built."""

NETWORKS: Networks = {}
"""The network of each type of architecture."""

N = TypeVar("N", bound=type[nn.Module])
M = TypeVar("M", bound=nn.Module)


def builds(kind: type, known: Networks = NETWORKS) -> Callable[[N], N]:
    """Signs the decorated network up for architectures of type ``kind``: its first argument is the architecture, all
    others are keywords with defaults.

    It may say more about itself. ``small``: keywords of a small network, which the cell editor measures. ``window()``:
    what its last cell sees (`receptive_field.Window`). Layers that were named by `part` are drawn as its stack.
    """

    def sign_up(network: N) -> N:
        known[kind] = network
        return network

    return sign_up


def network_of(
    thing: object,
    known: Networks = NETWORKS,
    what: str = "an architecture",
    else_do: str = "sign its network up with @builds",
) -> type[nn.Module]:
    """The network that was signed up for a thing of this type. Raises `CourseError` where there is none."""
    for kind in type(thing).__mro__:
        if kind in known:
            return known[kind]
    names = ", ".join(kind.__name__ for kind in known)
    raise bad_input(type(thing).__name__, f"{what} out of {names}", else_do)


def defaults(network: type[nn.Module]) -> dict[str, Any]:
    """The keywords of a network, with their defaults."""
    return {p.name: p.default for p in list(inspect.signature(network).parameters.values())[1:]}


def part(name: str, layer: M) -> M:
    """The layer as a place of its network's stack: ``stem``, ``head``, the name of a cell, or what it does."""
    vars(layer)["part"] = name
    return layer
