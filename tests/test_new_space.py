"""A space that the course does not know (`tests.new_space`, one short file) goes all the way, with no line changed
elsewhere: sampled, mutated, crossed, built, counted, trained, drawn, edited, searched, killed and resumed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tests.new_space
from nascourse.data import Images, SearchData
from nascourse.errors import CourseError
from nascourse.evaluation import Recipe, TrainFromScratch
from nascourse.lessons.lesson_03 import CellEditor, stack_scene
from nascourse.lessons.lesson_05 import change_operation, remove_skip, rewire_input
from nascourse.networks import build, count, from_json, measure, places, to_json
from nascourse.networks.registry import NETWORKS
from nascourse.runs.executors import process_pool
from nascourse.search import RandomSearch, Reinforce, regularized_evolution, search
from nascourse.search.base import Strategy
from nascourse.search.local import neighbours
from nascourse.search.reinforcement.policy_gradient import Learning
from nascourse.spaces import SPACES, Result, Trial
from nascourse.viz import cell_scene
from tests.children import Child
from tests.new_space import Tree, TreeNetwork, TreeSpace
from tests.viz.test_dag import check_picture, groups

SPACE = TreeSpace()
TREE = Tree(((0, "sep_conv_3x3"), (1, "skip_connect"), (1, "max_pool_3x3")))  # node 2 is read by nobody
BUDGET = 24

STRATEGIES: dict[str, Callable[[], Strategy[Tree]]] = {
    "random": lambda: RandomSearch(SPACE),
    "evolution": lambda: regularized_evolution(SPACE, size=4, sample=2),
    "REINFORCE": lambda: Reinforce(SPACE, Learning(batch=4)),
}


def convolutions(trial: Trial[Tree]) -> Result:
    """The share of convolutions, in closed form."""
    time.sleep(0.01)  # so that a kill finds it under way
    return Result(sum("conv" in op for _, op in trial.arch.nodes) / 3)


def evolved(journal: str) -> None:
    search(STRATEGIES["evolution"](), convolutions, BUDGET, seed=3, window=2, journal=journal)


@dataclass(frozen=True)
class Forgotten:
    """The evaluation in a process in which nobody signed up a network for trees."""

    evaluation: TrainFromScratch

    def describe(self) -> dict[str, Any]:
        return self.evaluation.describe()

    def __call__(self, trial: Trial[Tree]) -> Result:
        NETWORKS.pop(Tree, None)
        with pytest.raises(CourseError, match="sign its network up"):
            build(trial.arch)
        result = self.evaluation(trial)
        return replace(result, extra={**result.extra, "forgotten": Tree not in NETWORKS})


@pytest.fixture(scope="module")
def images() -> SearchData:
    pixels = torch.randint(256, (48, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    made = Images(pixels, torch.arange(48) % 3, (0.5,), (0.3,), ("a", "b", "c"))
    return SearchData(made[:32], made[32:])


def test_it_is_one_short_file() -> None:
    assert len(Path(tests.new_space.__file__).read_text().splitlines()) <= 60


def test_samples_are_uniform_and_every_tree_is_reached() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(SPACE.sample(rng) for _ in range(3000))
    assert len(drawn) == SPACE.size == 162
    assert all(SPACE.decode(SPACE.encode(tree)) == Tree.from_json(tree.to_json()) == tree for tree in drawn)
    assert SPACES["tree"] is TreeSpace


def test_a_mutant_differs_in_one_decision_and_a_child_has_half_of_its_nodes_from_each_parent() -> None:
    rng = np.random.default_rng(1)
    mutants = {SPACE.mutate(TREE, rng) for _ in range(600)}
    assert mutants == set(neighbours(SPACE, TREE))
    assert len(mutants) == 0 + 1 + 2 + 3 * 2
    other = Tree(((0, "skip_connect"), (0, "max_pool_3x3"), (2, "sep_conv_3x3")))
    children = {SPACE.crossover(TREE, other, rng) for _ in range(100)}
    assert len(children) == 3
    for child in children:
        whose = [(node == a, node == b) for node, a, b in zip(child.nodes, TREE.nodes, other.nodes, strict=True)]
        assert sorted(whose) == [(False, True), (True, False), (True, False)]


def test_mutations_by_name_know_its_edges() -> None:
    rng = np.random.default_rng(2)
    changed = {change_operation(SPACE, TREE, rng) for _ in range(100)}
    assert len(changed) == 3 * 2
    assert all([source for source, _ in tree.nodes] == [0, 1, 1] for tree in changed)
    rewired = {tuple(source for source, _ in rewire_input(SPACE, TREE, rng).nodes) for _ in range(100)}
    assert rewired == {(0, 0, 1), (0, 1, 0), (0, 1, 2)}
    assert {remove_skip(SPACE, TREE, rng).nodes[1][1] for _ in range(50)} == {"max_pool_3x3", "sep_conv_3x3"}


def test_it_is_built_counted_and_written_as_a_design() -> None:
    network = build(TREE, channels=6, in_channels=1, classes=3)
    assert isinstance(network, TreeNetwork)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert count(TREE, (1, 8, 8), channels=6, in_channels=1).params == sum(
        p.numel() for p in build(TREE, channels=6, in_channels=1).parameters()
    )
    assert len(network[1].ops) == 2  # what is dead is not built
    assert from_json(json.loads(json.dumps(to_json(TREE, channels=6)))) == (TREE, {"channels": 6})


def test_it_is_drawn_with_what_is_dead_in_it() -> None:
    scene = cell_scene(TREE, highlight=[2], title="a tree")
    check_picture(scene)
    assert scene.alt == ("Tree with edges 0→1 sep 3×3, 1→2 skip, 1→3 max 3×3. Dead: 1→2. Changed: 1→3.")
    assert {"root", "1", "2", "leaf"} <= set(scene.texts())
    stack = places(TREE, channels=4)
    assert [(place.part, place.channels) for place in stack] == [("stem", 4), ("tree", 4), ("head", 10)]
    assert stack_scene(stack, "tree").alt == "The tree (T) sits at 1 of 1 places in the network."


def test_it_is_edited_by_click_and_key_and_an_edit_is_undone() -> None:
    editor = CellEditor(TREE)
    assert f"{measure(TREE).params:,} parameters" in editor.sentence
    assert "receptive field" not in editor.sentence  # its network does not tell
    first = editor.picture
    editor._handle_custom_msg({"do": "step", "part": "tree", "edge": 1, "by": 1}, [])
    assert editor.arch == Tree((TREE.nodes[0], (1, "max_pool_3x3"), TREE.nodes[2]))
    assert editor.sentence.startswith("Edge from node 1 to node 2: max 3×3.")
    assert "edge-1" in groups(editor.scene, "edge-")
    editor._handle_custom_msg({"do": "rewire", "part": "tree", "edge": 2, "by": 1}, [])
    assert editor.arch.nodes[2] == (2, "max_pool_3x3")
    assert (editor.error, editor.can_undo, editor.picture != first) == ("", True, True)
    editor.undo()
    editor.undo()
    assert (editor.arch, editor.can_undo) == (TREE, False)


def test_it_is_trained(images: SearchData) -> None:
    evaluation = TrainFromScratch(images, Recipe(epochs=2, batch_size=8), {"in_channels": 1, "classes": 3})
    first, again = (evaluation(Trial(0, TREE, seed=5)) for _ in range(2))
    assert first == again
    assert len(first.extra["accuracies"]) == 2
    assert first.params == count(TREE, (1, 8, 8), in_channels=1, classes=3).params


@pytest.mark.usefixtures("quick_workers")
def test_a_worker_builds_it_with_what_the_evaluation_carries(images: SearchData) -> None:
    net = {"in_channels": 1, "classes": 3}
    carried = TrainFromScratch(images, Recipe(epochs=1, batch_size=8), net, build=TreeNetwork)
    assert carried.describe()["build"] == {"name": "tests.new_space.TreeNetwork"}
    here = search(RandomSearch(SPACE), carried, 2, window=2)
    there = search(RandomSearch(SPACE), Forgotten(carried), 2, window=2, executor=process_pool(1))
    assert [row.result.accuracy for row in there] == [row.result.accuracy for row in here]
    assert [row.result.extra["forgotten"] for row in there] == [True, True]
    assert Tree in NETWORKS


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies_search_it_and_resume_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    found = search(STRATEGIES[name](), convolutions, BUDGET, seed=3, journal=whole)
    assert found.best.result.accuracy >= 2 / 3
    lines = whole.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:10]) + lines[10][:20])
    with pytest.warns(UserWarning, match="cut short"):
        search(STRATEGIES[name](), convolutions, BUDGET, seed=3, journal=cut)
    assert cut.read_bytes() == whole.read_bytes()


def test_killed_and_resumed_it_ends_the_same(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    evolved(str(whole))
    child = Child.begin(evolved, str(killed))
    child.kill_when(lambda: killed.exists() and killed.read_bytes().count(b"\n") > 5)
    assert child.was_killed
    assert 5 < killed.read_bytes().count(b"\n") <= BUDGET
    evolved(str(killed))
    assert killed.read_bytes() == whole.read_bytes()
