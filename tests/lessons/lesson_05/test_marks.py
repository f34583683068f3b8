"""What is new in a child is marked in every picture and nothing else is; and where markers, lines and arrows are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from nascourse.lessons.lesson_05.analysis import populations
from nascourse.lessons.lesson_05.family import ancestors, family_tree_scene
from nascourse.lessons.lesson_05.flow import evolution_scene
from nascourse.lessons.lesson_05.kinship import kinship_scene
from nascourse.lessons.lesson_05.population import generation_scene
from nascourse.search.evolution.evolution import Evolution, Generation, classical_ga, regularized_evolution
from nascourse.search.evolution.selection import Uniform
from nascourse.search.evolution.update import DropOldest
from nascourse.search.evolution.variation import half_of_each
from nascourse.search.history import History
from nascourse.search.loop import search
from nascourse.spaces.base import Result, Trial
from nascourse.spaces.cell import CellSpace, Genotype
from nascourse.spaces.micro import MicroSpace
from nascourse.spaces.published import NASNET_A
from nascourse.viz.items import Box, Circle, Group, Item, Line, Point, Polygon, Text, flat
from nascourse.viz.palette import FAINT, MARK, operation_style
from nascourse.viz.scene import Scene
from tests.viz.test_dag import groups

Recorded = tuple[History[Any], tuple[Generation, ...]]
Edge = tuple[str, int, int, str]


def steady(trial: Trial[Any]) -> Result:
    """Falls apart now and then, and far below the others once."""
    if trial.number % 13 == 7:
        return Result(math.nan)
    return Result(0.1 if trial.number == 5 else 0.8 + math.sin(trial.number) / 20)


def recorded(strategy: Evolution[Any], budget: int) -> Recorded:
    with pytest.warns(UserWarning, match="evaluations failed"):
        return search(strategy, steady, budget, seed=4), tuple(strategy.generations)


@pytest.fixture(scope="module")
def micro() -> Recorded:
    return recorded(classical_ga(MicroSpace(), size=6), 48)


@pytest.fixture(scope="module")
def cells() -> Recorded:
    steps: dict[str, Any] = {"selection": Uniform(), "crossover": half_of_each, "update": DropOldest()}
    return recorded(Evolution(CellSpace(), 6, **steps, mutation_rate=0.7), 40)


@pytest.fixture(scope="module")
def aged() -> Recorded:
    return recorded(regularized_evolution(MicroSpace(), size=6, sample=3), 24)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Recorded:
    return request.getfixturevalue(request.param)


def edges(arch: Any) -> list[Edge]:
    """Every edge with the name of its cell, in the order of the pictures."""
    parts = {"normal": arch.normal, "reduce": arch.reduce} if isinstance(arch, Genotype) else {"": arch}
    return [(name, *edge) for name, cell in parts.items() for edge in cell.edges()]


def new_edges(arch: Any, parents: Sequence[Any]) -> list[Edge]:
    return [edge for edge in edges(arch) if not any(edge in edges(parent) for parent in parents)]


def centre(item: Item) -> Point:
    match item:
        case Circle(x, y):
            return x, y
        case Box(x, y, width, height):
            return x + width / 2, y + height / 2
        case Polygon(points) | Line(points):
            return float(np.mean([x for x, _ in points])), float(np.mean([y for _, y in points]))
        case _:
            raise AssertionError(item)


# -- what is new ------------------------------------------------------------------------------------------------------


def marked(items: Sequence[Item], tiles: Sequence[Box]) -> list[bool]:
    """Which of the tiles have a halo. The shape says the same as the colour: these alone have square corners and a star
    on one of them; no halo and no star is anywhere else."""
    halos = [item for item in items if isinstance(item, Box) and item.fill == MARK]
    stars = [item for item in items if isinstance(item, Polygon) and item.fill == MARK]
    assert all(len(star.points) == 10 for star in stars)
    new = [any(centre(halo) == pytest.approx(centre(tile)) for halo in halos) for tile in tiles]
    assert new == [any(centre(s) == pytest.approx((t.x + t.width, t.y), abs=1) for s in stars) for t in tiles]
    assert new == [tile.radius == 0 for tile in tiles]
    assert len(halos) == len(stars) == sum(new)
    return new


def table_tiles(items: Sequence[Item]) -> Iterator[tuple[Box, str]]:
    """The tiles of the gene tables, row by row, and what is written in each."""
    in_table = False
    for place, item in enumerate(items):
        if isinstance(item, Text):
            in_table = item.text != "from" and (in_table or item.text == "parent A")
        elif in_table and isinstance(item, Box) and item.fill != MARK:
            yield item, next(other.text for other in items[place:] if isinstance(other, Text))


@pytest.mark.parametrize("run", ["micro", "cells"], indirect=True)
def test_table_and_drawing_mark_the_edges_that_no_parent_has_and_no_others(run: Recorded) -> None:
    history, _ = run
    seen = set()
    for trial in (row.trial for row in history if row.trial.parents):
        parents = [history[parent].trial.arch for parent in trial.parents]
        new = new_edges(trial.arch, parents)
        scene = kinship_scene(("child", trial.arch), [("parent", parent) for parent in parents])
        shown = {name for name, *_ in new} or {name for name, *_ in edges(trial.arch)}
        expected = [
            (operation_style(edge[3]).label, arch is trial.arch and edge in new)
            for name in sorted(shown)
            for arch in (*parents, trial.arch)
            for edge in edges(arch)
            if edge[0] == name
        ]
        outside = [item for item in scene.items if not isinstance(item, Group)]
        tiles, labels = zip(*table_tiles(outside), strict=True)
        assert list(zip(labels, marked(outside, tiles), strict=True)) == expected
        drawn = [g for g in scene.items if isinstance(g, Group) and g.key.startswith("edge-") and ": " in g.title]
        assert [(label_of(edge), has_marks(edge)) for edge in drawn] == expected
        seen.add((len(parents), bool(new), len(shown)))
    assert {(2, True, 1), (2, False, len({name for name, *_ in edges(history[0].trial.arch)}))} <= seen


def test_an_edge_that_is_there_twice_has_two_columns() -> None:
    scene = kinship_scene(("child", NASNET_A), [("parent", NASNET_A)])  # which sums two skips of one node
    tiles = [tile for tile, _ in table_tiles([item for item in scene.items if not isinstance(item, Group)])]
    assert len(tiles) == 2 * len(edges(NASNET_A)) > 2 * len(set(edges(NASNET_A)))


def label_of(edge: Group) -> str:
    return next(item.text for item in edge.items if isinstance(item, Text))


def has_marks(edge: Group) -> bool:
    """Whether there is a halo under its line; then there are a star, square corners and a word as well."""
    lines = [item for item in edge.items if isinstance(item, Line)]
    (label,) = [item for item in edge.items if isinstance(item, Box)]
    stars = [item for item in edge.items if isinstance(item, Polygon) and item.fill == MARK]
    halo = lines[0].stroke == MARK
    assert len(lines) == 1 + halo
    assert lines[0].points == lines[-1].points
    assert halo == edge.title.endswith("(changed)") == (label.radius < 5)
    assert [len(star.points) for star in stars] == [10] * halo
    return halo


def generations_back(history: History[Any], number: int) -> int:
    return max((1 + generations_back(history, parent) for parent in history[number].trial.parents), default=0)


@pytest.mark.parametrize("run", ["micro", "cells"], indirect=True)
def test_the_family_tree_marks_what_no_parent_has_and_no_others(run: Recorded) -> None:
    history, _ = run
    number = max(range(len(history)), key=lambda one: generations_back(history, one))
    for depth in (1, 2, generations_back(history, number)):
        family = ancestors(history, number, depth)
        members = groups(family_tree_scene(history, number, depth), "trial-")
        for one, parents in family.items():
            items, arch = members[f"trial-{one}"].items, history[one].trial.arch
            tiles = [item for item in items if isinstance(item, Box) and item.fill != MARK]
            new = new_edges(arch, [history[parent].trial.arch for parent in parents]) if parents else []
            assert [tile.stroke for tile in tiles] == [operation_style(edge[3]).color for edge in edges(arch)]
            assert marked(items, tiles) == [edge in new for edge in edges(arch)]


# -- generations ------------------------------------------------------------------------------------------------------


def places(scene: Scene, history: History[Any]) -> Callable[[int], Point]:
    """Where the numbers at the axes say that a trial is; on the lower edge what is below it or has failed."""
    frame = next(item for item in scene.items if isinstance(item, Box))
    bottom = frame.y + frame.height
    texts = [item for item in scene.items if isinstance(item, Text) and item.size == 11]
    below = [(float(text.text.replace("−", "-")), text.x) for text in texts if text.y > bottom]
    beside = [(float(text.text), text.y) for text in texts if text.x < frame.x and text.y < bottom]
    (x_slope, x), (y_slope, y) = (np.polyfit([v for v, _ in n], [at for _, at in n], 1) for n in (below, beside))

    def place(number: int) -> Point:
        accuracy = history[number].result.accuracy
        return x + x_slope * number, bottom if math.isnan(accuracy) else min(y + y_slope * accuracy, bottom)

    return place


@pytest.mark.parametrize("run", ["micro", "cells", "aged"], indirect=True)
def test_in_a_generation_number_and_accuracy_say_where_and_lines_lead_to_the_parents(run: Recorded) -> None:
    history, generations = run
    for step, generation in enumerate(generations):
        scene = generation_scene(history, generations, step)
        place, drawn = places(scene, history), groups(scene, "trial-")
        alive = list(populations(generations))[step]
        assert {f"trial-{n}" for n in (*alive, *generation.born, *generation.dropped)} <= set(drawn)
        for key, group in drawn.items():
            for item in group.items:
                assert centre(item) == pytest.approx(place(int(key.removeprefix("trial-"))), abs=0.1)
        dashed = [item for item in scene.items if isinstance(item, Line) and item.dash]
        pairs = [(parent, child) for child in generation.born for parent in history[child].trial.parents]
        assert len(dashed) == len(pairs)
        for line, ends in zip(dashed, pairs, strict=True):
            assert np.array(line.points) == pytest.approx(np.array([place(end) for end in ends]), abs=0.1)
        faint = [item for item in scene.items if isinstance(item, Circle) and item.fill == FAINT]
        assert len(faint) == max(generation.born) + 1
        for number, dot in enumerate(faint):
            assert centre(dot) == pytest.approx(place(number), abs=0.1)


# -- the flow ---------------------------------------------------------------------------------------------------------


def beyond(shape: Box | Polygon, point: Point) -> float:
    """How far a point is outside of a card or a diamond, in pixels along an axis; negative: inside."""
    across, down = (abs(a - b) for a, b in zip(point, centre(shape), strict=True))
    if isinstance(shape, Box):
        return max(across - shape.width / 2, down - shape.height / 2)
    half_width, half_height = np.ptp(np.array(shape.points), axis=0) / 2
    return (across / half_width + down / half_height - 1) * min(half_width, half_height)


def test_every_arrow_of_the_flow_leads_from_its_card_to_the_next_and_back_to_the_question() -> None:
    scene = evolution_scene()
    items = list(flat(scene.items))
    shapes = [item for item in items if isinstance(item, Box | Polygon)]
    heads = [item for item in items if isinstance(item, Text) and item.bold]
    names = {head.text.split(" · ")[-1]: min(shapes, key=lambda s: beyond(s, (head.x, head.y))) for head in heads}
    assert len(set(map(id, names.values()))) == len(shapes) == len(heads) == 7

    def touched(point: Point) -> str:
        (name,) = [name for name, shape in names.items() if abs(beyond(shape, point)) < 1.5]
        return name

    arrows = [item for item in items if isinstance(item, Line) and item.arrow]
    assert sorted((touched(arrow.points[0]), touched(arrow.points[-1])) for arrow in arrows) == sorted(
        [
            ("initialization", "stop?"),
            ("stop?", "best architecture"),
            ("stop?", "selection"),
            ("selection", "crossover"),
            ("crossover", "mutation"),
            ("mutation", "update"),
            ("update", "stop?"),
        ]
    )
    for word, ends in (("yes", "best architecture"), ("no", "selection"), ("next generation", "stop?")):
        (text,) = [item for item in items if isinstance(item, Text) and item.text == word]
        nearest = min(arrows, key=lambda arrow: distance((text.x, text.y), arrow))
        assert touched(nearest.points[-1]) == ends
    for arrow in arrows:  # between its ends it runs through no card
        for point in along(arrow)[8:-8]:
            assert all(beyond(shape, point) > 0 for shape in shapes)


def along(line: Line) -> list[Point]:
    """Points on it, 400 on each straight piece."""
    pieces = zip(line.points, line.points[1:], strict=False)
    return [tuple(point) for start, end in pieces for point in np.linspace(start, end, 400)]


def distance(point: Point, line: Line) -> float:
    return min(math.dist(point, other) for other in along(line))
