"""The files of the tabular benchmark: what is in them, and one line for what is damaged."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import bad_input

TABLE = "nasbench_fashion.npz"
JUDGES = "nasbench_fashion_judges.npz"
SCHEMA = 1
MISSING = -1

Shapes = Mapping[str, tuple[type, str]]
"""Each array's type and axes. A place is an architecture's position in the enumeration of its decisions
(`TabularBenchmark.shape`), a row a distinct function."""

TRAININGS: Shapes = {
    "valid": (np.int16, "rows seeds epochs"),
    "test": (np.int16, "rows seeds"),
    "diverged": (np.int8, "rows seeds"),
    "seconds": (np.float32, "rows seeds"),
}
"""valid: images classified rightly after each epoch, test: after the last, `MISSING` where there is no training yet;
diverged: epoch from which the loss was not finite, else 0; seconds: NaN where they were lost."""

TABLE_SHAPES: Shapes = {
    "cells": (np.uint8, "rows decisions"),
    "row": (np.int16, "places"),
    "params": (np.int32, "places"),
    "macs": (np.int32, "places"),
    **TRAININGS,
}
"""cells: the decisions of the row's architecture; row, params, macs: of every architecture as written."""

JUDGES_SHAPES: Shapes = {"row": (np.int16, "rows"), **TRAININGS}
"""row: of the table whose digest is in the description, by falling mean."""


class TableFile(NamedTuple):
    """A file's arrays, its description, and the SHA-256 of its bytes."""

    arrays: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any]
    digest: str


def read(path: Path, shapes: Shapes, **axes: int) -> TableFile:
    """A file whose arrays are of these shapes. axes: lengths that its description does not tell.

    Raises `CourseError` in one line where there is none, or it is damaged, of another schema or of other shapes.
    """
    name, restore = path.name, f"restore it: git checkout -- data/{path.name}"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise bad_input(name, "a file that can be read", "check the name") from error
    if raw[:2] != b"PK":
        raise bad_input(name, "a table (.npz)", restore)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise bad_input(f"{name}, damaged or cut short", f"a whole table ({error})", restore) from error
    try:
        meta = json.loads(str(arrays.pop("meta")))
        schema, epochs = meta["schema"], meta["design"]["recipe"]["epochs"]
        lengths = {"rows": meta["rows"], "seeds": len(meta["seeds"]), "epochs": epochs, **axes}
    except (KeyError, TypeError, ValueError) as error:
        raise bad_input(f"{name} without a description", "a table with the array 'meta'", restore) from error
    if schema != SCHEMA:
        raise bad_input(
            f"{name} of schema {schema!r}", f"schema {SCHEMA}", "use the table of this version of the course"
        )
    for key, (kind, named) in shapes.items():
        shape = tuple(lengths[axis] for axis in named.split())
        if key not in arrays or arrays[key].shape != shape or arrays[key].dtype != kind:
            found = f"{arrays[key].dtype} {arrays[key].shape}" if key in arrays else "nothing"
            raise bad_input(f"{name}: {key} is {found}", f"{np.dtype(kind)} {shape}", restore)
    return TableFile(arrays, meta, hashlib.sha256(raw).hexdigest())


def curves(file: TableFile) -> NDArray[np.float64]:
    """(rows, seeds, epochs): validation accuracies; NaN where there is no training, and from where one diverged."""
    valid, diverged = file.arrays["valid"], file.arrays["diverged"][..., None]
    lost = (diverged > 0) & (np.arange(1, valid.shape[2] + 1) >= diverged)
    return np.where((valid == MISSING) | lost, np.nan, valid) / file.meta["design"]["valid_images"]
