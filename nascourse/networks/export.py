"""Networks as files: the design as JSON, to be built again, and the trained network through ``torch.export``."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from ..errors import bad_input
from ..runs.atomic import write_bytes, write_text
from ..spaces.base import Architecture, checked_fields
from .build import build
from .registry import NETWORKS, defaults, network_of

KIND, SCHEMA = "network", 1


def to_json(arch: Architecture, **net: Any) -> dict[str, Any]:
    """The design of ``build(arch, **net)`` as a JSON object: the architecture and its network's keywords."""
    keywords = {key: list(value) if isinstance(value, tuple) else value for key, value in net.items()}
    data = {"kind": KIND, "schema": SCHEMA, "architecture": arch.to_json(), "net": keywords}
    from_json(data)  # refuses what could not be read back
    return data


def from_json(data: Mapping[str, Any]) -> tuple[Architecture, dict[str, Any]]:
    """The architecture and the keywords that `to_json` wrote. Raises `CourseError` naming the field that is wrong."""
    fields = checked_fields(data, KIND, SCHEMA, {"architecture": dict, "net": dict})
    kinds = {known.kind: known for known in cast(list[type[Architecture]], list(NETWORKS))}
    kind = fields["architecture"].get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise bad_input(
            f"architecture.kind={kind!r}", f"one of {', '.join(kinds)}", "repair 'architecture' in the JSON"
        )
    arch = kinds[kind].from_json(fields["architecture"])
    known = defaults(network_of(arch))
    for key, value in fields["net"].items():
        if key not in known:
            raise bad_input(f"net.{key}", f"a keyword out of {', '.join(known)}", "repair 'net' in the JSON")
        if not _like(value, known[key]):
            raise bad_input(f"net.{key}={value!r}", f"a value such as {known[key]!r}", "repair 'net' in the JSON")
    return arch, dict(fields["net"])


def _like(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):  # where several numbers may stand, one may as well
        return all(_like(item, default[0]) for item in value) if isinstance(value, list) else _like(value, default[0])
    return type(value) is type(default)


def save_design(path: Path, arch: Architecture, **net: Any) -> None:
    """Write the design as a JSON file, in one step."""
    write_text(path, json.dumps(to_json(arch, **net), indent=1) + "\n")


def build_design(path: Path) -> nn.Module:
    """The network of a design file, with new weights. Raises `CourseError` where the file is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise bad_input(path.name, "a JSON file", "write it with save_design") from error
    arch, net = from_json(data)
    return build(arch, **net)


def save_program(path: Path, network: nn.Module, image: Sequence[int]) -> None:
    """Write the network in evaluation mode, weights included, as a program of ``torch.export`` (``.pt2``) that takes
    batches of any size of images (channels, height, width); read it with ``torch.export.load(path).module()``."""
    parameter = next(network.parameters())
    example = torch.zeros(2, *image, device=parameter.device, dtype=parameter.dtype)
    training = network.training
    try:
        program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    finally:
        network.train(training)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_bytes(path, buffer.getvalue())
