"""The values every part of the course shares: architectures, search spaces, trials and results.

Nothing here imports torch: a search space is arithmetic on plain values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from numpy.random import Generator

from ..errors import CourseError, bad_input


class Architecture(Hashable, Protocol):
    """A frozen, hashable value that can be written as JSON and read back. Never a module, never pickled."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """A JSON object with ``kind`` and ``schema`` (the version of its layout) among its fields."""
        ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises `CourseError` naming the field that is wrong."""
        ...


A = TypeVar("A", bound=Architecture)


class SearchSpace(ABC, Generic[A]):
    """What may be searched. A strategy needs these methods and nothing else.

    An architecture is also a sequence of decisions: ``encode`` writes it as a tuple of small integers, ``decode``
    reads it back, and ``choices(prefix)`` says how many options the next decision has once the decisions in
    ``prefix`` are taken (0: the architecture is complete). Conditional spaces fit this as well as fixed ones.
    """

    name: ClassVar[str]
    size: int | None = None
    """How many architectures the space holds, counted as written; None where it is not known."""

    @abstractmethod
    def choices(self, prefix: Sequence[int]) -> int: ...

    @abstractmethod
    def encode(self, arch: A) -> tuple[int, ...]: ...

    @abstractmethod
    def decode(self, decisions: Sequence[int]) -> A: ...

    def sample(self, rng: Generator) -> A:
        """A random architecture: every decision uniform over its options."""
        decisions: list[int] = []
        while (options := self.choices(decisions)) > 0:
            decisions.append(int(rng.integers(options)))
        return self.decode(decisions)

    def mutate(self, arch: A, rng: Generator) -> A:
        """A neighbour of ``arch``: exactly one decision changed. A space that cannot do this refuses by name."""
        raise self.refuse("mutate")

    def crossover(self, a: A, b: A, rng: Generator) -> A:
        """A child that takes half of its decisions from each parent. A space that cannot do this refuses by name."""
        raise self.refuse("crossover")

    def refuse(self, what: str) -> CourseError:
        return bad_input(
            f"{self.name}.{what}", f"a space that can {what}", f"use another strategy or a space with {what}"
        )

    def describe(self) -> dict[str, Any]:
        """What identifies the space in a journal's header."""
        return {"space": self.name, "size": self.size}


@dataclass(frozen=True, slots=True)
class Trial(Generic[A]):
    """One evaluation that was asked for.

    number: position in the order of asking, from 0; seed: derived from the run's seed and the number;
    fidelity: how much of a full evaluation (None: all of it); parents: numbers of the trials it came from.
    """

    number: int
    arch: A
    seed: int
    fidelity: int | None = None
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What an evaluation found. accuracy: fraction in 0..1 on validation data, or NaN where the evaluation failed;
    params and macs: counts (multiply-adds of one image); extra: plain JSON values."""

    accuracy: float
    params: int = 0
    macs: int = 0
    fidelity: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the evaluation failed (``extra["failed"]`` then says why)."""
        return self.accuracy != self.accuracy


class Evaluation(Protocol[A]):
    """How good an architecture is. Trained from scratch, looked up or guessed: the search cannot tell."""

    def __call__(self, trial: Trial[A]) -> Result: ...


def checked_fields(data: Any, kind: str, schema: int, fields: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The named fields of a JSON object, each of the right type. Raises `CourseError` naming the wrong field."""
    if not isinstance(data, Mapping):
        raise bad_input(data, f"a JSON object describing a {kind}", "pass the dict that to_json returned")
    expected: dict[str, Any] = {"kind": kind, "schema": schema}
    for key, value in expected.items():
        if type(data.get(key)) is not type(value) or data[key] != value:
            raise bad_input(
                f"{key}={data.get(key)!r}", f"{key}={value!r}", f"read this file with the reader for its {key}"
            )
    for key, types in fields.items():
        names = "/".join(t.__name__ for t in (types if isinstance(types, tuple) else (types,)))
        value = data.get(key)
        if not isinstance(value, types) or isinstance(value, bool):
            raise bad_input(f"{key}={value!r}", f"field {key!r} of type {names}", f"repair {key!r} in the JSON")
    if unknown := set(map(str, data)) - set(expected) - set(fields):
        raise bad_input(
            f"field {sorted(unknown)[0]!r}", f"only the fields {sorted(fields)}", "remove the unknown field"
        )
    return {key: data[key] for key in fields}
