import base64
from collections import Counter

import pytest

from nascourse.errors import CourseError
from nascourse.lessons.lesson_03.editor import CellEditor, changed_edges, editor_scene, step_input, step_operation
from nascourse.networks.build import measure
from nascourse.spaces.cell import CELL_OPS, Cell, CellSpace, Genotype
from nascourse.spaces.micro import MICRO_OPS, MicroCell
from nascourse.spaces.published import DARTS_V2, NASNET_A
from nascourse.viz.items import Group

MICRO = MicroCell(("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3"))
TINY = {"channels": 4, "cells": (1, 1)}
TINY_CELLS = {"channels": 4, "cells": 3}


def ask(editor, **content):
    """What the browser sends."""
    editor._handle_custom_msg(content, [])


@pytest.fixture
def micro():
    return CellEditor(MICRO, TINY)


@pytest.fixture
def genotype():
    return CellEditor(DARTS_V2, TINY_CELLS)


@pytest.mark.parametrize("edge", range(6))
def test_an_edge_of_a_micro_cell_goes_through_every_operation_and_comes_back(edge):
    cell, seen = MICRO, []
    for _ in MICRO_OPS:
        cell, place = step_operation(cell, "cell", edge)
        assert place == edge
        assert [k for k in range(6) if cell.ops[k] != MICRO.ops[k]] in ([edge], [])
        seen.append(cell.ops[edge])
    assert cell == MICRO
    assert sorted(seen) == sorted(MICRO_OPS)
    assert step_operation(step_operation(MICRO, "cell", edge)[0], "cell", edge, -1)[0] == MICRO


@pytest.mark.parametrize("cell", [DARTS_V2.normal, DARTS_V2.reduce, NASNET_A.normal, NASNET_A.reduce])
def test_an_edge_of_a_genotype_goes_through_the_seven_operations_wherever_it_is_sorted_to(cell):
    for start in range(2 * len(cell.nodes)):
        edge, arch, seen = start, Genotype(DARTS_V2.normal, cell), []
        source, target, _ = list(cell.edges())[start]
        for _ in CELL_OPS:
            arch, edge = step_operation(arch, "reduce", edge)
            assert arch.normal == DARTS_V2.normal
            now = list(arch.reduce.edges())
            assert now[edge][:2] == (source, target)
            seen.append(now[edge][2])
            assert (Counter(now) - Counter(cell.edges())).total() <= 1
        assert sorted(seen) == sorted(CELL_OPS)
        assert arch.reduce == cell or list(cell.edges())[start][2] not in CELL_OPS


def test_an_operation_outside_the_seven_leads_into_them_either_way():
    cell = Cell(((("sep_conv_7x7", 0), ("skip_connect", 1)),), (2,))
    for by, expected in ((1, CELL_OPS[0]), (-1, CELL_OPS[-1])):
        changed, _ = step_operation(Genotype(cell, cell), "normal", 0, by)
        assert changed.normal.pairs() == ((expected, 0), ("skip_connect", 1))


def test_rewiring_reaches_exactly_the_nodes_that_the_space_allows():
    space = CellSpace()
    for start in range(2, 8):
        source, target, op = list(DARTS_V2.normal.edges())[start]
        other = {s for k, (s, t, _) in enumerate(DARTS_V2.normal.edges()) if t == target and k != start}
        arch, edge, seen = DARTS_V2, start, set()
        for _ in range(target - 1):
            arch, edge = step_input(arch, "normal", edge)
            assert list(arch.normal.edges())[edge][1:] == (target, op)
            space.encode(arch)  # refuses what is not in the space
            seen.add(list(arch.normal.edges())[edge][0])
        assert seen == set(range(target)) - other
        assert arch == DARTS_V2
        there, place = step_input(arch, "normal", start)
        back, place = step_input(there, "normal", place, -1)
        assert (back, list(back.normal.edges())[place]) == (arch, (source, target, op))


def test_what_cannot_be_edited_is_refused_in_a_line():
    with pytest.raises(CourseError, match="wiring is fixed"):
        step_input(MICRO, "cell", 0)
    with pytest.raises(CourseError, match="wiring is fixed"):
        MICRO.with_edge("cell", 3, source=1)
    with pytest.raises(CourseError, match="node 2, which reads 1 and 0'"):
        step_input(DARTS_V2, "normal", 0)
    with pytest.raises(CourseError, match=r"0\.\.5"):
        step_operation(MICRO, "cell", 6)
    with pytest.raises(CourseError, match="a cell out of normal, reduce"):
        step_operation(DARTS_V2, "cell", 0)
    with pytest.raises(CourseError, match="MicroCell or a Genotype"):
        CellEditor("|op~0|")
    with pytest.raises(CourseError, match="MicroCell or a Genotype"):
        CellEditor(DARTS_V2.normal)


def test_what_has_changed_is_found_in_spite_of_the_order_of_a_nodes_edges():
    arch, edge = step_input(DARTS_V2, "normal", 2)  # node 3 reads 0 and 1; its first edge now reads 2, comes second
    assert edge == 3
    assert changed_edges(DARTS_V2, arch) == {"normal": (3,), "reduce": ()}


def test_numbers_picture_labels_and_sentence_follow_an_edit(micro):
    before = measure(MICRO, **TINY)
    assert f"{before.params:,} parameters" in micro.sentence
    pictures = [micro.picture]
    micro.step(2)
    assert micro.arch == MicroCell((*MICRO.ops[:2], "skip_connect", *MICRO.ops[3:]))
    after = measure(micro.arch, **TINY)
    assert micro.measures == after
    assert micro.edges["edge-2"] == "edge from node 1 to node 2: skip"
    assert micro.sentence.startswith("Edge from node 1 to node 2: skip. ")
    assert f"{after.paths:,} (+{after.paths - before.paths}) paths" in micro.sentence
    for value in (after.params, after.macs, after.receptive_field, after.paths):
        assert f"{value:,}" in micro.scene.texts()
    pictures.append(micro.picture)
    micro.arch = MICRO
    pictures.append(micro.picture)
    assert len(set(pictures)) == 3  # at the end the changed edge is marked
    assert micro.moved == []


