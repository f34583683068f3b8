"""The micro space: strings and JSON there and back, moves that change what they say, samples that are uniform."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nascourse.errors import CourseError
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell, MicroSpace

SPACE = MicroSpace()
PUBLISHED = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
CELLS = st.builds(MicroCell, st.tuples(*[st.sampled_from(MICRO_OPS)] * 6))
SEEDS = st.integers(0, 2**32 - 1)


def differing(a: MicroCell, b: MicroCell) -> int:
    return sum(x != y for x, y in zip(a.ops, b.ops, strict=True))


def test_a_published_string_reads_as_its_edges() -> None:
    assert list(MicroCell.from_string(PUBLISHED).edges()) == [
        (0, 1, "nor_conv_3x3"),
        (0, 2, "nor_conv_3x3"),
        (1, 2, "avg_pool_3x3"),
        (0, 3, "skip_connect"),
        (1, 3, "nor_conv_3x3"),
        (2, 3, "skip_connect"),
    ]


def test_every_cell_survives_its_string_its_json_and_its_decisions() -> None:
    seen = set()
    for cell, decisions in zip(SPACE.all_cells(), product(range(5), repeat=6), strict=True):
        seen.add(str(cell))
        assert MicroCell.from_string(str(cell)) == cell
        assert MicroCell.from_json(json.loads(json.dumps(cell.to_json()))) == cell
        assert SPACE.encode(cell) == decisions
        assert SPACE.decode(decisions) == cell
    assert len(seen) == SPACE.size == 15_625


MALFORMED = [
    "",
    "|",
    "none",
    PUBLISHED[:-1],
    PUBLISHED[1:],
    PUBLISHED + "|",
    PUBLISHED + "\n",
    " " + PUBLISHED,
    PUBLISHED.replace("+", ""),
    PUBLISHED.replace("~1", "~0"),
    PUBLISHED.replace("~2", "~3"),
    PUBLISHED.replace("|skip_connect~2|", "|"),
    PUBLISHED.replace("+", "++"),
    PUBLISHED + "+|none~0|none~1|none~2|none~3|",
    PUBLISHED.replace("~", "#"),
    PUBLISHED.replace("~0", "~٠"),
    "__import__('os').system('true')",
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_string_is_told_in_a_line(text: str) -> None:
    with pytest.raises(CourseError) as caught:
        MicroCell.from_string(text)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("got ")
    assert "expected a cell string of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|" in said


@pytest.mark.parametrize("value", [None, 3, b"|none~0|", ["none"] * 6])
def test_what_is_no_string_is_told_in_a_line(value: object) -> None:
    with pytest.raises(CourseError, match="expected a cell string") as caught:
        MicroCell.from_string(value)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("op", ["conv", "nor_conv_5x5", "NONE", "none "])
def test_a_wrong_operation_is_named(op: str) -> None:
    with pytest.raises(CourseError) as caught:
        MicroCell.from_string(PUBLISHED.replace("avg_pool_3x3", op))
    assert str(caught.value) == f"got {op!r}; expected an operation out of {', '.join(MICRO_OPS)}; check the spelling"
    with pytest.raises(CourseError, match="check the spelling"):
        MicroCell((*["none"] * 5, op))


@given(st.text(alphabet="|~+0123 none_skipcor x", max_size=60))
def test_any_text_is_a_cell_or_one_line(text: str) -> None:
    try:
        said = str(MicroCell.from_string(text))
    except CourseError as error:
        said = str(error)
        wanted = said.replace("\n", " ")
    else:
        wanted = text
    assert said == wanted


@pytest.mark.parametrize("ops", [(), ("none",) * 5, ("none",) * 7, ["none"] * 6, "none"])
def test_a_cell_has_six_operations_in_a_tuple(ops: object) -> None:
    with pytest.raises(CourseError, match="a tuple of six operations"):
        MicroCell(ops)  # type: ignore[arg-type]


def test_a_cell_is_a_frozen_value() -> None:
    cell = MicroCell.from_string(PUBLISHED)
    assert {cell: 1}[MicroCell(cell.ops)] == 1
    with pytest.raises(AttributeError):
        cell.ops = ("none",) * 6  # type: ignore[misc]


@pytest.mark.parametrize("decisions", [(), (0,) * 5, (0,) * 7, (0, 0, 0, 0, 0, 5), (0, 0, 0, 0, 0, -1)])
def test_wrong_decisions_are_refused(decisions: tuple[int, ...]) -> None:
    with pytest.raises(CourseError, match=r"six numbers in 0\.\.4"):
        SPACE.decode(decisions)


def test_choices_spell_the_whole_space() -> None:
    complete, prefixes = 0, [()]
    while prefixes:
        prefix = prefixes.pop()
        options = SPACE.choices(prefix)
        complete += options == 0
        prefixes.extend((*prefix, option) for option in range(options))
    assert complete == SPACE.size


# -- random moves -----------------------------------------------------------------------------------------------------


def test_samples_are_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = [SPACE.encode(SPACE.sample(rng)) for _ in range(10_000)]
    for edge in range(6):
        assert stats.chisquare(np.bincount([d[edge] for d in drawn], minlength=5)).pvalue > 0.001
    for a, b in ((0, 1), (2, 5)):  # pairs of edges: independent as well
        pairs = Counter((d[a], d[b]) for d in drawn)
        assert stats.chisquare([pairs[i, j] for i in range(5) for j in range(5)]).pvalue > 0.001


@given(CELLS, SEEDS)
def test_a_mutation_changes_exactly_one_decision(cell: MicroCell, seed: int) -> None:
    mutant = SPACE.mutate(cell, np.random.default_rng(seed))
    assert differing(cell, mutant) == 1
    assert mutant == SPACE.mutate(cell, np.random.default_rng(seed))


def test_every_neighbour_is_equally_likely() -> None:
    rng, cell = np.random.default_rng(1), MicroCell.from_string(PUBLISHED)
    found = Counter(SPACE.mutate(cell, rng) for _ in range(4800))
    assert len(found) == 6 * 4
    assert stats.chisquare(list(found.values())).pvalue > 0.001


@given(CELLS, CELLS, SEEDS)
def test_a_child_takes_half_from_each_parent(a: MicroCell, b: MicroCell, seed: int) -> None:
    child = SPACE.crossover(a, b, np.random.default_rng(seed))
    from_a = {e for e in range(6) if child.ops[e] == a.ops[e]}
    from_b = {e for e in range(6) if child.ops[e] == b.ops[e]}
    assert from_a | from_b == set(range(6))
    assert len(from_a) >= 3
    assert len(from_b) >= 3


def test_every_half_is_equally_likely() -> None:
    rng, a, b = np.random.default_rng(2), MicroCell(("none",) * 6), MicroCell(("skip_connect",) * 6)
    found = Counter(SPACE.crossover(a, b, rng) for _ in range(4000))
    assert {cell.ops.count("none") for cell in found} == {3}
    assert len(found) == 20  # 6 choose 3
    assert stats.chisquare(list(found.values())).pvalue > 0.001


@given(CELLS)
def test_live_edges_are_those_on_a_path_from_input_to_output(cell: MicroCell) -> None:
    """Paths counted by powers of the adjacency matrix: an edge is live if something enters and something leaves it."""
    adjacency = np.zeros((4, 4), dtype=int)
    for (i, j), op in zip(MICRO_EDGES, cell.ops, strict=True):
        adjacency[i, j] = op != "none"
    paths = np.linalg.matrix_power(np.eye(4, dtype=int) + adjacency, 3)
    expected = {(i, j) for i, j in MICRO_EDGES if adjacency[i, j] and paths[0, i] and paths[j, 3]}
    assert {(i, j) for i, j, _ in cell.live_edges()} == expected
