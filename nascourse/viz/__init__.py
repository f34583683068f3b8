"""Pictures: scenes, figures and explorers that several lessons share, each with a sentence that says what is seen."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .cells import cell_scene
    from .dag import DagEdge, DagNode, dag_scene
    from .explorer import Explorer
    from .figures import accuracy_scatter, chart, images_grid, regret_curves, search_curve, series_style
    from .items import Box, Circle, Group, Line, Polygon, Text
    from .scene import Scene
    from .show import show, write_png

__all__ = face(__name__)
