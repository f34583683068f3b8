"""Genotypes and the space of them: validity, counts, mutation and crossover by decisions, JSON under fuzzing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nascourse.errors import CourseError
from nascourse.networks.build import build, count
from nascourse.networks.ops import OPS
from nascourse.search.local import neighbours
from nascourse.spaces.cell import CELL_OPS, GENOTYPE_OPS, Cell, CellSpace, Genotype
from nascourse.spaces.micro import MicroCell
from nascourse.spaces.published import DARTS_V1, DARTS_V2, NASNET_A, PUBLISHED

SPACE = CellSpace()
SMALL = CellSpace(nodes=2, ops=("skip_connect", "sep_conv_3x3"))
seeds = st.integers(0, 2**32 - 1)
spaces = st.builds(
    CellSpace, st.integers(1, 5), st.lists(st.sampled_from(GENOTYPE_OPS), min_size=2, max_size=8, unique=True)
)


def drawn(space: CellSpace, seed: int) -> Genotype:
    return space.sample(np.random.default_rng(seed))


def nodes_of(genotype: Genotype) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    return [*genotype.normal.nodes, *genotype.reduce.nodes]


# -- genotypes --------------------------------------------------------------------------------------------------------


def test_every_operation_of_a_genotype_exists() -> None:
    assert set(GENOTYPE_OPS) <= set(OPS)
    assert set(CELL_OPS) | {"none"} <= set(GENOTYPE_OPS)
    assert len(CELL_OPS) == 7


def test_the_order_of_a_nodes_pairs_and_of_the_concatenation_is_no_difference() -> None:
    a = Cell.from_pairs([("sep_conv_3x3", 1), ("skip_connect", 0), ("max_pool_3x3", 2), ("avg_pool_3x3", 0)], (3, 2))
    b = Cell.from_pairs([("skip_connect", 0), ("sep_conv_3x3", 1), ("avg_pool_3x3", 0), ("max_pool_3x3", 2)], (2, 3))
    assert a == b
    assert hash(a) == hash(b)
    assert a.pairs() == b.pairs()


def test_darts_v2_reads_as_published() -> None:
    edges = set(DARTS_V2.normal.edges())
    assert (2, 5, "dil_conv_3x3") in edges
    assert Counter(op for _, _, op in edges) == {"sep_conv_3x3": 5, "skip_connect": 2, "dil_conv_3x3": 1}
    assert [op for _, _, op in DARTS_V1.reduce.edges()].count("avg_pool_3x3") == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_genotypes_survive_json(name: str) -> None:
    genotype = PUBLISHED[name]
    assert Genotype.from_json(json.loads(json.dumps(genotype.to_json()))) == genotype


def test_two_cells_may_differ_in_their_number_of_nodes() -> None:
    genotype = Genotype.from_pairs(
        [("skip_connect", 0), ("sep_conv_3x3", 1)], (2,), list(NASNET_A.reduce.pairs()), NASNET_A.reduce.concat
    )
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert (len(genotype.normal.nodes), len(genotype.reduce.nodes)) == (1, 5)


@pytest.mark.parametrize(
    ("pairs", "concat", "named"),
    [
        ([], (2,), "at least one intermediate node"),
        ([("skip_connect", 0)], (2,), "even number"),
        ([("skip_connect", 0), ("conv", 1)], (2,), "conv"),
        ([("skip_connect", 0), ("skip_connect", 2)], (2,), "input of node 2"),
        ([("skip_connect", 0), ("skip_connect", -1)], (2,), "input of node 2"),
        ([("skip_connect", 0), ("skip_connect", 1)], (), "concatenation"),
        ([("skip_connect", 0), ("skip_connect", 1)], (1, 2), "concatenation"),
        ([("skip_connect", 0), ("skip_connect", 1)], (2, 2), "concatenation"),
    ],
)
def test_bad_cells_are_refused_in_a_line(pairs: list[tuple[str, int]], concat: tuple[int, ...], named: str) -> None:
    with pytest.raises(CourseError, match=named) as refused:
        Cell.from_pairs(pairs, concat)
    assert "\n" not in str(refused.value)


# -- JSON that others wrote -------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 8) | st.floats() | st.text(max_size=8) | st.sampled_from(GENOTYPE_OPS),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
plausible_pairs = st.lists(
    st.tuples(st.sampled_from(GENOTYPE_OPS) | json_values, st.integers(-1, 6) | json_values).map(list) | json_values,
    max_size=10,
)


def refusal(read: Callable[[Any], object], data: object) -> str | None:
    """What a reader says against the data, in one line; None if it takes it. Another exception fails the test."""
    try:
        read(data)
        return None
    except CourseError as error:
        message = str(error)
    assert "\n" not in message
    return message


@given(
    kind=st.just("genotype") | json_values,
    schema=st.just(1) | json_values,
    fields=st.fixed_dictionaries(
        {},
        optional={
            "normal": plausible_pairs | json_values,
            "normal_concat": st.lists(st.integers(0, 8), max_size=5) | json_values,
            "reduce": plausible_pairs | json_values,
            "reduce_concat": st.lists(st.integers(0, 8), max_size=5) | json_values,
            "more": json_values,
        },
    ),
)
@settings(max_examples=150)
def test_any_json_is_a_genotype_or_one_line_that_names_a_field(kind: object, schema: object, fields: dict) -> None:
    data = {"kind": kind, "schema": schema, **fields}
    message = refusal(Genotype.from_json, data)
    assert message is None or any(name in message for name in ("kind", "schema", "normal", "reduce", "more"))


@given(json_values)
def test_any_json_is_a_micro_cell_or_one_line_that_names_a_field(data: object) -> None:
    refusal(MicroCell.from_json, data)
    message = refusal(MicroCell.from_json, {"kind": "micro_cell", "schema": 1, "ops": data})
    assert message is None or "ops" in message


# -- the space --------------------------------------------------------------------------------------------------------


def test_the_published_size() -> None:
    assert SPACE.cell_size == 180 * 49**4 == 1_037_664_180
    assert SPACE.size == 1_037_664_180**2


def test_a_reduced_space_counted_cell_by_cell() -> None:
    ops = SMALL.ops
    by_hand = {
        Cell((((o[0], s[0]), (o[1], s[1])), ((o[2], t[0]), (o[3], t[1]))), (2, 3))
        for o in product(ops, repeat=4)
        for s in combinations(range(2), 2)
        for t in combinations(range(3), 2)
    }
    cells = list(SMALL.all_cells())
    assert len(cells) == len(set(cells)) == SMALL.cell_size == 48
    assert set(cells) == by_hand


@given(spaces, seeds)
def test_sampled_genotypes_are_valid_and_round_trips_are_exact(space: CellSpace, seed: int) -> None:
    genotype = drawn(space, seed)
    decisions = space.encode(genotype)
    assert space.decode(decisions) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert space.choices(decisions) == 0
    for cell in (genotype.normal, genotype.reduce):
        for node, ((_, a), (_, b)) in enumerate(cell.nodes, start=2):
            assert 0 <= a < b < node


@given(spaces, st.data())
def test_every_sequence_of_decisions_is_a_genotype(space: CellSpace, data: st.DataObject) -> None:
    decisions: list[int] = []
    while options := space.choices(decisions):
        decisions.append(data.draw(st.integers(0, options - 1)))
    assert space.encode(space.decode(decisions)) == tuple(decisions)


@given(seeds)
@settings(max_examples=12)
def test_sampled_genotypes_can_be_built_and_run(seed: int) -> None:
    network = build(drawn(SPACE, seed), channels=4, cells=3, classes=3).eval()
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 3)


def test_sampling_is_uniform_over_the_cells_as_written() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(SMALL.sample(rng).normal for _ in range(4800))
    assert len(counts) == 48
    assert chisquare(list(counts.values())).pvalue > 0.001


def changed(a: Genotype, b: Genotype) -> list[tuple[str, ...]]:
    """Which single decisions differ: ("op",) or ("input",), one entry for each operation or input that is new."""
    found: list[tuple[str, ...]] = []
    for before, after in zip(nodes_of(a), nodes_of(b), strict=True):
        old, new = Counter(before), Counter(after)
        gone, come = list((old - new).elements()), list((new - old).elements())
        for (op_old, source_old), (op_new, source_new) in zip(gone, come, strict=True):
            if op_old != op_new:
                found.append(("op",))
            if source_old != source_new:
                found.append(("input",))
    return found


@given(spaces, seeds)
def test_a_mutation_changes_exactly_one_decision(space: CellSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = space.sample(rng)
    mutant = space.mutate(genotype, rng)
    assert len(changed(genotype, mutant)) == 1
    assert space.decode(space.encode(mutant)) == mutant


def test_mutation_reaches_every_neighbour_and_halves_between_operations_and_inputs() -> None:
    rng, genotype = np.random.default_rng(1), drawn(SPACE, 1)
    mutants = [SPACE.mutate(genotype, rng) for _ in range(4000)]
    kinds = Counter(changed(genotype, mutant)[0] for mutant in mutants)
    assert chisquare(list(kinds.values())).pvalue > 0.001
    # 16 edges with 6 other operations; nodes 3, 4, 5 rewire either input to 1, 2 or 3 others, in each of two cells
    assert len(set(mutants)) == 16 * 6 + 2 * 2 * (1 + 2 + 3)


@given(spaces, seeds)
def test_a_child_takes_half_of_its_nodes_from_each_parent(space: CellSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = space.sample(rng), space.sample(rng)
    child = space.crossover(a, b, rng)
    from_a = from_b = either = 0
    for node, node_a, node_b in zip(nodes_of(child), nodes_of(a), nodes_of(b), strict=True):
        assert node in (node_a, node_b)
        either += node_a == node_b
        from_a += node == node_a != node_b
        from_b += node == node_b != node_a
    assert from_a <= space.nodes <= from_a + either
    assert from_b <= space.nodes <= from_b + either
    space.encode(child)


@given(seeds)
@settings(max_examples=5)
def test_children_and_mutants_can_be_built(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = SPACE.sample(rng), SPACE.sample(rng)
    child = SPACE.mutate(SPACE.crossover(a, b, rng), rng)
    assert count(child, (3, 8, 8), channels=2, cells=3).params > 0


def test_what_is_not_in_the_space_is_refused() -> None:
    for refused in (
        lambda: SPACE.encode(NASNET_A),  # five nodes
        lambda: SPACE.crossover(DARTS_V1, NASNET_A, np.random.default_rng(0)),
        lambda: SPACE.mutate(NASNET_A, np.random.default_rng(0)),
        lambda: SPACE.decode((9,) * 24),
        lambda: CellSpace(nodes=0),
        lambda: CellSpace(ops=("skip_connect", "skip_connect")),
        lambda: CellSpace(nodes=1, ops=("skip_connect",)).mutate(
            CellSpace(nodes=1, ops=("skip_connect",)).decode((0,) * 6), np.random.default_rng(0)
        ),
    ):
        with pytest.raises(CourseError):
            refused()


def test_local_search_can_walk_it() -> None:
    # each of 24 decisions alone: pairs 2 cells * (0 + 2 + 5 + 9), operations 16 * 6
    assert len(neighbours(SPACE, DARTS_V2)) == 2 * (0 + 2 + 5 + 9) + 16 * 6
