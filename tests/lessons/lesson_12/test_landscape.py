"""What the benchmark's figures show, against the closed form of the table they are drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from nascourse.errors import CourseError
from nascourse.evaluation.tabular import TABLE, TabularBenchmark
from nascourse.lessons.lesson_12.landscape import (
    accuracy_landscape,
    neighbour_correlation,
    neighbour_correlations,
    seed_agreement,
)
from nascourse.search.loop import search
from nascourse.search.random import RandomSearch
from nascourse.spaces.micro import MicroSpace
from nascourse.viz.figures import regret_curves
from nascourse.viz.raster import figure_png
from tests.evaluation.tables import DESIGN, ROWS, cell_of_rank, packed, right, row_of_rank


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TabularBenchmark:
    path = tmp_path_factory.mktemp("table") / TABLE
    path.write_bytes(packed())
    return TabularBenchmark.load(path)


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_regret_curves_are_medians_with_a_band_above_the_noise_floor(table: TabularBenchmark) -> None:
    runs = [search(RandomSearch(MicroSpace()), table, 20, seed=seed) for seed in range(5)]
    regrets = np.stack([table.regrets(run) for run in runs])
    figure = regret_curves({"random": regrets, "none": np.zeros((2, 20))}, floor=table.noise().floor)
    axes = figure.axes[0]
    assert axes.lines[0].get_ydata().tolist() == np.median(regrets, axis=0).tolist()
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (
        np.quantile(regrets, 0.25, axis=0).min(),
        np.quantile(regrets, 0.75, axis=0).max(),
    )
    assert labels(figure) == ["random", "none", "within the noise floor"]
    assert axes.patches[0].get_bbox().ymax == table.noise().floor
    low, high = axes.get_ylim()
    assert -high / 20 < low < 0  # a line at 0 is seen
    assert len(axes.collections) == 2
    few = regret_curves({"random": regrets, "none": np.zeros((2, 20))}, bands=["none"]).axes[0].collections
    assert [band.get_paths()[0].vertices[:, 1].max() for band in few] == [0]


def test_seed_agreement_puts_the_best_on_top(table: TabularBenchmark) -> None:
    figure = seed_agreement(table, 1, 2, top=10)
    everything, best = (points.get_offsets() for points in figure.axes[0].collections)
    assert len(everything) == ROWS
    expected = [[right(row_of_rank(r), seed) / DESIGN.valid_images for seed in (1, 2)] for r in range(1, 11)]
    assert best.tolist() == expected
    assert labels(figure) == ["all cells: τ = 1.00", "the best 10: τ = 1.00"]
    with pytest.raises(CourseError, match="seed=3"):
        seed_agreement(table, 0, 3)


def test_the_landscape_shows_every_distinct_cell_and_what_is_marked(table: TabularBenchmark) -> None:
    figure = accuracy_landscape(table, {"found": [cell_of_rank(7)]})
    everything, marked = (points.get_offsets() for points in figure.axes[0].collections)
    assert len(everything) == ROWS
    found = table.evaluate(cell_of_rank(7))
    assert marked.tolist() == [[found.params, found.accuracy]]
    assert marked.tolist()[0] in everything.tolist()
    assert len(figure_png(figure, 160)) < 200_000


def test_the_cell_that_only_guesses_does_not_squeeze_the_picture() -> None:
    figure = accuracy_landscape(TabularBenchmark.load())
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1 cell far below"]
    bottom, top = axes.get_ylim()
    accuracies = np.sort(np.asarray(axes.collections[0].get_offsets())[:, 1])
    assert accuracies[0] < bottom < accuracies[1] < accuracies[-1] < top
    assert accuracies[1] - bottom < 0.2 * (top - bottom)


def test_neighbours_are_drawn_by_the_number_of_edges(table: TabularBenchmark) -> None:
    axes = neighbour_correlation(table).axes[0]
    assert axes.lines[1].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    expected = neighbour_correlations(table.everywhere().reshape((5,) * 6))
    assert axes.lines[1].get_ydata().tolist() == expected.tolist()
    assert [text.get_text() for text in axes.texts] == [f"{value:.2f}".replace("-", "−") for value in expected]


def test_a_part_of_a_table_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(packed(30, 0))
    part = TabularBenchmark.load(tmp_path / TABLE)
    assert len(accuracy_landscape(part).axes[0].collections[0].get_offsets()) == 30
    neighbour_correlation(part)
    with pytest.raises(CourseError, match="both seeds"):
        seed_agreement(part)
