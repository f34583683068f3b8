"""Evolution's pictures against the recorded history: who is marked, what is new, who descends from whom."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.lessons.lesson_05.analysis import populations
from nascourse.lessons.lesson_05.family import FamilyTreeExplorer, ancestors, family_tree_scene
from nascourse.lessons.lesson_05.flow import evolution_scene
from nascourse.lessons.lesson_05.kinship import KinshipExplorer, genes, kinship_scene, origins
from nascourse.lessons.lesson_05.mutators import swap_cells
from nascourse.lessons.lesson_05.population import DriftExplorer, GenerationExplorer, drift_scene, generation_scene
from nascourse.search.evolution.evolution import Generation, classical_ga, regularized_evolution
from nascourse.search.history import Evaluated, History
from nascourse.search.loop import search
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.cell import CellSpace
from nascourse.spaces.micro import MicroCell, MicroSpace
from nascourse.viz.items import Circle, Group, Line, Polygon, Text, flat
from nascourse.viz.palette import MARK
from nascourse.viz.plane import Plane, spread
from tests.viz.test_dag import extent, groups

SPACE = MicroSpace()


def smooth(trial: Trial[MicroCell]) -> Result:
    if trial.number == 3:
        return Result(math.nan)
    return Result(sum(SPACE.encode(trial.arch)) / 24, params=1000 * trial.arch.ops.count("nor_conv_3x3"))


@pytest.fixture(scope="module")
def evolved():
    strategy = classical_ga(SPACE, size=6)
    with pytest.warns(UserWarning, match="1 of 60"):
        return search(strategy, smooth, 60, seed=2), tuple(strategy.generations)


@pytest.fixture(scope="module")
def aged():
    strategy = regularized_evolution(SPACE, size=6, sample=3)
    with pytest.warns(UserWarning, match="1 of 40"):
        return search(strategy, smooth, 40, seed=2), tuple(strategy.generations)


def shapes(group: Group) -> tuple[bool, bool, int]:
    """Whether there is a ring, a filled disc, and how many polygons."""
    circles = [item for item in group.items if isinstance(item, Circle)]
    ring = any(c.fill == "none" for c in circles)
    return ring, any(c.fill != "none" for c in circles), sum(isinstance(item, Polygon) for item in group.items)


def test_the_flow_names_the_syllabus_steps_in_their_order_and_every_text_is_on_the_card() -> None:
    scene = evolution_scene()
    steps = [key.removeprefix("step-") for key in groups(scene, "step-")]
    assert steps == ["selection", "crossover", "mutation", "update"]
    assert {"initialization", "stop?", "yes", "no", "best architecture"} <= set(scene.texts())
    assert all(step in scene.alt for step in steps)
    for item in flat(scene.items):
        if isinstance(item, Text):
            left, top, right, bottom = extent(item)
            assert 0 < left < right < scene.width
            assert 0 < top < bottom < scene.height
    assert sum(isinstance(item, Line) and item.arrow for item in flat(scene.items)) == 7


@pytest.mark.parametrize("step", range(1, 9))
def test_everyone_of_a_generation_is_marked_by_shape_for_what_happened_to_them(evolved, step) -> None:
    history, generations = evolved
    generation, alive = generations[step], list(populations(generations))[step]
    parents = {parent for child in generation.born for parent in history[child].trial.parents}
    drawn = {
        int(key.removeprefix("trial-")): g
        for key, g in groups(generation_scene(history, generations, step), "trial-").items()
    }
    assert set(drawn) == {*alive, *generation.born, *generation.dropped, *parents}
    for number, group in drawn.items():
        born, dropped = number in generation.born, number in generation.dropped
        assert shapes(group) == (number in parents, number in alive and not born, 2 * born + 2 * dropped)
        for word, holds in (("born", born), ("dropped", dropped), ("selected", number in parents)):
            assert (word in group.title) == holds


@pytest.mark.parametrize("draw", [generation_scene, drift_scene])
def test_who_was_crossed_and_who_has_nothing_new_is_told_and_seen(evolved, draw) -> None:
    history, generations = evolved
    kinds = set()
    for step in range(1, 9):
        drawn = groups(draw(history, generations, step), "trial-")
        for child in generations[step].born:
            trial, group = history[child].trial, drawn[f"trial-{child}"]
            theirs = [history[parent].trial.arch.ops for parent in trial.parents]
            new = any(op not in edge for op, *edge in zip(trial.arch.ops, *theirs, strict=True))
            crossed = len(trial.parents) == 2
            assert ("crossed" in group.title, "nothing new" in group.title) == (crossed, not new)
            assert any(isinstance(item, Polygon) and item.fill == MARK for item in group.items) == new
            kinds.add((crossed, new))
    assert len(kinds) == 4  # all cases occurred


def test_a_single_birth_is_told_in_words(aged) -> None:
    history, generations = aged
    (parent,) = history[10].trial.parents
    scene = generation_scene(history, generations, 5)
    assert scene.alt.startswith(
        f"Generation 5: trial 10 is born of {parent}, not crossed, with something new. Dropped: 4."
    )
    assert "dropped: 1" in scene.texts()
    assert generation_scene(history, generations, 0).alt.startswith("The founders: 6 random architectures.")


def test_all_failed_is_drawn_and_said() -> None:
    cells = [SPACE.sample(np.random.default_rng(k)) for k in range(2)]
    rows = [Evaluated(Trial(k, cell, k), Result(math.nan)) for k, cell in enumerate(cells)]
    history, generations = History(rows), [Generation((0, 1))]
    assert generation_scene(history, generations, 0).alt.endswith("all failed.")
    assert drift_scene(history, generations, 0).svg()


def test_a_trial_that_raised_does_not_squeeze_the_others_and_stays_in_the_picture() -> None:
    results = [Result(0.5, 6000), Result(0.6, 6100), Result(math.nan)]
    cells = [SPACE.sample(np.random.default_rng(k)) for k in range(3)]
    rows = [Evaluated(Trial(k, cell, k), result) for k, (cell, result) in enumerate(zip(cells, results, strict=True))]
    drawn = groups(drift_scene(History(rows), [Generation((0, 1, 2))], 0), "trial-")
    small, large, failed = (
        np.mean([x for item in drawn[f"trial-{k}"].items if isinstance(item, Polygon) for x, _ in item.points])
        for k in range(3)
    )
    assert 0 < failed < small < large
    assert large - small > 10 * (small - failed) > 0


def test_the_mean_of_the_population_is_where_it_should_be(aged) -> None:
    history, generations = aged
    for step in (0, 12, 34):
        alive = list(populations(generations))[step]
        good = [history[n].result for n in alive if not history[n].result.failed]
        params, accuracy = np.mean([(r.params, r.accuracy) for r in good], axis=0)
        scene = drift_scene(history, generations, step)
        plane = Plane(spread(row.result.params for row in history), spread(row.result.accuracy for row in history))
        (mean,) = [item for item in scene.items if isinstance(item, Group) and item.key == "mean"]
        assert np.mean(mean.items[1].points, axis=0) == pytest.approx(plane.at(params, accuracy))
        assert f"{params:,.0f}" in scene.alt
        assert f"{accuracy:.4f}" in scene.alt


def test_whose_edge_it_is() -> None:
    a, b = MicroCell(("none",) * 6), MicroCell(("none",) * 3 + ("skip_connect",) * 3)
    child = MicroCell(("none", "none", "avg_pool_3x3", "none", "skip_connect", "skip_connect"))
    assert origins(child, [a, b]) == ("AB", "AB", "", "A", "B", "B")
    space, rng = CellSpace(), np.random.default_rng(0)
    mother, father = space.sample(rng), space.sample(rng)
    found = origins(swap_cells(space, mother, father, rng), [mother, father])
    assert all("A" in whose for whose in found[:8])
    assert all("B" in whose for whose in found[8:])
    with pytest.raises(CourseError, match="a MicroCell or a Genotype"):
        genes("cell")


def test_a_new_edge_is_marked_by_halo_and_star_in_picture_and_table() -> None:
    parent = MicroCell(("nor_conv_3x3",) * 6)
    for edge in range(6):
        child = MicroCell((*parent.ops[:edge], "skip_connect", *parent.ops[edge + 1 :]))
        scene = kinship_scene(("trial 5", child), [("trial 2", parent)])
        marked = [g.title for g in scene.items if isinstance(g, Group) and g.title.endswith("(changed)")]
        source, target, _ = list(child.edges())[edge]
        assert marked == [f"{source} → {target}: skip_connect (changed)"]
        assert [t for t in scene.texts() if t in ("A", "new")] == ["A"] * edge + ["new"] + ["A"] * (5 - edge)
        assert scene.alt.endswith(f"New in the child: {source}→{target} skip.")


def test_of_a_genotype_the_cell_with_something_new_is_shown() -> None:
    space, rng = CellSpace(), np.random.default_rng(1)
    parent = space.sample(rng)
    seen = set()
    for _ in range(12):
        child = space.mutate(parent, rng)
        texts = " ".join(kinship_scene(("trial 1", child), [("trial 0", parent)]).texts())
        changed = "normal" if child.normal != parent.normal else "reduce"
        assert f"child · trial 1 · {changed} cell" in texts
        assert ("reduce" if changed == "normal" else "normal") not in texts
        seen.add(changed)
    assert seen == {"normal", "reduce"}
    assert "Nothing in it is new" in kinship_scene(("trial 1", parent), [("trial 0", parent)]).alt


def test_a_family_tree_holds_the_ancestors_and_a_line_for_each_parent(evolved) -> None:
    history, _ = evolved
    number = history.best.trial.number

    def reach(one: int, back: int) -> set[int]:
        older = [reach(parent, back - 1) for parent in history[one].trial.parents] if back else []
        return {one}.union(*older)

    for depth in range(4):
        family = ancestors(history, number, depth)
        assert set(family) == reach(number, depth)
        scene = family_tree_scene(history, number, depth)
        members = groups(scene, "trial-")
        assert set(members) == {f"trial-{one}" for one in family}
        lines = [item for item in scene.items if isinstance(item, Line)]
        assert len(lines) == sum(len(parents) for parents in family.values())
        heights = {int(key[6:]): group.items[0].y for key, group in members.items()}
        for child, parents in family.items():
            assert all(heights[parent] < heights[child] for parent in parents)
        spans = [(g.items[0].y, min(i.x for i in g.items if hasattr(i, "width"))) for g in members.values()]
        assert len(set(spans)) == len(spans)
    deepest = max(back for back in range(1, 60) if reach(number, back) > reach(number, back - 1))
    assert "founder" in family_tree_scene(history, number, deepest).alt
    assert "left out" in family_tree_scene(history, number, 1).alt


def test_every_control_changes_the_picture_and_the_text(evolved, aged) -> None:
    for history, generations in (evolved, aged):
        for explorer, change in (
            (GenerationExplorer(history, generations), {"generation": 3}),
            (DriftExplorer(history, generations), {"generation": 3}),
            (KinshipExplorer(history, child=20), {"child": 5}),
            (FamilyTreeExplorer(history), {"depth": 1}),
            (FamilyTreeExplorer(history), {"trial": 30}),
        ):
            before = explorer.picture.value, explorer.sentence.value
            explorer.set(**change)
            assert explorer.picture.value == explorer.scene.svg() != before[0]
            assert explorer.sentence.value == explorer.scene.alt != before[1]


def test_explorers_start_where_they_are_told_and_refuse_an_empty_history(evolved) -> None:
    history, _ = evolved
    assert KinshipExplorer(history, child=20).scene.alt.startswith("trial 20,")
    assert f"trial {history.best.trial.number}," in FamilyTreeExplorer(history).scene.alt
    with pytest.raises(CourseError, match="no generation"):
        GenerationExplorer(history, [])
    with pytest.raises(CourseError, match="without a child"):
        KinshipExplorer(History(history.rows[:6]))
