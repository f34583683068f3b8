"""The history of α: softmax and entropy against SciPy, skips counted by hand, the file read back and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats

from nascourse.errors import CourseError
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.spaces.cell import CELL_OPS, Genotype
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell

EDGES = tuple((i, j) for j in range(2, 6) for i in range(j))


def cell_history(times: int = 3) -> AlphaHistory:
    rng = np.random.default_rng(0)
    return AlphaHistory(
        "cell",
        ("normal", "reduce"),
        ("none", *CELL_OPS),
        EDGES,
        np.arange(times) * 10,
        {kind: rng.normal(size=(times, 14, 8)).astype(np.float32) for kind in ("normal", "reduce")},
        {"train_loss": np.array([np.nan, 2.0, 1.0], np.float32)[:times]},
        ({"epoch": 1, "accuracy": 0.5},),
        {"seed": 3, "sittings": []},
    )


def micro_history(*cells: tuple[str, ...]) -> AlphaHistory:
    table = np.zeros((len(cells), 6, 5), np.float32)
    for t, ops in enumerate(cells):
        table[t, range(6), [MICRO_OPS.index(op) for op in ops]] = 1
    return AlphaHistory("micro", ("cell",), MICRO_OPS, MICRO_EDGES, np.arange(len(cells)), {"cell": table})


def test_weights_and_entropy_are_those_of_scipy() -> None:
    history = cell_history()
    for kind in history.kinds:
        expected = scipy.special.softmax(history.alphas[kind].astype(float), axis=2)
        np.testing.assert_allclose(history.weights(kind), expected, rtol=1e-5)
        np.testing.assert_allclose(history.entropy(kind), scipy.stats.entropy(expected, axis=2), rtol=1e-5)
    flat = replace(history, alphas={kind: np.zeros((3, 14, 8), np.float32) for kind in history.kinds})
    np.testing.assert_allclose(flat.entropy("normal"), np.log(8), rtol=1e-6)


def test_skips_of_a_micro_cell() -> None:
    ops = ("skip_connect", "none", "skip_connect", "nor_conv_3x3", "skip_connect", "avg_pool_3x3")
    history = micro_history(("none",) * 6, ops)
    assert [history.skips(t) for t in range(2)] == [0, 3]
    assert history.derived(-1) == MicroCell(ops)


def test_skips_of_a_genotype_are_counted_for_each_kind_and_together() -> None:
    normal, reduce = (np.zeros((1, 14, 8), np.float32) for _ in range(2))
    normal[:, :, 1 + CELL_OPS.index("skip_connect")] = 1  # every edge
    reduce[:, :, 1 + CELL_OPS.index("max_pool_3x3")] = 1
    reduce[:, 0, 1 + CELL_OPS.index("skip_connect")] = 2  # edge 0 -> 2 alone
    history = replace(cell_history(1), alphas={"normal": normal, "reduce": reduce})
    assert isinstance(history.derived(0), Genotype)
    assert (history.skips(0, "normal"), history.skips(0, "reduce"), history.skips(0)) == (8, 1, 9)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    for history in (cell_history(), micro_history(("none",) * 6)):
        history.save(tmp_path / "history.npz")
        read = AlphaHistory.load(tmp_path / "history.npz")
        for name in ("space", "kinds", "ops", "edges", "epochs", "meta"):
            assert getattr(read, name) == getattr(history, name)
        np.testing.assert_array_equal(read.steps, history.steps)
        for mapping in ("alphas", "curves"):
            before, after = getattr(history, mapping), getattr(read, mapping)
            assert before.keys() == after.keys()
            for name in before:
                np.testing.assert_array_equal(before[name], after[name])
                assert after[name].dtype == np.float32
    assert [path.name for path in tmp_path.iterdir()] == ["history.npz"]


@pytest.mark.parametrize("cut", [0, 20, 500, -10])
def test_a_damaged_file_is_one_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "history.npz"
    cell_history().save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CourseError, match=r"history\.npz") as refused:
        AlphaHistory.load(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="exists"):
        AlphaHistory.load(tmp_path / "none.npz")
    path = tmp_path / "history.npz"
    cell_history().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["about"] = np.frombuffer(arrays["about"].tobytes().replace(b'"alpha_history":1', b'"alpha_history":7'), "u1")
    np.savez(path, **arrays)
    with pytest.raises(CourseError, match="schema 7"):
        AlphaHistory.load(path)


def test_arrays_that_do_not_fit_are_refused() -> None:
    history = cell_history()
    with pytest.raises(CourseError, match="normal"):
        replace(history, alphas={"normal": history.alphas["normal"]})
    with pytest.raises(CourseError, match="train_loss"):
        replace(history, curves={"train_loss": np.zeros(2, np.float32)})
