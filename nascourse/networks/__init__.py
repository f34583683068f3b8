"""What an architecture becomes: networks, supernets, and what they cost and see."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .build import Counts, build, build_seeded, count, count_network, measure, places
    from .cells import CellModule, CellNetwork
    from .export import build_design, from_json, save_design, save_program, to_json
    from .graph import GraphModule
    from .micro import MicroCellModule, MicroNetwork
    from .ops import OPS, make_op
    from .registry import builds, part
    from .supernet import CellSupernet, MicroSupernet, Supernet, initial_alphas, supernet, supernet_seeded

__all__ = face(__name__)
