"""Items and Matplotlib figures as PNG: no pyplot, no trace of the reader's own Matplotlib settings in a scene."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator

import matplotlib
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

from .items import CAP_HEIGHT, Box, Circle, Group, Item, Line, Polygon, Text, arrow_head, flat

_ALIGN = {"start": "left", "middle": "center", "end": "right"}


def items_figure(items: Iterable[Item], width: float, height: float) -> Figure:
    """The items as a Matplotlib figure, one point for each pixel."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
    FigureCanvasAgg(figure)
    pixels = Affine2D().translate(0, -height).scale(1 / 72, -1 / 72) + figure.dpi_scale_trans
    for item in flat(items):
        for artist in _artists(item):
            artist.set_transform(pixels)
            artist.set_clip_on(False)
            figure.add_artist(artist)
    return figure


def items_png(items: Iterable[Item], width: float, height: float, scale: float) -> bytes:
    """The items as PNG, whatever the reader has set in Matplotlib; dashes are in pixels."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"lines.scale_dashes": False, "text.hinting": "none", "text.usetex": False})
        return figure_png(items_figure(items, width, height), 72 * scale)


def figure_png(figure: Figure, dpi: float) -> bytes:
    """A figure as PNG in 128 colours: the same bytes for the same figure, a third of the size."""
    raw, out = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=dpi)
    image = Image.open(raw).convert("RGB")
    image.quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
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
            yield _paint(PolygonPatch(points, closed=True), fill, stroke, line)
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


def _paint(patch: Patch, fill: str, stroke: str, line: float, dash: tuple[float, ...] = ()) -> Patch:
    patch.set(facecolor=fill, edgecolor=stroke, linewidth=line if stroke != "none" else 0)
    patch.set(capstyle="butt", joinstyle="miter")
    if dash:
        patch.set_linestyle((0, dash))
    return patch
