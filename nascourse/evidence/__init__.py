"""Recorded experiments: what a lesson claims stands on the rows of every seed."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .ledger import Verdict, difference_in, differences, experiment, find, load, names, record, rerun, verdict
    from .rows import Evidence, Row
    from .statistics import Interval, TooFew, a12, average, difference, holm, mann_whitney_p, permutation_p, smallest_p

__all__ = face(__name__)
