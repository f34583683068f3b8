import io
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text as TextArtist
from PIL import Image

from nascourse.lessons.lesson_01.pipeline import pipeline_scene
from nascourse.spaces.micro import MicroCell
from nascourse.viz.cells import cell_scene
from nascourse.viz.compose import above, beside
from nascourse.viz.items import Box, Circle, Group, Line, Polygon, Text, arrow_head, marker, text_width
from nascourse.viz.raster import items_figure
from nascourse.viz.scene import Scene

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "a < b & \"c\" 'd' </svg> $x_1$ é→"
CELL = MicroCell(("nor_conv_3x3", "skip_connect", "none", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"))
EVERYTHING = Scene(
    200,
    120,
    (
        Box(10, 10, 60, 30, "#FF0000", "#000000", 2, (4, 2), 5),
        Circle(120, 30, 15, "#00FF00"),
        Polygon(((150, 10), (190, 10), (170, 40)), "#0000FF"),
        Line(((10, 60), (190, 60)), arrow=True, opacity=0.5),
        Line(((10, 70), (60, 110), (140, 110), (190, 70)), curved=True, dash=(3, 3)),
        Group((Text(100, 90, NASTY, 10, turn=10), marker("*", 20, 100, 12, "#123456")), key='k"<', title="t<&"),
    ),
    alt=NASTY,
)
SCENES = [EVERYTHING, cell_scene(CELL, [0], "a title"), pipeline_scene()]


def svg_texts(scene):
    return [element.text for element in ET.fromstring(scene.svg()).iter(f"{SVG}text")]


@pytest.mark.parametrize("scene", SCENES)
def test_svg_is_xml_and_png_draws_the_same_texts_at_the_same_places(scene):
    root = ET.fromstring(scene.svg())
    assert root.get("aria-label") == scene.alt
    drawn = [
        artist
        for artist in items_figure(scene.items, scene.width, scene.height).artists
        if isinstance(artist, TextArtist)
    ]
    in_svg = list(root.iter(f"{SVG}text"))
    assert [a.get_text() for a in drawn] == [e.text for e in in_svg] == list(scene.texts())
    for artist, element in zip(drawn, in_svg, strict=True):
        assert artist.get_fontsize() == float(element.get("font-size"))
        if not element.get("transform"):
            assert artist.get_position() == pytest.approx((float(element.get("x")), float(element.get("y"))), abs=0.01)


def test_markup_in_texts_keys_and_titles_is_escaped():
    root = ET.fromstring(EVERYTHING.svg())
    group = next(root.iter(f"{SVG}g"))
    assert svg_texts(EVERYTHING) == [NASTY]
    assert (group.get("data-key"), group[0].text) == ('k"<', "t<&")


def test_png_is_the_same_bytes_whatever_the_reader_has_set():
    first = EVERYTHING.png()
    with matplotlib.rc_context(
        {"font.size": 30, "lines.scale_dashes": True, "savefig.pad_inches": 3, "figure.dpi": 33}
    ):
        assert EVERYTHING.png() == first


def test_png_has_the_colours_where_the_scene_says():
    pixels = np.asarray(Image.open(io.BytesIO(EVERYTHING.png(scale=2))).convert("RGB"))
    assert pixels.shape == (240, 400, 3)
    assert pixels[50, 80].tolist() == [255, 0, 0]
    assert pixels[60, 240].tolist() == [0, 255, 0]
    assert pixels[40, 340].tolist() == [0, 0, 255]
    assert pixels[200, 380].tolist() == [255, 255, 255]


def test_a_small_mark_keeps_its_colour_among_many_others():
    shades = [Box(10 * k, 10, 10, 60, f"#{k * 2:02X}{255 - k:02X}{k:02X}") for k in range(100)]
    mark = Box(500, 80, 6, 6, "#F0E442")
    scene = Scene(1000, 100, (*shades, Line(((0, 75), (1000, 99)), "#1A1A1A", 3), mark), "shades")
    pixels = np.asarray(Image.open(io.BytesIO(scene.png(scale=1))).convert("RGB")).astype(int)
    assert np.abs(pixels[83, 503] - (0xF0, 0xE4, 0x42)).max() <= 16
    for k in range(100):
        assert np.abs(pixels[40, 10 * k + 5] - (k * 2, 255 - k, k)).max() <= 16
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 128


def test_arrow_head_points_along_the_line_and_ends_at_its_end():
    line = Line(((0, 0), (30, 40)), line=2, arrow=True)
    shaft, head = arrow_head(line)
    tip, left, right = (np.array(p) for p in head.points)
    assert tip.tolist() == [30, 40]
    assert np.dot((left + right) / 2 - tip, (30, 40)) < 0
    assert np.dot(left - right, (30, 40)) == pytest.approx(0)
    assert np.linalg.norm(shaft.points[-1]) < 50  # the line stops inside the head


def test_text_width_is_what_agg_measures():
    scene = Scene(100, 50, (Text(50, 25, "conv 3×3", 12),), "x")
    figure = items_figure(scene.items, scene.width, scene.height)
    (artist,) = (a for a in figure.artists if isinstance(a, TextArtist))
    assert text_width("conv 3×3", 12) == pytest.approx(artist.get_window_extent().width, abs=1.5)


def test_scenes_beside_and_above_each_other_keep_all_they_show():
    a, b = Scene(10, 20, (Text(5, 5, "a"),), "a"), Scene(30, 8, (Group((Text(1, 2, "b"),)),), "b")
    wide, tall = beside(a, b, alt="both"), above(a, b, alt="both")
    assert (wide.width, wide.height, tall.width, tall.height) == (40, 20, 30, 28)
    assert wide.texts() == tall.texts() == ("a", "b")
    assert (wide.items[1].items[0].x, wide.items[1].items[0].y) == (11, 8)
    assert (tall.items[1].items[0].x, tall.items[1].items[0].y) == (1, 22)
