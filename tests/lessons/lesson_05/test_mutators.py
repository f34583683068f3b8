"""Edits by name: they change what they say and nothing else, reach all they should, and refuse the rest by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nascourse.errors import CourseError
from nascourse.lessons.lesson_05.mutators import change_operation, remove_skip, rewire_input, swap_cells
from nascourse.spaces.cell import CELL_OPS, CellSpace, Genotype
from nascourse.spaces.micro import MICRO_OPS, MicroCell, MicroSpace
from nascourse.spaces.published import PUBLISHED

MICRO, CELL = MicroSpace(), CellSpace()
WITH_NONE = CellSpace(nodes=2, ops=("skip_connect", "none", "sep_conv_3x3"))


def edges(arch: Any) -> Counter[tuple[Any, ...]]:
    """(cell, source, target, operation) of every edge."""
    if isinstance(arch, MicroCell):
        return Counter(("micro", *edge) for edge in arch.edges())
    return Counter((name, *edge) for name in ("normal", "reduce") for edge in getattr(arch, name).edges())


def difference(before: Any, after: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The one edge that went and the one that came."""
    (gone,), (came,) = (edges(before) - edges(after)).elements(), (edges(after) - edges(before)).elements()
    return gone, came


@pytest.mark.parametrize("space", [MICRO, CELL, WITH_NONE], ids=["micro", "cell", "with none"])
def test_change_operation_changes_one_operation_anywhere(space) -> None:
    rng = np.random.default_rng(0)
    arch = space.sample(rng)
    places, ops = Counter(), set()
    for _ in range(600):
        mutant = change_operation(space, arch, rng)
        assert space.decode(space.encode(mutant)) == mutant
        gone, came = difference(arch, mutant)
        assert gone[:3] == came[:3]
        places[gone] += 1
        ops.add(came[3])
    expected = [600 * n / edges(arch).total() for n in edges(arch).values()]
    assert stats.chisquare([places[edge] for edge in edges(arch)], expected).pvalue > 1e-3
    assert ops == set(MICRO_OPS if space is MICRO else space.ops)


def test_rewire_input_reads_another_node_with_the_same_operation() -> None:
    rng = np.random.default_rng(1)
    arch = CELL.sample(rng)
    reached = set()
    for _ in range(1500):
        mutant = rewire_input(CELL, arch, rng)
        CELL.encode(mutant)
        gone, came = difference(arch, mutant)
        assert (gone[0], gone[2], gone[3]) == (came[0], came[2], came[3])
        assert gone[1] != came[1]
        reached.add(mutant)
    # node k reads 2 of its k earlier nodes: k − 2 others for each of its two pairs, in both cells
    assert len(reached) == 2 * sum(2 * (k - 2) for k in (2, 3, 4, 5))
    lone = CellSpace(nodes=1)
    assert rewire_input(lone, (only := lone.sample(rng)), rng) == only


def test_remove_skip_takes_one_skip_connection_away() -> None:
    rng = np.random.default_rng(2)
    cell = MicroCell(("skip_connect", "nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1"))
    mutants = Counter(remove_skip(MICRO, cell, rng).ops for _ in range(200))
    assert set(mutants) == {("none", *cell.ops[1:]), (*cell.ops[:2], "none", *cell.ops[3:])}
    assert stats.binomtest(max(mutants.values()), 200, 0.5).pvalue > 1e-3
    without = MicroCell(("none",) * 6)
    assert remove_skip(MICRO, without, rng) == without


def test_a_node_of_a_darts_cell_keeps_two_inputs_when_it_loses_a_skip_connection() -> None:
    rng = np.random.default_rng(3)
    darts = PUBLISHED["DARTS_V1"]
    came = set()
    for _ in range(300):
        gone, new = difference(darts, remove_skip(CELL, darts, rng))
        assert gone[3] == "skip_connect"
        assert gone[:3] == new[:3]
        came.add(new[3])
    assert came == set(CELL_OPS) - {"skip_connect"}
    arch = WITH_NONE.decode([0] * 12)
    assert difference(arch, remove_skip(WITH_NONE, arch, rng))[1][3] == "none"


def test_swap_cells_takes_normal_from_one_and_reduction_from_the_other() -> None:
    rng = np.random.default_rng(4)
    a, b = CELL.sample(rng), CELL.sample(rng)
    assert swap_cells(CELL, a, b, rng) == Genotype(a.normal, b.reduce)


def test_what_does_not_fit_is_refused_by_name() -> None:
    rng = np.random.default_rng(5)
    cell, genotype = MICRO.sample(rng), CellSpace(nodes=2).sample(rng)
    with pytest.raises(CourseError, match=r"micro\.rewire an input"):
        rewire_input(MICRO, cell, rng)
    with pytest.raises(CourseError, match=r"micro\.take the normal cell"):
        swap_cells(MICRO, cell, cell, rng)
    with pytest.raises(CourseError, match=r"cell\.change an operation"):
        change_operation(CellSpace(ops=("sep_conv_3x3",)), genotype, rng)
    for edit in (change_operation, remove_skip):
        with pytest.raises(CourseError, match=r"got 'cell\."):
            edit(CELL, cell, rng)
    for edit in (change_operation, rewire_input, remove_skip):
        with pytest.raises(CourseError, match="a cell of 4 nodes"):
            edit(CELL, genotype, rng)
