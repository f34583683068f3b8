"""The synthetic table of `tests.evaluation.tables`, for the tests that read a packed table."""

from tests.evaluation.conftest import path, table

__all__ = ["path", "table"]
