"""The order of random draws, frozen: a recorded search asks for the same architectures again, number by number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nascourse.lessons.lesson_05.mutators import change_operation, remove_skip, rewire_input, swap_cells
from nascourse.spaces.base import SearchSpace
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroSpace

SPACES: dict[str, SearchSpace[Any]] = {
    "micro": MicroSpace(),
    "cell": CellSpace(),
    "small cell": CellSpace(nodes=2, ops=("skip_connect", "none", "sep_conv_3x3")),
    "one node": CellSpace(nodes=1),
}


def sampled(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return space.sample(rng)


def mutated(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return space.mutate(a, rng)


def crossed(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return space.crossover(a, b, rng)


def operation_changed(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return change_operation(space, a, rng)


def without_skip(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return remove_skip(space, a, rng)


def rewired(space: SearchSpace[Any], a: Any, b: Any, rng: np.random.Generator) -> Any:
    return rewire_input(space, a, rng)


MOVES = (sampled, mutated, crossed, operation_changed, without_skip, rewired, swap_cells)

FROZEN = {
    ("micro", "sampled"): "714448be6f326594",
    ("micro", "mutated"): "3b165abb03a6632f",
    ("micro", "crossed"): "d19add2d4ee9bfcc",
    ("micro", "operation_changed"): "3b165abb03a6632f",
    ("micro", "without_skip"): "b1d2d6f576dcab44",
    ("cell", "sampled"): "2e8f41f2818f15e0",
    ("cell", "mutated"): "8b16ff35e32a4478",
    ("cell", "crossed"): "c191ccdadf4caf20",
    ("cell", "operation_changed"): "5a3a3cc1a5af5eda",
    ("cell", "without_skip"): "058373ce3b516ce9",
    ("cell", "rewired"): "64759d801a7dfe16",
    ("cell", "swap_cells"): "f04b13b31a2e7e8f",
    ("small cell", "sampled"): "8a7d9b08240b9f02",
    ("small cell", "mutated"): "50229feb6d2244ba",
    ("small cell", "crossed"): "4f70adfb4e4601cb",
    ("small cell", "operation_changed"): "f7a5788b306603e7",
    ("small cell", "without_skip"): "bd6ff9336129941b",
    ("small cell", "rewired"): "bd5e4b37f43ec2ef",
    ("small cell", "swap_cells"): "d3c27917cbe2a307",
    ("one node", "sampled"): "e9c404ca7786b41f",
    ("one node", "mutated"): "fac6f40ad0f8a9fe",
    ("one node", "crossed"): "9d39002e398738bd",
    ("one node", "operation_changed"): "b6be41dbdf7f465f",
    ("one node", "without_skip"): "0aa4f948905ba90a",
    ("one node", "rewired"): "32a22019551eeedc",
    ("one node", "swap_cells"): "d765e935157d3fd0",
}


def moves(space: SearchSpace[Any], move: Callable[..., Any]) -> str:
    """A digest of a hundred moves, each on two new samples, and of what the generator gives afterwards."""
    rng = np.random.default_rng(2026)
    seen = [space.encode(move(space, space.sample(rng), space.sample(rng), rng)) for _ in range(100)]
    return hashlib.sha256(json.dumps([seen, int(rng.integers(2**32))]).encode()).hexdigest()[:16]


@pytest.mark.parametrize(("space", "move"), FROZEN)
def test_the_same_generator_gives_the_same_architectures_as_ever(space: str, move: str) -> None:
    (function,) = (one for one in MOVES if one.__name__ == move)
    assert moves(SPACES[space], function) == FROZEN[space, move]
