"""Designs as JSON that is read back and built; trained networks as programs that compute the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nascourse.errors import CourseError
from nascourse.networks.build import build, build_seeded
from nascourse.networks.export import build_design, from_json, save_design, save_program, to_json
from nascourse.spaces.base import Architecture
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import AMOEBANET_A, DARTS_V2

CELL = MicroCell(("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "none"))
DESIGNS: list[tuple[Architecture, dict[str, Any]]] = [
    (DARTS_V2, {"channels": 4, "cells": 3, "in_channels": 1, "auxiliary": True}),
    (AMOEBANET_A, {"channels": 4, "cells": 2, "stem": "imagenet", "in_channels": 1, "drop_path": 0.1}),
    (CELL, {"channels": 4, "cells": (1, 1), "in_channels": 1}),
    (CELL, {"channels": 4, "cells": 2, "in_channels": 1}),
]


@pytest.mark.parametrize(("arch", "net"), DESIGNS)
def test_a_design_is_read_back_and_built(arch: Architecture, net: dict[str, Any], tmp_path: Path) -> None:
    save_design(tmp_path / "design.json", arch, **net)
    again, keywords = from_json(json.loads((tmp_path / "design.json").read_text()))
    assert again == arch
    assert keywords.keys() == net.keys()
    shapes = {name: weight.shape for name, weight in build_design(tmp_path / "design.json").state_dict().items()}
    assert shapes == {name: weight.shape for name, weight in build(arch, **net).state_dict().items()}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "genotype"}, "kind"),
        ({"schema": 2}, "schema"),
        ({"architecture": {"kind": "unknown"}}, "architecture.kind"),
        ({"architecture": {"kind": ["genotype"]}}, "architecture.kind"),
        ({"net": {"chanels": 4}}, "net.chanels"),
        ({"net": {"channels": "4"}}, "net.channels"),
        ({"net": {"channels": True}}, "net.channels"),
        ({"net": [4]}, "net"),
        ({"architecture": CELL.to_json(), "net": {"cells": "8"}}, "net.cells"),
    ],
)
def test_a_wrong_design_names_its_field(change: dict[str, Any], named: str) -> None:
    with pytest.raises(CourseError, match=named) as refused:
        from_json({**to_json(DARTS_V2, channels=4), **change})
    assert "\n" not in str(refused.value)


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"net\.width"):
        save_design(tmp_path / "design.json", DARTS_V2, width=4)
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=30) | st.sampled_from(["null", "[]", "{}", '{"kind": "network", "schema": 1}', "NaN"]))
def test_any_text_is_refused_in_a_line(text: str) -> None:
    class File(type(Path())):  # a file without a disk
        def read_text(self, *args: object, **kwargs: object) -> str:
            return text

    with pytest.raises(CourseError) as refused:
        build_design(File("design.json"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("arch", "net"), DESIGNS)
def test_a_program_computes_the_same_for_any_batch(arch: Architecture, net: dict[str, Any], tmp_path: Path) -> None:
    network = build_seeded(arch, 0, **net)
    save_program(tmp_path / "network.pt2", network, (1, 32, 32))
    assert network.training  # left as it was
    program = torch.export.load(tmp_path / "network.pt2").module()
    images = torch.randn(5, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(program(images), network.eval()(images))
