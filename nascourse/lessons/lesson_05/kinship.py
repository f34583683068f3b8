"""Parents and child: which edge comes from whom and what is new, marked in shape as well as in colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ipywidgets import IntSlider, Layout

from ...errors import bad_input
from ...search.history import History
from ...spaces.graph import cell_of, cells_of
from ...viz.cells import cell_scene
from ...viz.compose import above, beside
from ...viz.explorer import Explorer, State
from ...viz.items import Box, Item, Text, marker, star
from ...viz.palette import INK, MARK, MUTED, operation_style
from ...viz.scene import Scene

_LABELS, _TILE, _ROW = 76.0, 27.0, 34.0


class Gene(NamedTuple):
    """An edge of an architecture. cell: the name of the cell that it is in."""

    cell: str
    source: int
    target: int
    op: str


def genes(arch: Any) -> tuple[Gene, ...]:
    """The edges of an architecture, in its own order. Raises `CourseError` for one that is not made of cells."""
    return tuple(Gene(cell.name, *edge) for cell in cells_of(arch) for edge in cell.edges)


def origins(child: Any, parents: Sequence[Any]) -> tuple[str, ...]:
    """For each gene of the child the letters of the parents that have it too (``A``, ``B``, ``AB``); empty: new."""
    inherited = [set(genes(parent)) for parent in parents]
    return tuple(
        "".join(letter for letter, theirs in zip("AB", inherited, strict=False) if gene in theirs)
        for gene in genes(child)
    )


def kinship_scene(child: tuple[str, Any], parents: Sequence[tuple[str, Any]]) -> Scene:
    """One or two parents above their child, each a (title, architecture), and a table of their edges: whose edge the
    child has, and what is new (halo and star). Of several cells those with something new, or all."""
    letters = "AB"[: len(parents)]
    titles = [f"parent {letter} · {title}" for letter, (title, _) in zip(letters, parents, strict=True)]
    archs = [arch for _, arch in parents]
    marks = list(zip(genes(child[1]), origins(child[1], archs), strict=True))
    cells = list(dict.fromkeys(gene.cell for gene, _ in marks))
    shown = [cell for cell in cells if any(gene.cell == cell and not mark for gene, mark in marks)] or cells
    new = [gene for gene, mark in marks if not mark]
    changed = ", ".join(
        f"{g.source}→{g.target} {operation_style(g.op).label}" + f" ({g.cell} cell)" * (len(cells) > 1) for g in new
    )
    alt = f"{child[0]}, child of {' and '.join(title for title, _ in parents)}. " + (
        f"New in the child: {changed}." if new else "Nothing in it is new."
    )
    columns = [
        above(
            *(_picture(arch, cell, title) for title, arch in zip(titles, archs, strict=True)),
            _picture(child[1], cell, f"child · {child[0]}", new),
            _table(cell, [*zip(letters, archs, strict=True)], marks),
            alt=alt,
        )
        for cell in shown
    ]
    return beside(*columns, alt=alt)


def _picture(arch: Any, cell: str, title: str, new: Sequence[Gene] = ()) -> Scene:
    graph = cell_of(arch, cell)
    marked = [k for k, edge in enumerate(graph.edges) if Gene(cell, *edge) in new]
    return cell_scene(graph, marked, f"{title} · {cell} cell" if len(arch.cells()) > 1 else title)


def _table(cell: str, parents: Sequence[tuple[str, Any]], marks: Sequence[tuple[Gene, str]]) -> Scene:
    """A row for each parent and the child, a column for each edge, and below whose edge the child has."""
    child = [(gene, mark) for gene, mark in marks if gene.cell == cell]
    step = 92.0 if len(child) <= 6 else 85.0
    items: list[Item] = []
    for row, (letter, arch) in enumerate(parents):
        y = 16 + row * _ROW
        items.append(Text(18, y, f"parent {letter}", 12, anchor="start"))
        for column, gene in enumerate(gene for gene in genes(arch) if gene.cell == cell):
            items += gene_tile(gene, _LABELS + column * step, y, step - 6, label=True)
    y = 16 + len(parents) * _ROW
    items.append(Text(18, y, "child", 12, anchor="start", bold=True))
    for column, (gene, mark) in enumerate(child):
        x = _LABELS + column * step
        items += gene_tile(gene, x, y, step - 6, label=True, new=not mark)
        whose = " = ".join(mark) if mark else "new"
        items.append(Text(x + (step - 6) / 2, y + 26, whose, 12, INK if mark else MUTED, bold=True))
        items.append(Text(x + (step - 6) / 2, y + 43, f"{gene.source}→{gene.target}", 11, MUTED))
    items.append(Text(18, y + 26, "from", 12, MUTED, "start"))
    items.append(Text(18, y + 43, "edge", 11, MUTED, "start"))
    return Scene(_LABELS + len(child) * step + 12, y + 62, tuple(items), "")


def gene_tile(gene: Gene, left: float, y: float, width: float, label: bool = False, new: bool = False) -> list[Item]:
    """A box with the operation's marker, and its label where there is room. New: a halo, square corners, a star."""
    style, height = operation_style(gene.op), _TILE - 4 if label else width
    top = y - height / 2
    items: list[Item] = [Box(left - 3, top - 3, width + 6, height + 6, fill=MARK, radius=3)] if new else []
    items.append(Box(left, top, width, height, style.tint, style.color, 2.4 if new else 1.2, radius=0 if new else 5))
    at = left + (13 if label else width / 2)
    items.append(marker(style.marker, at, y, 9, style.color))
    if label:
        items.append(Text(at + 9, y, style.label, 11, anchor="start"))
    return [*items, *star(left + width, top, 15)] if new else items


class KinshipExplorer(Explorer):
    """A child and its parents, what it has of whom and what is new. The slider runs through all who have parents."""

    def __init__(self, history: History[Any], child: int | None = None) -> None:
        self._history = history
        self._children = [row.trial.number for row in history if row.trial.parents]
        if not self._children:
            raise bad_input("a history without a child", "a search that went beyond its founders", "raise the budget")
        at = self._children.index(child) if child in self._children else 0
        super().__init__({"child": slider("child no.", at, len(self._children) - 1)})

    def render(self, state: State) -> Scene:
        number = self._children[state["child"]]
        parents = self._history[number].trial.parents
        return kinship_scene(self._named(number), [self._named(parent) for parent in parents])

    def _named(self, number: int) -> tuple[str, Any]:
        row = self._history[number]
        return f"trial {number}, accuracy {row.result.accuracy:.4f}", row.trial.arch


def slider(description: str, value: int, last: int) -> IntSlider:
    """A slider from 0 to ``last``, of the explorers of families."""
    style, layout = {"description_width": "76px"}, Layout(width="280px")
    return IntSlider(value, min=0, max=last, description=description, style=style, layout=layout)
