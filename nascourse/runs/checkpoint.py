"""Where a long training stands, as a file: replaced in one step, checked when it is read, never able to run code.

The file is an ordinary one of ``torch.save``; a checkpoint belongs to one configuration, which is stored in it.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..errors import CourseError, bad_input
from .atomic import write_bytes

KIND, SCHEMA = "nascourse checkpoint", 1


def save(path: str | os.PathLike[str], state: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Replace the checkpoint ``path``. Whatever goes wrong, the one that was there stays whole.

    state: tensors, numbers, text, and lists, tuples and dicts of such (what ``state_dict`` and ``get_rng_state``
    return); config: what the run is, as JSON values. Raises `CourseError` where the disk does not take the file or
    the state holds what could not be read back.
    """
    buffer = io.BytesIO()
    torch.save({"kind": KIND, "schema": SCHEMA, "config": _plain(config), "state": dict(state)}, buffer)
    data = buffer.getvalue()
    _read(data, Path(path).name)
    write_bytes(path, data)


def load(path: str | os.PathLike[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """The state that `save` wrote, its tensors on the CPU.

    Raises `CourseError` in one line where the file is missing, cut short, damaged or no checkpoint, or belongs to a
    run with another ``config``: it names the first setting that differs.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise bad_input(
            f"{path.name}: {error.strerror or error}", "a checkpoint that can be read", "name another folder"
        ) from error
    content = _read(data, path.name)
    found, expected = dict(_leaves(content["config"])), dict(_leaves(_plain(config)))
    for key in sorted(found.keys() | expected.keys()):
        theirs, ours = (_setting(key, side) for side in (found, expected))
        if theirs != ours:
            raise bad_input(
                f"{path.name} of a run with {theirs}", ours, "name another folder, or go on with the run's own settings"
            )
    state: dict[str, Any] = content["state"]
    return state


def _read(data: bytes, name: str) -> dict[str, Any]:
    """The content of a checkpoint's bytes. ``weights_only``: nothing in a file can run code."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            damaged = file.testzip()  # torch itself does not look at the checksums
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise bad_input(
            f"{name}: a state that is not only tensors and plain values", "a checkpoint of this course", "leave it out"
        ) from error
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise _broken(name) from error
    if not isinstance(content, dict) or content.get("kind") != KIND or content.get("schema") != SCHEMA:
        raise bad_input(name, f"a checkpoint of this course, schema {SCHEMA}", "name another folder")
    if not isinstance(content.get("config"), dict) or not isinstance(content.get("state"), dict):
        raise _broken(name)
    return content


def _broken(name: str) -> CourseError:
    return bad_input(
        f"{name}: cut short or damaged", "a whole checkpoint", "put a copy of it back, or remove it and start again"
    )


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` as JSON gives it back: tuples are lists, keys are text."""
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(``recipe.lr``, 0.025) and so on: the settings inside nested objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _setting(key: str, settings: Mapping[str, Any]) -> str:
    return f"{key}={json.dumps(settings[key])}" if key in settings else f"no {key}"
