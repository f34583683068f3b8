"""Scenes and Matplotlib figures as PNG: no pyplot, no trace of the reader's own Matplotlib settings in a scene."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle as CirclePatch
from matplotlib.patches import FancyBboxPatch, Patch, PathPatch, Rectangle
from matplotlib.patches import Polygon as PolygonPatch
from matplotlib.path import Path
from matplotlib.text import Text as TextArtist
from matplotlib.transforms import Affine2D
from PIL import Image

from .scene import CAP_HEIGHT, Box, Circle, Group, Item, Line, Polygon, Scene, Text, arrow_head, flat

_ALIGN = {"start": "left", "middle": "center", "end": "right"}


@contextmanager
def plain_settings() -> Iterator[None]:
    """Matplotlib's defaults, whatever the reader has set; dashes in pixels."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"lines.scale_dashes": False, "text.hinting": "none", "text.usetex": False})
        yield


def scene_figure(scene: Scene) -> Figure:
    """The scene as a Matplotlib figure, one point for each pixel."""
    figure = Figure(figsize=(scene.width / 72, scene.height / 72), dpi=72, facecolor="white")
    FigureCanvasAgg(figure)
    pixels = Affine2D().translate(0, -scene.height).scale(1 / 72, -1 / 72) + figure.dpi_scale_trans
    for item in flat((scene.card(), *scene.items)):
        for artist in _artists(item):
            artist.set_transform(pixels)
            artist.set_clip_on(False)
            figure.add_artist(artist)
    return figure


def scene_png(scene: Scene, scale: float) -> bytes:
    """See `Scene.png`."""
    with plain_settings():
        return figure_png(scene_figure(scene), 72 * scale)


def figure_png(figure: Figure, dpi: float) -> bytes:
    """A figure as PNG in its 96 most frequent colours: the same bytes for the same figure, a third of the size."""
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi)
    pixels = np.asarray(Image.open(raw).convert("RGB")).astype(np.int32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    colors, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    rgb = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1)
    kept = rgb[np.argsort(-counts, kind="stable")[:96]]
    nearest = np.array([int(np.abs(kept - color).sum(axis=1).argmin()) for color in rgb], dtype=np.uint8)
    image = Image.fromarray(nearest[where].reshape(packed.shape))
    image.putpalette(kept.astype(np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _artists(item: Item) -> Iterator[Artist]:
    match item:
        case Box(x, y, width, height, fill, stroke, line, dash, radius):
            patch: Patch = Rectangle((x, y), width, height)
            if radius:
                patch = FancyBboxPatch((x, y), width, height, boxstyle=f"round,pad=0,rounding_size={radius}")
            yield _paint(patch, fill, stroke, line, dash)
        case Circle(x, y, radius, fill, stroke, line, dash):
            yield _paint(CirclePatch((x, y), radius), fill, stroke, line, dash)
        case Polygon(points, fill, stroke, line):
            yield _paint(PolygonPatch(points, closed=True), fill, stroke, line, ())
        case Line(arrow=True):
            for part in arrow_head(item):
                yield from _artists(part)
        case Line(points, stroke, line, dash, curved, _, opacity):
            codes = [Path.MOVETO] + [Path.CURVE4 if curved else Path.LINETO] * (len(points) - 1)
            patch = _paint(PathPatch(Path(points, codes)), "none", stroke, line, dash)
            patch.set_alpha(opacity)
            yield patch
        case Text(x, y, text, size, fill, anchor, bold, italic, turn):
            drop, angle = size * CAP_HEIGHT / 2, math.radians(turn)
            yield TextArtist(
                x - drop * math.sin(angle),
                y + drop * math.cos(angle),
                text,
                color=fill,
                fontsize=size,
                family="DejaVu Sans",
                weight="bold" if bold else "normal",
                style="italic" if italic else "normal",
                ha=_ALIGN[anchor],
                va="baseline",
                rotation=-turn,
                rotation_mode="anchor",
                parse_math=False,
            )
        case Group():
            raise TypeError("groups are opened before they are drawn")


def _paint(patch: Patch, fill: str, stroke: str, line: float, dash: tuple[float, ...]) -> Patch:
    patch.set(facecolor=fill, edgecolor=stroke, linewidth=line if stroke != "none" else 0)
    patch.set(capstyle="butt", joinstyle="miter")
    if dash:
        patch.set_linestyle((0, dash))
    return patch
