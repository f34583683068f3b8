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
from .graph import Edge, EdgeOptions, HasCells

T = TypeVar("T")


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


class CellArchitecture(Architecture, HasCells, Protocol):
    """An architecture whose edges can be changed one by one."""

    def options(self, cell: str, edge: int) -> EdgeOptions:
        """What edge number ``edge`` of the cell may become."""
        ...

    def with_edge(self, cell: str, edge: int, op: str | None = None, source: int | None = None) -> Self:
        """The same with this one edge changed. Raises `CourseError` for what the edge cannot become."""
        ...


A = TypeVar("A", bound=Architecture)
C = TypeVar("C", bound=CellArchitecture)


class SearchSpace(ABC, Generic[A]):
    """What may be searched. A strategy needs these methods and nothing else.

    An architecture is also a sequence of decisions: ``encode`` writes it as a tuple of small integers, ``decode``
    reads it back, and ``choices(prefix)`` says how many options the next decision has once the decisions in
    ``prefix`` are taken (0: the architecture is complete). Conditional spaces fit this as well as fixed ones. A space
    writes these three; the rest follows from them, and a space that knows better replaces it.
    """

    name: ClassVar[str]
    size: int | None = None
    """How many architectures the space holds, counted as written; None where it is not known."""
    ops: tuple[str, ...] = ()
    """The operations that an edge may have; empty where edges are not what is decided."""
    architecture: ClassVar[type[Any]] = object
    """The class of its architectures."""
    together: ClassVar[int] = 1
    """How many decisions in a row a child takes from one parent: those that make sense together only."""
    inputs_kept: ClassVar[int | None] = None
    """How many edges each node keeps when an architecture is derived from weights on all; None: every one."""
    known: ClassVar[dict[str, type[SearchSpace[Any]]]] = {}
    """Every space that was defined, by its name (see `spaces.SPACES`)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in cls.__dict__:
            other = SearchSpace.known.get(cls.name, cls)
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise bad_input(f"a space called {cls.name!r}", "a name of its own", "what is recorded is found by it")
            SearchSpace.known[cls.name] = cls

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
        """A neighbour of ``arch``: exactly one decision changed. Refuses by name where the others do not fit it."""
        decisions = self.encode(arch)
        options = [self.choices(decisions[:place]) for place in range(len(decisions))]
        places = [place for place, offered in enumerate(options) if offered > 1]
        if not places:
            raise self.refuse("mutate")
        place = places[int(rng.integers(len(places)))]
        option = another(range(options[place]), decisions[place], rng)
        return self._whole((*decisions[:place], option, *decisions[place + 1 :]), "mutate")

    def crossover(self, a: A, b: A, rng: Generator) -> A:
        """A child that takes half of its decisions from each parent. Refuses by name where they do not fit."""
        parents = self.encode(a), self.encode(b)
        genes = len(parents[0]) // self.together
        from_b = set(rng.permutation(genes)[: genes // 2].tolist())
        pairs = enumerate(zip(*parents, strict=False))
        child = tuple(pair[place // self.together in from_b] for place, pair in pairs)
        return self._whole(child if len(parents[0]) == len(parents[1]) else (), "crossover")

    def _whole(self, decisions: tuple[int, ...], what: str) -> A:
        offered = [self.choices(decisions[:place]) for place in range(len(decisions) + 1)]
        if offered.pop() or any(taken >= options for taken, options in zip(decisions, offered, strict=True)):
            raise self.refuse(what)
        return self.decode(decisions)

    @classmethod
    def assemble(cls, kept: Mapping[str, Sequence[Edge]]) -> A:
        """The architecture of the edges that were kept of all: by the name of a cell, ordered by their targets."""
        raise cls.refuse("assemble an architecture from edges")

    @classmethod
    def refuse(cls, what: str) -> CourseError:
        return bad_input(
            f"{cls.name}.{what}", f"a space that can {what}", f"use another strategy or a space with {what}"
        )

    def describe(self) -> dict[str, Any]:
        """What identifies the space in a journal's header."""
        return {"space": self.name, "size": self.size}


def another(options: Sequence[T], than: T, rng: Generator) -> T:
    """One of the others, each with the same chance."""
    others = [option for option in options if option != than]
    return others[int(rng.integers(len(others)))]


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
