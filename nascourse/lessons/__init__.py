"""What a notebook calls, and a room for what serves one lesson alone. How a lesson is written: CONTRIBUTING.md."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .checking import check, hint, solution
    from .setup import setup

__all__ = face(__name__)
