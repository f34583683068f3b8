"""Pictures as outputs of a notebook and as files: always PNG, always with a sentence that describes them."""

from __future__ import annotations

import sys
from pathlib import Path

from IPython.display import display
from matplotlib.figure import Figure

from ..errors import bad_input
from ..runs.atomic import write_bytes
from .raster import figure_png
from .scene import Scene, picture_bundle

_SHARP = 1.4
"""Dots for each pixel of a figure as shown."""


def show(picture: Figure | Scene, alt: str = "") -> None:
    """Display ``picture`` as the output of a cell, with ``alt`` in the output's metadata, and close it.

    ``alt`` says in a sentence what is seen; a scene brings its own. Raises `CourseError` without one.
    """
    if isinstance(picture, Scene):
        data, metadata = picture_bundle(picture.png(), alt or picture.alt, picture.width, picture.height)
    else:
        width, height = picture.get_size_inches() * picture.dpi
        data, metadata = picture_bundle(figure_png(picture, picture.dpi * _SHARP), alt, width, height)
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close(picture)  # else the inline backend shows it a second time
    if not data["text/plain"].strip():
        raise bad_input(alt, "a sentence that says what the picture shows", "pass it as alt")
    display(data, metadata=metadata, raw=True)


def write_png(picture: Figure | Scene, path: str | Path) -> None:
    """Write ``picture`` to ``path`` whole or not at all. Raises `CourseError` where the disk does not take it."""
    png = picture.png() if isinstance(picture, Scene) else figure_png(picture, picture.dpi * _SHARP)
    write_bytes(path, png)
