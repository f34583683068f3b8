"""One way to refuse bad input: a single line that says what was given, what was expected and what to do."""

from __future__ import annotations

import re


class CourseError(ValueError):
    """Bad input, told in one line. Everything the course raises on purpose is one of these."""


def bad_input(given: object, expected: str, do: str) -> CourseError:
    """An error to raise: ``raise bad_input(op, "one of none, skip_connect", "check the spelling")``."""
    shown = given if isinstance(given, str) else repr(given)
    shown = re.sub(r"\s+", " ", shown)  # one line; a space at an end may be what is wrong
    if len(shown) > 120:
        shown = shown[:117] + "..."
    return CourseError(f"got {shown!r}; expected {expected}; {do}")
