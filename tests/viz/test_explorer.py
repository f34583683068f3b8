import subprocess
import sys
from types import SimpleNamespace

import pytest
from ipywidgets import IntSlider

from nascourse.errors import CourseError
from nascourse.lessons.lesson_01.micro_cell import MicroCellExplorer
from nascourse.spaces.micro import MICRO_OPS, MicroCell
from nascourse.viz.explorer import Explorer, player
from nascourse.viz.items import Text
from nascourse.viz.scene import Scene

START = MicroCell(("skip_connect",) * 6)


def fake_counts(cell):
    convolutions = sum(op.startswith("nor_conv") for op in cell.ops)
    return SimpleNamespace(params=1000 + convolutions, macs=2_000_000 + convolutions)


class Number(Explorer):
    def __init__(self):
        self.draws = 0
        super().__init__({"a": IntSlider(1), "b": IntSlider(2)})

    def render(self, state):
        self.draws += 1
        return Scene(100, 20, (Text(50, 10, str(10 // state["a"] + state["b"])),), f"the number for {dict(state)}")


@pytest.fixture
def explorer():
    return MicroCellExplorer(START, counts=fake_counts)


def test_each_control_changes_picture_and_sentence(explorer):
    for name, control in explorer.controls.items():
        for op in MICRO_OPS[1:][::-1]:
            if op == control.value:
                continue
            before = explorer.picture.value, explorer.sentence.value
            control.value = op
            assert explorer.picture.value != before[0], (name, op)
            assert explorer.sentence.value != before[1]
            assert explorer.picture.value == explorer.scene.svg()


def test_it_shows_the_cell_its_costs_and_what_is_dead(explorer):
    explorer.set(edge_0_1="nor_conv_3x3", edge_1_2="none", edge_1_3="none")
    texts = explorer.scene.texts()
    assert {"1,001", "2,000,001", "3 of 6", str(explorer.cell)} <= set(texts)
    assert "Dead: 0→1, 1→2, 1→3." in explorer.sentence.value


def test_counts_come_from_the_network_when_none_are_given():
    from nascourse.networks.build import count

    net = {"channels": 4, "image": (1, 28, 28), "in_channels": 1}
    explorer = MicroCellExplorer(START, **net)
    assert f"{count(START, **net).params:,}" in explorer.scene.texts()


def test_its_static_picture_and_text_are_stable(explorer):
    data, metadata = explorer._repr_mimebundle_()
    again, _ = MicroCellExplorer(START, counts=fake_counts)._repr_mimebundle_()
    assert data["image/png"] == again["image/png"]
    assert data["text/plain"] == again["text/plain"] == f"MicroCellExplorer: {explorer.scene.alt}"
    assert metadata["image/png"]["alt"] == explorer.scene.alt


def test_setting_several_controls_draws_once():
    explorer = Number()
    explorer.draws = 0
    explorer.set(a=5, b=7)
    assert explorer.draws == 1
    assert ">9<" in explorer.picture.value
    with pytest.raises(CourseError, match="'c'"):
        explorer.set(c=1)


def test_an_error_in_a_callback_is_raised_and_shown_instead_of_the_old_picture():
    explorer = Number()
    with pytest.raises(ZeroDivisionError):
        explorer.controls["a"].value = 0
    assert "ZeroDivisionError" in explorer.picture.value
    assert "<svg" not in explorer.picture.value
    explorer.controls["a"].value = 2
    assert "<svg" in explorer.picture.value


def test_the_state_cannot_be_written():
    with pytest.raises(TypeError):
        Number().state["a"] = 3


def test_a_player_covers_every_step():
    play, slider = player(500)
    assert (play.min, play.max, slider.min, slider.max) == (0, 499, 0, 499)


def test_the_base_does_not_load_torch():
    code = "import sys, nascourse.viz.explorer; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
