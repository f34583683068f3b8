"""Rooms, the packages of the course: the names that a room hands out, and which lessons have a module.

The face of a room is what its ``__init__`` imports under ``if TYPE_CHECKING:``, where editors and mypy see it. A name
is loaded from its module when it is first asked for: `from nascourse.search import regularized_evolution` loads no
torch, which policies need and evolution does not.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

LESSONS = "nascourse.lessons"


class Room(ModuleType):
    """A package with a face. A name of the face is that name always, also where a module of the room is called so."""

    homes: dict[str, tuple[str, str]]
    """Each name of the face -> its module and its name there."""

    def __getattr__(self, name: str) -> Any:
        if name not in self.homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, inner = self.homes[name]
        found = getattr(importlib.import_module(module, self.__name__), inner)
        setattr(self, name, found)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in self.homes and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.homes})


def face(room: str) -> list[str]:
    """Gives a package its face: ``__all__ = face(__name__)`` in its ``__init__``. Returns the names."""
    package = sys.modules[room]
    homes: dict[str, tuple[str, str]] = {}
    for block in ast.parse(Path(package.__file__ or "").read_text(encoding="utf-8")).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for line in (line for line in block.body if isinstance(line, ast.ImportFrom)):
                module = "." * line.level + (line.module or "")
                homes |= {alias.asname or alias.name: (module, alias.name) for alias in line.names}
    package.__dict__["homes"] = homes
    package.__class__ = Room
    return sorted(homes)


def lessons_with(module: str) -> dict[str, str]:
    """The lessons whose room has such a module: number -> the module's full name, in order.

    Found by name and not imported, so that a room may ask of those that build on it.
    """
    found = importlib.util.find_spec(LESSONS)
    folders = found.submodule_search_locations if found else None
    rooms = sorted(path.parent.name for folder in folders or () for path in Path(folder).glob(f"lesson_*/{module}.py"))
    return {room.removeprefix("lesson_"): f"{LESSONS}.{room}.{module}" for room in rooms}