def test_every_label_belongs_to_a_group_of_the_picture_that_says_the_same(genotype):
    def titles(items):
        for item in items:
            if isinstance(item, Group):
                yield item.key, item.title

    for part in ("normal", "reduce"):
        genotype.part = part
        groups = dict(titles(genotype.scene.items))
        cell = getattr(genotype.arch, part)
        assert list(genotype.edges) == [f"edge-{k}" for k in range(8)]
        for (key, label), (source, target, op) in zip(genotype.edges.items(), cell.edges(), strict=True):
            assert groups[key].startswith(f"{source} → {target}: {op}")
            assert label.split(":")[0].endswith(f"to node {target}")


def test_the_edge_that_is_sorted_elsewhere_is_named_to_the_browser(genotype):
    genotype.rewire(2)
    assert genotype.moved == ["edge-2", "edge-3"]
    genotype.step(0)
    assert genotype.moved == ["edge-0", "edge-0"]
    genotype.undo()
    assert genotype.moved == []


def test_undo_takes_back_every_change_in_turn_and_reset_is_one_of_them(genotype):
    seen = [genotype.arch]
    genotype.step(0)
    seen.append(genotype.arch)
    genotype.part = "reduce"
    genotype.rewire(7)
    seen.append(genotype.arch)
    genotype.arch = NASNET_A
    seen.append(genotype.arch)
    genotype.reset()
    assert genotype.arch == DARTS_V2
    for expected in reversed(seen):
        assert genotype.can_undo
        genotype.undo()
        assert genotype.arch == expected
    assert not genotype.can_undo
    genotype.undo()
    assert genotype.arch == DARTS_V2


def test_whoever_watches_the_architecture_sees_the_edits_of_the_browser(micro):
    seen = []
    micro.observe(lambda change: seen.append(change["new"]), "arch")
    ask(micro, do="step", part="cell", edge=0, by=-1)
    ask(micro, do="undo")
    assert seen == [step_operation(MICRO, "cell", 0, -1)[0], MICRO]
    assert micro.answered == 2


def test_the_browsers_act_is_on_the_cell_that_was_on_its_screen(genotype):
    genotype.part = "reduce"
    ask(genotype, do="step", part="normal", edge=0, by=1)
    assert genotype.arch.reduce == DARTS_V2.reduce
    assert genotype.arch == step_operation(DARTS_V2, "normal", 0)[0]
    ask(genotype, do="show", part="reduce")
    assert genotype.part == "reduce"
    assert "reduction cell" in genotype.sentence


def test_each_place_of_the_network_leads_to_the_cell_that_sits_there(micro, genotype):
    assert genotype.doors == {"place-1": "normal", "place-2": "reduce", "place-3": "reduce"}
    assert "The normal cell (N) sits at 1 of 3 places in the network." in genotype.scene.texts()
    ask(genotype, do="show", part="reduce")
    assert "The reduction cell (R) sits at 2 of 3 places in the network." in genotype.scene.texts()
    assert micro.doors == {}
    assert "The micro cell (C) sits at 2 of 2 places in the network." in micro.scene.texts()


def test_a_refused_act_is_shown_and_changes_nothing(genotype):
    ask(genotype, do="rewire", part="normal", edge=0, by=1)
    assert "rewire a later node" in genotype.error
    assert genotype.arch == DARTS_V2
    ask(genotype, do="step", part="normal", edge=0, by=1)
    assert genotype.error == ""
    ask(genotype, do="dance")
    assert "dance" in genotype.error


def test_an_error_in_an_edit_is_shown_and_raised_and_the_cell_stays(micro, monkeypatch):
    def broken(arch):
        raise ZeroDivisionError("no such network")

    monkeypatch.setattr(micro, "_measure", broken)
    picture = micro.picture
    with pytest.raises(ZeroDivisionError):
        micro._act(micro, {"do": "step", "part": "cell", "edge": 0, "by": 1}, [])
    assert micro.error == "ZeroDivisionError: no such network"
    assert (micro.arch, micro.picture, micro.can_undo) == (MICRO, picture, False)


def test_bad_settings_from_python_are_refused_and_the_editor_stays_as_it_was(micro, genotype):
    with pytest.raises(CourseError, match="a MicroCell, as at the start"):
        micro.arch = DARTS_V2
    with pytest.raises(CourseError, match="normal, reduce"):
        genotype.part = "stem"
    assert (micro.arch, genotype.part) == (MICRO, "normal")
    with pytest.raises(TypeError, match="chanels"):
        CellEditor(MICRO, {"chanels": 4})


def test_without_a_kernel_a_stable_picture_of_all_cells_is_kept(genotype):
    data, metadata = genotype._repr_mimebundle_()
    again, _ = CellEditor(DARTS_V2, TINY_CELLS)._repr_mimebundle_()
    scene = editor_scene(DARTS_V2, measure(DARTS_V2, **TINY_CELLS))
    assert base64.b64decode(data["image/png"]) == scene.png() == base64.b64decode(again["image/png"])
    assert {"Normal cell", "Reduction cell"} <= set(scene.texts())
    assert "The network stacks 1 normal cell (N) and 2 reduction cells (R)." in scene.texts()
    assert metadata["image/png"]["alt"] == scene.alt
    assert data["text/plain"] == f"CellEditor: {scene.alt}"
    assert "application/vnd.jupyter.widget-view+json" in data
