"""Lessons. What a notebook uses: `setup`, `check`, `hint`, `solution`."""

from .exercises import check, hint, solution
from .setup import setup

__all__ = ["check", "hint", "setup", "solution"]
