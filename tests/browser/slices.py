"""What of a lesson must run so that its explorers live: the cells that show one, and those that make what these name.

That a lesson runs from its first cell to its last, nbval shows.
"""

from __future__ import annotations

import ast
import copy
import re
import symtable
from collections.abc import Iterable, Iterator

import nbformat

LIVE = re.compile(r"([A-Z]\w*(?:Explorer|Editor)): ")
"""How the text beside an explorer's picture begins in a committed notebook."""


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """The explorers and editors that a cell of a committed notebook shows, by the names of their classes."""
    texts = [output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())]
    return [found.group(1) for text in texts if (found := LIVE.match(text))]


def explorers_alone(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that show an explorer and those they need, with the lesson's set-up, in the lesson's order."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    names = [names_of(cell.source) for cell in code]
    kept: set[int] = set()
    for last, cell in enumerate(code):
        if shown(cell):
            kept.add(last)
            wanted = names[last][0] | {"setup"}
            for number in range(last - 1, -1, -1):
                read, bound = names[number]
                if bound & wanted:
                    kept.add(number)
                    wanted = (wanted - bound) | read
    return [code[number] for number in sorted(kept)]


def names_of(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell takes from those before it, and the names to which it gives a value, or may change one."""
    read: set[str] = set()
    bound: set[str] = set()
    for statement in _in_turn(ast.parse(source).body):
        reads, binds = _names(statement)
        read |= reads - bound
        bound |= binds
    return read, bound


def _in_turn(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Simple statements, and the heads of compound ones before what is in them."""
    for statement in statements:
        blocks = [] if isinstance(statement, ast.FunctionDef | ast.ClassDef) else _blocks(statement)
        if blocks:
            head = copy.copy(statement)
            for name in blocks:
                setattr(head, name, [ast.Pass()] if name == "body" else [])
            if not isinstance(statement, ast.Try):
                yield head
            for name in blocks:
                for part in getattr(statement, name):
                    yield from _in_turn(part.body if isinstance(part, ast.ExceptHandler) else [part])
        else:
            yield statement


def _blocks(statement: ast.stmt) -> list[str]:
    return [name for name in ("body", "handlers", "orelse", "finalbody") if hasattr(statement, name)]


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    top = symtable.symtable(ast.unparse(statement), "cell", "exec")
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    read = {
        symbol.get_name()
        for table in _nested(top)
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (table is top or symbol.is_global())
    }
    match statement:
        case ast.AugAssign(target=ast.Name(id=name)):
            read.add(name)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            bound.add(name)  # a method that may change it
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id=name))]):
            bound.add(name)
    return read, bound


def _nested(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _nested(child)
