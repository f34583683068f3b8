"""Plain values: what JSON holds, the same text for equal values, and the identity of what a run depends on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from typing import Any

from ..errors import bad_input


def compact(value: Any) -> str:
    """JSON on one line; equal values give equal text. Raises ValueError for NaN and infinities."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def parse(line: str) -> Any:
    """The inverse of `compact`: strict JSON, so NaN and infinities are refused. Raises ValueError."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


def digest(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of a plain value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """``value`` as JSON gives it back: tuples as lists, arrays and NumPy numbers as lists and numbers, NaN and
    infinities as None. Raises `CourseError` for what JSON cannot hold."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise bad_input(value, "plain values: numbers, text, lists and dicts", "convert it first")


def identity(thing: Any, strict: bool = True) -> dict[str, Any]:
    """What names an evaluation in the header: its ``describe()`` if it has one, else its qualified name, with the
    arguments bound by functools.partial, the fields of a dataclass, the owner of a method.

    Raises `CourseError` for what cannot be told from another by that: a lambda, a function with values of its own (a
    closure), an object with other state. A journal would take one for the other. Not ``strict``: its name is enough.
    """
    if hasattr(thing, "describe"):
        described = plain(thing.describe())
        if not isinstance(described, dict):
            raise bad_input(described, "a dict from describe()", "return a dict of plain values")
        return described
    if isinstance(thing, functools.partial):
        return {**identity(thing.func, strict), "args": plain(thing.args), "keywords": plain(thing.keywords)}
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    name = {"name": f"{named.__module__}.{named.__qualname__}"}
    if inspect.ismethod(thing):
        return {**name, "of": identity(thing.__self__, strict)}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {
            **name,
            "fields": plain({field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}),
        }
    state = getattr(thing, "__closure__", None) if named is thing else getattr(thing, "__dict__", None)
    if strict and (state or named.__qualname__.endswith("<lambda>")):
        raise bad_input(
            name["name"],
            "what a journal can tell from others: a named function, a dataclass, an object with describe()",
            "give it a name, and bind its values with functools.partial",
        )
    return name
