"""What a space need not write itself, on a space whose first decision says how many others there are."""

from __future__ import annotations

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.spaces import SPACES, CellSpace, MicroSpace
from tests.search.test_local import Chain, Chains

SPACE = Chains()


def test_a_mutation_that_leaves_no_architecture_is_refused_by_name() -> None:
    chain, refused = Chain((0, 1, 2)), []
    for seed in range(200):
        try:
            mutant = SPACE.mutate(chain, np.random.default_rng(seed))
        except CourseError as error:
            refused.append(str(error))
        else:
            assert sum(a != b for a, b in zip(mutant.ops, chain.ops, strict=True)) == 1
    assert 30 < len(refused) < 70  # one of its four decisions is the length
    assert all("chains.mutate" in message for message in refused)


def test_a_crossover_that_leaves_no_architecture_is_refused_by_name() -> None:
    a, b, rng = Chain((0, 0, 0)), Chain((1, 1, 1)), np.random.default_rng(0)
    children = {SPACE.crossover(a, b, rng).ops for _ in range(100)}
    # two of four decisions from each parent; the length is the same in both
    assert {ops.count(1) for ops in children} == {1, 2}
    for other in (Chain((1,)), Chain((1, 1))):
        for pair in ((a, other), (other, a)):
            with pytest.raises(CourseError, match=r"chains\.crossover"):
                SPACE.crossover(*pair, rng)


def test_spaces_are_known_by_their_names() -> None:
    assert (SPACES["cell"], SPACES["micro"], SPACES["chains"]) == (CellSpace, MicroSpace, Chains)
    with pytest.raises(CourseError, match="a space called 'micro'"):
        type("Other", (Chains,), {"name": "micro"})
    assert SPACES["micro"] is MicroSpace
    type("Unnamed", (Chains,), {})
    assert SPACES["chains"] is Chains


def test_a_space_without_edges_assembles_nothing() -> None:
    with pytest.raises(CourseError, match=r"chains\.assemble"):
        SPACE.assemble({})
