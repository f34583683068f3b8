"""What lesson 08 says of its recorded experiments is what their rows give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jupytext
import numpy as np
import pytest
import torch

from nascourse import evidence
from nascourse.bootstrap import ROOT
from nascourse.evidence.ledger import Evidence
from nascourse.evidence.statistics import holm
from nascourse.lessons.lesson_08 import experiments as lesson_08
from nascourse.lessons.lesson_08.collapse import stop_by_eigenvalue, stop_by_skips
from nascourse.lessons.lesson_08.experiments import (
    ARMS,
    ESTIMATORS,
    SKIP_LIMIT,
    final_accuracies,
    final_difference,
    final_p,
    truth,
)
from nascourse.search.gradient.darts import DartsSearch
from nascourse.search.gradient.darts_config import PRESETS
from nascourse.spaces.functions import canonical
from nascourse.spaces.micro import MicroCell, MicroSpace

GUESSING = 0.1


@pytest.fixture(scope="module")
def collapse() -> Evidence:
    return evidence.load("08_collapse")


@pytest.fixture(scope="module")
def final(collapse: Evidence) -> dict[str, list[float]]:
    return final_accuracies(collapse)


def searches(collapse: Evidence) -> list[dict[str, Any]]:
    return [dict(row.values) for row in collapse.of("DARTS")]


def kept(collapse: Evidence, name: str) -> list[MicroCell]:
    arm, keep = ARMS[name]
    return [MicroCell.from_string(keep(row.values)) for row in collapse.of(arm)]


def test_how_the_six_searches_went(collapse: Evidence) -> None:
    rows = searches(collapse)
    assert len(rows) == 6
    lowest = [min(truth(cell) for cell in row["cell"]) for row in rows]
    assert sum(low == pytest.approx(GUESSING, abs=0.002) for low in lowest) == 3  # "in three searches"
    assert max(row["skips"][-1] for row in rows) == 2  # "at most two of six edges"
    means = np.mean([[truth(cell) for cell in row["cell"]] for row in rows], axis=0)
    assert means.argmax() == 0  # "no later epoch is better than the first one"
    assert means[-1] > means[1:14].max() + 0.1  # "gets worse and comes back"
    for row in rows:
        assert row["loss"][-1] < row["loss"][0] / 2  # "falls in every search"
        assert 2.5 < row["eigenvalue"][-1] / row["eigenvalue"][0] < 10


def test_what_the_cures_did(collapse: Evidence, final: dict[str, list[float]]) -> None:
    rows = searches(collapse)
    assert all(stop_by_skips(row["skips"], SKIP_LIMIT) == len(row["skips"]) - 1 for row in rows)
    assert sum(max(row["skips"]) >= SKIP_LIMIT for row in rows) == 1
    stopped = [stop_by_eigenvalue(row["eigenvalue"]) for row in rows]
    assert stopped.count(4) == 4  # two windows of five epochs, and back by one: the first chance
    assert max(stopped) < 19
    assert sum(score == pytest.approx(GUESSING, abs=0.002) for score in final["stop by eigenvalue"]) == 2
    means = {name: float(np.mean(scores)) for name, scores in final.items()}
    bests = {name: max(scores) for name, scores in final.items()}
    assert max(means, key=means.__getitem__) == "perturbation"
    assert all(a > b for a, b in zip(final["perturbation"], final["DARTS, at the end"], strict=True))
    assert sorted(bests, key=bests.__getitem__)[-2] == "partial channels" == sorted(means, key=means.__getitem__)[1]
    assert bests["partial channels"] > bests["random search"]
    assert min(means, key=means.__getitem__) == "stop by eigenvalue"
    for name in ("perturbation", "α regularization"):
        assert not any("none" in cell.ops for cell in kept(collapse, name))
    assert np.std(final["α regularization"]) >= np.std(final["DARTS, at the end"])


def test_one_cell_of_partial_channels_computes_nothing(collapse: Evidence, final: dict[str, list[float]]) -> None:
    nothing = canonical(MicroCell(("none",) * 6))
    dead = [canonical(cell) == nothing for cell in kept(collapse, "partial channels")]
    assert dead.count(True) == 1
    assert sorted(final["partial channels"])[0] == pytest.approx(GUESSING, abs=0.002)
    assert sorted(final["partial channels"])[1] > 0.79  # "five good searches"


def test_nothing_is_decided(collapse: Evidence, final: dict[str, list[float]]) -> None:
    plain = ("DARTS, at the end", "random search")
    pairs = [(name, other) for name in final if name not in plain for other in plain]
    assert len(pairs) == 10
    assert min(holm([final_p(collapse, a, b) for a, b in pairs])) >= 0.05
    assert final_p(collapse, "perturbation", "DARTS, at the end") == pytest.approx(2 / 2**6)
    assert evidence.verdict("08_collapse").word == "undecided"
    lead = final_difference(collapse, "random search", "DARTS, at the end")
    assert lead.estimate > 0.03  # "by more than three points"
    assert lead.low < 0.01  # "more than the one point ... is not shown"


def test_a_larger_difference_is_better_and_a_tiny_one_exact() -> None:
    recorded = evidence.load("08_second_order")
    for arm in recorded.arms:
        mean = {name: mean_over(recorded, arm, "product", name) for name in ESTIMATORS[:4]}
        code, larger, smaller, tiny = (mean[name] for name in ESTIMATORS[:4])
        assert smaller < code < larger < tiny
        assert tiny > 0.999
    assert 0.2 < mean_over(recorded, "genotypes", "product", ESTIMATORS[0]) < 0.7  # "only roughly"


def test_without_the_term_the_gradient_is_closer() -> None:
    recorded = evidence.load("08_second_order")
    mean = {name: mean_over(recorded, "genotypes", "cosine", name) for name in ESTIMATORS}
    assert mean["times ε (T1)"] > mean["ε as in the code"] > 0.9
    assert mean["first order"] > 0.9
    assert evidence.verdict("08_second_order").word == "fails"


def lessons_term() -> Any:
    """The function of that name, out of the lesson."""
    names: dict[str, Any] = {"np": np}
    (cell,) = [c for c in jupytext.read(ROOT / "notebooks" / "src" / "08_darts.py").cells if "def term(" in c.source]
    exec(cell.source.split("\n\n\n")[0], names)
    return names["term"]


def test_the_papers_term_is_too_long_on_genotypes_and_helps_on_micro_cells() -> None:
    recorded, term = evidence.load("08_second_order"), lessons_term()
    worse = {}
    for arm in recorded.arms:
        for name in ESTIMATORS[:2]:
            both = [term(row.values, name) for row in recorded.of(arm)]
            length, error = np.concatenate(both, axis=1)
            worse[arm, name] = (error > 1).mean()
            if (arm, name) == ("genotypes", ESTIMATORS[0]):
                assert np.median(length) > 2  # "more than twice too long"
            if name == ESTIMATORS[1]:
                assert worse[arm, name] < 0.1  # "helps on both"
    assert worse["genotypes", ESTIMATORS[0]] > 0.95  # "in nearly every state"
    assert worse["micro cells", ESTIMATORS[0]] < 0.5  # "more often than not"
    rows = [row.values for row in recorded.of("genotypes")]
    t1, code = (np.array([row["cosine"][name] for row in rows]) for name in ("times ε (T1)", ESTIMATORS[0]))
    assert (t1 > code).all()  # "in every state that was looked at"
    share = np.mean([row["share"] for row in rows], axis=0)
    assert 0.08 < share.mean() < 0.13  # "on average a tenth"
    assert 0.22 < share.max() < 0.3  # "early ... a quarter"
    assert round(code.min(), 2) == 0.76


def test_the_term_of_a_known_gradient() -> None:
    """The lesson's formula on vectors: direct part d, exact term t, estimated term e."""
    d, t, e = np.array([3.0, 1.0, 0.0]), np.array([0.2, 0.3, -0.1]), np.array([0.5, 0.2, 0.4])
    size = np.linalg.norm

    def cosine(a: Any, b: Any) -> float:
        return float(a @ b / size(a) / size(b))

    row = {
        "norm": {"times ε (T1)": [size(d) / size(d + t)], "code": [size(d + e) / size(d + t)]},
        "cosine": {"code": [cosine(d + e, d + t)]},
        "product": {"code": [cosine(e, t)]},
        "share": [size(t) / size(d)],
    }
    length, error = lessons_term()(row, "code")
    assert length == pytest.approx(size(e) / size(t))
    assert error == pytest.approx(size(e - t) / size(t))


