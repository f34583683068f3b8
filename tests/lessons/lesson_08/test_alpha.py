"""α on film: the numbers in the picture against SciPy's, and what is drawn against what is derived."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from nascourse.errors import CourseError
from nascourse.lessons.lesson_08.alpha import AlphaEvolutionExplorer, AlphaFilm, alpha_scene
from nascourse.search.gradient.alpha_history import AlphaHistory
from nascourse.spaces.cell import CELL_OPS
from nascourse.spaces.micro import MICRO_EDGES, MICRO_OPS
from nascourse.viz.items import Box, Circle, Group, Line, Text
from nascourse.viz.palette import OPERATIONS, contrast, ink_on
from nascourse.viz.scene import Scene
from tests.lessons.lesson_07.test_relaxation import texts_fit

CELL_EDGES = tuple((i, j) for j in range(2, 6) for i in range(j))


def invented(space: str, times: int = 40, scale: float = 1.0, seed: int = 0) -> AlphaHistory:
    """A drift with noise, in steps of five."""
    rng = np.random.default_rng(seed)
    ops, edges, kinds = (
        (("none", *CELL_OPS), CELL_EDGES, ("normal", "reduce"))
        if space == "cell"
        else (MICRO_OPS, MICRO_EDGES, ("cell",))
    )
    shape = (times, len(edges), len(ops))
    steps = np.linspace(0, 1, times)[:, None, None]
    alphas = {
        kind: (scale * (2 * rng.normal(size=shape[1:]) * steps + 0.05 * rng.normal(size=shape))).astype(np.float32)
        for kind in kinds
    }
    return AlphaHistory(space, kinds, ops, edges, 5 * np.arange(times), alphas)


def weighing(ops: dict[int, str], edges: int, names: tuple[str, ...]) -> np.ndarray:
    """(1, edges, operations): on each row named the operation weighs far more than all others."""
    alpha = np.zeros((1, edges, len(names)), np.float32)
    for row, op in ops.items():
        alpha[0, row, names.index(op)] = 5 + row / 10
    return alpha


def groups(scene: Scene, prefix: str) -> dict[int, Group]:
    return {
        int(item.key.removeprefix(prefix)): item
        for item in scene.items
        if isinstance(item, Group) and item.key.startswith(prefix)
    }


@pytest.mark.parametrize(("space", "kind"), [("cell", "normal"), ("cell", "reduce"), ("micro", "cell")])
def test_every_weight_and_entropy_stands_in_the_picture(space: str, kind: str) -> None:
    history = invented(space)
    for place in (0, 17, 39):
        scene = alpha_scene(AlphaFilm.of(history), place, kind)
        weights = softmax(history.alphas[kind][place].astype(float), axis=1)
        shown = groups(scene, "edge-")
        assert sorted(shown) == list(range(len(history.edges)))
        for row, group in shown.items():
            numbers = [float(item.text) for item in group.items if isinstance(item, Text)]
            np.testing.assert_allclose(numbers, 100 * weights[row], atol=0.0501)
        for value in entropy(weights, axis=1):
            assert any(f"{value + shift:.3f}" in scene.texts() for shift in (0, -1e-6, 1e-6))
        assert f"after {5 * place} of 195 steps" in scene.alt
        said = float(scene.alt.partition("mean entropy ")[2][:5])
        assert said == pytest.approx(entropy(weights, axis=1).mean(), abs=0.00051)


def test_colour_says_how_many_times_the_uniform_weight_and_every_number_can_be_read() -> None:
    history = invented("cell", scale=2.0)
    film = AlphaFilm.of(history)
    weights = softmax(history.alphas["normal"][-1].astype(float), axis=1)
    seen = []
    for row, group in groups(alpha_scene(film, 39, "normal"), "edge-").items():
        boxes = [item for item in group.items if isinstance(item, Box)]
        seen += [(weight, box.fill) for weight, box in zip(weights[row], boxes, strict=True)]
    for weight, fill in seen:
        red, blue = int(fill[1:3], 16), int(fill[5:7], 16)
        assert (blue >= red) if weight > 1 / 8 else (blue <= red)
        assert contrast(ink_on(fill), fill) >= 4.5
    paleness = [int(fill[1:3], 16) for _, fill in sorted(seen) if _ > 1 / 8]
    assert all(a >= b for a, b in pairwise(paleness))


def test_a_weight_that_falls_to_nothing_does_not_bleach_the_rest() -> None:
    alpha = np.zeros((1, 6, 5), np.float32)
    alpha[0, 0, 0] = -30
    history = AlphaHistory("micro", ("cell",), MICRO_OPS, MICRO_EDGES, np.arange(1), {"cell": alpha})
    film = AlphaFilm.of(history)
    assert film.span == pytest.approx(np.log2(5))
    assert {"÷ 5", "× 5", "uniform 20.0 %"} <= set(alpha_scene(film, 0, "cell").texts())


def test_the_cell_beside_it_is_the_one_that_darts_derives() -> None:
    # by hand: two edges of each node stand out, `none` is the strongest of all on a third and must not count
    kept = {0: "skip_connect", 1: "sep_conv_3x3", 2: "skip_connect", 4: "max_pool_3x3"}
    kept |= {6: "dil_conv_5x5", 8: "avg_pool_3x3", 9: "sep_conv_5x5", 13: "skip_connect"}
    names = ("none", *CELL_OPS)
    alphas = weighing(kept | {3: "none", 12: "none"}, 14, names)
    history = AlphaHistory(
        "cell", ("normal", "reduce"), names, CELL_EDGES, np.arange(1), {"normal": alphas, "reduce": 0 * alphas}
    )
    scene = alpha_scene(AlphaFilm.of(history), 0, "normal")
    wires = groups(scene, "kept-")
    assert {row: wire.title for row, wire in wires.items()} == {
        row: f"{CELL_EDGES[row][0]} → {CELL_EDGES[row][1]}: {op}" for row, op in kept.items()
    }
    for row, wire in wires.items():
        (label,) = (item for item in wire.items if isinstance(item, Text))
        (number, *_) = (item for item in groups(scene, "edge-")[row].items if isinstance(item, Text))
        assert label.text == OPERATIONS[kept[row]].label
        assert label.y == number.y  # its row of the heat map
        (dot,) = (item for item in wire.items if isinstance(item, Circle))
        (arrow,) = (item for item in wire.items if isinstance(item, Line) and item.arrow)
        assert arrow.points[-1][0] > dot.x
    framed = [item for item in scene.items if isinstance(item, Box) and item.line == 2.4]
    assert len(framed) == 8
    assert "derived now: 3 skip connections" in scene.texts()
    assert "has 3 skip connections" in scene.alt


def test_what_carries_nothing_in_a_micro_cell_is_grey_and_said() -> None:
    ops = ("none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none")
    alphas = weighing(dict(enumerate(ops)), 6, MICRO_OPS)
    history = AlphaHistory("micro", ("cell",), MICRO_OPS, MICRO_EDGES, np.arange(1), {"cell": alphas})
    wires = groups(alpha_scene(AlphaFilm.of(history), 0, "cell"), "kept-")
    assert [row for row, wire in wires.items() if wire.title.endswith("(dead)")] == [0, 1, 2, 4, 5]
    dashed = [row for row, wire in wires.items() if any(isinstance(i, Box) and i.dash for i in wire.items)]
    assert dashed == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("space", ["cell", "micro"])
def test_the_marker_on_the_curves_goes_with_the_place(space: str) -> None:
    history = invented(space)
    film = AlphaFilm.of(history)
    x, y = [], []
    for place in (0, 13, 39):
        scene = alpha_scene(film, place, history.kinds[0])
        x.append([i.points[0][0] for i in scene.items if isinstance(i, Line) and i.dash == (2, 3)])
        y.append(next(i.y for i in scene.items if isinstance(i, Circle) and i.radius == 5 and i.y > 100))
    first, last = np.array(x[0]), np.array(x[2])
    np.testing.assert_allclose(x[1], first + (last - first) * 13 / 39)
    alphas = history.alphas[history.kinds[0]][[0, 13, 39]].astype(float)
    means = entropy(softmax(alphas, axis=2), axis=2).mean(1)
    slope = (y[2] - y[0]) / (means[2] - means[0])
    assert slope < 0
    assert y[1] == pytest.approx(y[0] + slope * (means[1] - means[0]), abs=0.01)


@pytest.mark.parametrize("scale", [0.001, 0.1, 3.0, 40.0])
@pytest.mark.parametrize("space", ["cell", "micro"])
def test_nothing_runs_into_anything_and_the_picture_keeps_its_size(space: str, scale: float) -> None:
    history = invented(space, scale=scale)
    film = AlphaFilm.of(history)
    sizes = set()
    for kind in history.kinds:
        for place in (0, 20, 39):
            scene = alpha_scene(film, place, kind)
            assert texts_fit(scene)
            sizes.add((scene.width, scene.height))
    assert len(sizes) == 1


def test_a_long_film_is_thinned_on_the_curves_only() -> None:
    history = invented("micro", times=1203)
    film = AlphaFilm.of(history)
    assert (len(film.places), film.places[0], film.places[-1]) == (501, 0, 1202)
    assert "after 6,005 steps" in " ".join(alpha_scene(film, 1201, "cell").texts())


def test_what_was_not_recorded_is_refused() -> None:
    film = AlphaFilm.of(invented("micro"))
    with pytest.raises(CourseError, match=r"place 40.*0\.\.39"):
        alpha_scene(film, 40, "cell")
    with pytest.raises(CourseError, match="a kind out of cell"):
        alpha_scene(film, 0, "normal")
    none = {kind: a[:0] for kind, a in film.history.alphas.items()}
    with pytest.raises(CourseError, match="no step"):
        AlphaFilm.of(dataclasses.replace(film.history, steps=np.arange(0), alphas=none))


def test_slider_and_switch_change_picture_and_sentence() -> None:
    explorer = AlphaEvolutionExplorer(invented("cell"), place=3)
    assert "Normal cell after 15 of 195 steps" in explorer.sentence.value
    for name, value in (("place", 30), ("kind", "reduce"), ("place", 0)):
        before = explorer.picture.value, explorer.sentence.value
        explorer.controls[name].value = value
        assert explorer.picture.value != before[0]
        assert explorer.sentence.value != before[1]
    assert "Reduction cell after 0 of 195 steps" in explorer.sentence.value


def test_a_micro_search_has_no_switch_and_starts_at_its_end() -> None:
    explorer = AlphaEvolutionExplorer(invented("micro"))
    assert list(explorer.controls) == ["place"]
    assert "after 195 of 195 steps" in explorer.sentence.value
    data, _ = explorer._repr_mimebundle_()
    again, _ = AlphaEvolutionExplorer(invented("micro"))._repr_mimebundle_()
    assert data["image/png"] == again["image/png"]
