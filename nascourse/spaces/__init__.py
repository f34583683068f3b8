"""1 · What may be searched: plain values, no torch."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .base import Architecture, CellArchitecture, Evaluation, Result, SearchSpace, Trial, checked_fields
    from .cell import CELL_OPS, Cell, CellSpace, Genotype
    from .functions import canonical, canonical_key
    from .graph import CellGraph, Edge, EdgeOptions, cell_of
    from .known import SPACES
    from .micro import MICRO_EDGES, MICRO_OPS, MicroCell, MicroSpace
    from .published import AMOEBANET_A, DARTS_V1, DARTS_V2, NASNET_A, PUBLISHED

__all__ = face(__name__)
