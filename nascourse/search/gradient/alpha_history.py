"""How α moved through a search: one array for each kind of cell, in a file that anyone can read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import bad_input
from ...runs.atomic import replacing
from ...runs.plain import compact, parse, plain
from ...spaces.base import CellArchitecture
from .derive import derive

SCHEMA = 1
_FIELDS = ("space", "kinds", "ops", "edges", "epochs", "meta")


@dataclass(frozen=True)
class AlphaHistory:
    """α at some steps of a search, the first of them before any step.

    space: its name; kinds: of cells, ("normal", "reduce") or ("cell",); ops: the operations, in the order of α's
    columns; edges: (source, target), in the order of α's rows; steps: (times,), how many steps had been taken;
    alphas: kind -> float32 (times, edges, operations); curves: name -> float32 (times,), such as the two losses of
    the last step; epochs: a dict of plain values for each epoch, such as the supernet's accuracy; meta: where the
    numbers come from.
    """

    space: str
    kinds: tuple[str, ...]
    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    steps: NDArray[np.int64]
    alphas: Mapping[str, NDArray[np.float32]]
    curves: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    epochs: tuple[Mapping[str, Any], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.steps), len(self.edges), len(self.ops))
        if set(self.alphas) != set(self.kinds) or any(a.shape != shape for a in self.alphas.values()):
            shapes = {kind: a.shape for kind, a in self.alphas.items()}
            raise bad_input(shapes, f"α of shape {shape} for each of {', '.join(self.kinds)}", "record them together")
        if any(curve.shape != shape[:1] for curve in self.curves.values()):
            raise bad_input(sorted(self.curves), f"curves of {shape[0]} numbers, one for each step", "pad with NaN")

    def __len__(self) -> int:
        return len(self.steps)

    def weights(self, kind: str) -> NDArray[np.float32]:
        """softmax(α) of each edge, (times, edges, operations)."""
        return torch.from_numpy(self.alphas[kind]).softmax(2).numpy()

    def entropy(self, kind: str) -> NDArray[np.float32]:
        """−Σ p ln p of each edge in nats, (times, edges): ln(operations) at first, 0 when an edge has decided."""
        return torch.special.entr(torch.from_numpy(self.weights(kind))).sum(2).numpy()

    def derived(self, t: int) -> CellArchitecture:
        """The architecture that the α at place ``t`` stands for (see `search.derive`); -1 is the last."""
        return derive(self, {kind: torch.from_numpy(self.alphas[kind][t]) for kind in self.kinds})

    def skips(self, t: int, kind: str | None = None) -> int:
        """How many skip connections the cell derived at place ``t`` has: the cell of this kind ("normal", "reduce"),
        or all of them together."""
        cells = [cell for cell in self.derived(t).cells() if kind in (None, cell.name)]
        return sum(edge.op == "skip_connect" for cell in cells for edge in cell.edges)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as .npz, in one step. Raises `CourseError` where the disk does not take it."""
        fields = {name: plain(getattr(self, name)) for name in _FIELDS}
        arrays: dict[str, NDArray[Any]] = {"steps": self.steps}
        arrays |= {f"alpha_{kind}": array for kind, array in self.alphas.items()}
        arrays |= {f"curve_{name}": curve for name, curve in self.curves.items()}
        about = np.frombuffer(compact({"alpha_history": SCHEMA, **fields}).encode(), np.uint8)
        with replacing(path) as file:
            np.savez_compressed(file, about=about, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AlphaHistory:
        """What `save` wrote. Raises `CourseError` for a file that is missing, damaged or another one."""
        name = Path(path).name
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            about = parse(arrays.pop("about").tobytes().decode())
            schema = about["alpha_history"]
            known = {key: about[key] for key in _FIELDS}
        except FileNotFoundError as error:
            raise bad_input(name, "a file that exists", "check the name") from error
        except Exception as error:  # a damaged archive raises many kinds
            raise bad_input(name, "a history of α that AlphaHistory.save wrote", "name another file") from error
        if schema != SCHEMA:
            raise bad_input(f"{name} of schema {schema}", f"schema {SCHEMA}", "read it with the version that wrote it")
        return cls(
            known["space"],
            tuple(known["kinds"]),
            tuple(known["ops"]),
            tuple((source, target) for source, target in known["edges"]),
            arrays["steps"],
            _named(arrays, "alpha_"),
            _named(arrays, "curve_"),
            tuple(known["epochs"]),
            known["meta"],
        )


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
