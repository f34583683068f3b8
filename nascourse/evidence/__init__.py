"""Recorded experiments: what a lesson claims stands on the rows of every seed."""

from .ledger import difference, differences, experiment, find, load, names, record, rerun, verdict
from .rows import Evidence, Row

__all__ = [
    "Evidence",
    "Row",
    "difference",
    "differences",
    "experiment",
    "find",
    "load",
    "names",
    "record",
    "rerun",
    "verdict",
]
