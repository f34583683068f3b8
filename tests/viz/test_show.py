import base64
import importlib
import subprocess
import sys

import numpy as np
import pytest

from nascourse.errors import CourseError
from nascourse.viz.figures import accuracy_scatter, images_grid, search_curve, series_style
from nascourse.viz.items import Text
from nascourse.viz.scene import Scene
from nascourse.viz.show import show, write_png

SHOW = importlib.import_module("nascourse.viz.show")  # the room's face has the function under this name
SCENE = Scene(40, 20, (Text(20, 10, "hi"),), "a greeting")


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr(SHOW, "display", lambda data, metadata, raw: calls.append((data, metadata)))
    return calls


def test_a_figure_is_shown_as_png_with_its_sentence(shown):
    show(search_curve(np.ones((3, 5))), "a flat line")
    ((data, metadata),) = shown
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "a flat line"
    assert metadata["image/png"]["width"] == 640
    assert len(data["image/png"]) < 60_000


def test_a_scene_brings_its_own_sentence_and_a_figure_without_one_is_refused(shown):
    show(SCENE)
    assert shown[0][0]["text/plain"] == "a greeting"
    with pytest.raises(CourseError, match="pass it as alt"):
        show(search_curve(np.ones((1, 2))))


def test_a_pyplot_figure_is_closed(shown):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, _ = plt.subplots()
    assert plt.fignum_exists(figure.number)
    show(figure, "an empty chart")
    assert not plt.fignum_exists(figure.number)


def test_a_picture_is_written_whole_or_not_at_all(tmp_path):
    write_png(SCENE, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == SCENE.png()
    with pytest.raises(CourseError, match=r"b\.png"):
        write_png(SCENE, tmp_path / "missing" / "b.png")
    assert [p.name for p in tmp_path.rglob("*")] == ["a.png"]


def test_search_curve_leaves_out_runs_without_a_success_yet():
    runs = np.array([[np.nan, np.nan, 3.0], [np.nan, 1.0, 2.0], [np.nan, 4.0, 7.0]])
    axes = search_curve({"a": runs}).axes[0]
    assert axes.lines[0].get_ydata().tolist()[1:] == [2.5, 3.0]
    assert np.isnan(axes.lines[0].get_ydata()[0])


def test_search_curve_draws_the_median_and_the_quartiles():
    runs = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [10.0, 10.0]])
    axes = search_curve({"a": runs}, optimum=10).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [2, 3]
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 4)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "best there is"]


def test_groups_of_a_scatter_differ_in_shape():
    axes = accuracy_scatter({"a": ([1, 2], [0.5, 0.6]), "b": ([3], [0.7])}).axes[0]
    shapes = [c.get_paths()[0].vertices.shape for c in axes.collections]
    assert shapes[0] != shapes[1]
    assert axes.collections[1].get_offsets().tolist() == [[3, 0.7]]


def test_images_are_shown_as_given_each_with_its_label():
    images = np.arange(3 * 4).reshape(3, 2, 2) / 11
    axes = images_grid(images, ["a", "b", "c"], columns=2).axes
    assert [a.get_title() for a in axes] == ["a", "b", "c", ""]
    assert axes[2].images[0].get_array().tolist() == images[2].tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: search_curve(np.ones(4)),
        lambda: images_grid(np.ones((2, 3, 3)), ["one"]),
        lambda: series_style(99),
    ],
)
def test_wrong_shapes_are_refused_in_a_line(wrong):
    with pytest.raises(CourseError) as refused:
        wrong()
    assert "\n" not in str(refused.value)


def test_drawing_does_not_load_pyplot():
    code = (
        "import sys, nascourse.lessons.lesson_01.pipeline as pipeline, nascourse.viz.show\n"
        "pipeline.pipeline_scene().png()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