def test_it_points_better_later_because_its_step_is_shorter_not_because_it_is_truer() -> None:
    recorded = evidence.load("08_second_order")
    epochs = recorded.budget["epochs"]
    config = replace(PRESETS["cell"]["lesson"].config, epochs=epochs)
    assert 0.05 < config.learning_rate(epochs - 1) / config.learning_rate(0) < 0.15  # "falls to a tenth"
    rows = [row.values for row in recorded.of("genotypes")]
    product = np.mean([row["product"][ESTIMATORS[0]] for row in rows], axis=0)
    share = np.mean([row["share"] for row in rows], axis=0)
    assert abs(product[-3:].mean() - product[:3].mean()) < 0.1
    assert share[-1] < share[0] / 4


def mean_over(recorded: Evidence, arm: str, quantity: str, name: str) -> float:
    return float(np.mean([row.values[quantity][name] for row in recorded.of(arm)]))


def test_the_first_epoch_of_a_recorded_search_comes_out_again(collapse: Evidence) -> None:
    """Trained anew, within what other hardware may change in 62 steps."""
    row = next(row for row in collapse.of("DARTS") if row.seed == 3).values
    look = lesson_08.measure(collapse.budget["curvature_images"])
    config = lesson_08.micro_config(collapse.budget["epochs"], collapse.budget["alpha_lr"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    search = DartsSearch(
        MicroSpace(), config, lesson_08._micro_images(), 3, after_epoch=lambda s: look(s) or "one epoch is enough"
    )
    search.run()
    torch.set_num_threads(threads)
    (epoch,) = search.epochs
    assert epoch["loss"] == pytest.approx(row["loss"][0], rel=0.02)
    assert epoch["eigenvalue"] == pytest.approx(row["eigenvalue"][0], rel=0.05)
