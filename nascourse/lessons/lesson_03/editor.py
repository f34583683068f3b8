"""The cell editor: change a cell by mouse or keyboard and see at once what that makes of the network.

The picture is a `Scene` as everywhere in the course; ``editor.js`` only makes its edges answer to clicks and keys. What
an edge may become is the architecture's to say; which of it comes next is decided here, so Python and the browser do
the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import anywidget
import traitlets

from ...errors import CourseError, bad_input
from ...networks.build import Measures, measure, small
from ...spaces.base import C, CellArchitecture
from ...spaces.graph import CellGraph, Edge, cell_of
from ...viz.cells import cell_scene
from ...viz.compose import above
from ...viz.items import Text
from ...viz.palette import MUTED, operation_style
from ...viz.scene import Scene, picture_bundle
from .stack import WIDTH, stack_scene

T = TypeVar("T")

_HELP = (
    "Click an edge, or Tab to it and press Enter: its next operation (with Shift: the one before). "
    "Up and Down do the same, Left and Right go to another edge.{more} Ctrl+Z undoes."
)
_HELP_REWIRE = " R: its next input."
_HELP_CELLS = " Click a cell of the network, or its button, to see inside it."


def step_operation(arch: C, cell: str, edge: int, by: int = 1) -> tuple[C, int]:
    """The architecture with the operation of an edge moved on by ``by`` among those it may have, and the edge's new
    place: an architecture may keep its edges in an order of its own.

    Raises `CourseError` for an edge that is not there.
    """
    source, target, op = cell_of(arch, cell).edge(edge)
    op = _moved(arch.options(cell, edge).ops, op, by)
    return _placed(arch.with_edge(cell, edge, op=op), cell, Edge(source, target, op))


def step_input(arch: C, cell: str, edge: int, by: int = 1) -> tuple[C, int]:
    """The architecture with an edge rewired to the next (``by`` = 1) of the nodes that it may read, and the edge's new
    place. Raises `CourseError` where the wiring is fixed, and where every earlier node is read already."""
    graph = cell_of(arch, cell)
    source, target, op = graph.edge(edge)
    free = arch.options(cell, edge).sources
    if not free:
        raise bad_input(f"edge {source}→{target} of a {graph.title}", "an edge of a genotype", "its wiring is fixed")
    if len(free) == 1:
        others = [other.source for k, other in enumerate(graph.edges) if other.target == target and k != edge]
        read = " and ".join(map(str, [*others, source]))
        raise bad_input(f"node {target}, which reads {read}", "a node with a choice", "rewire a later node")
    source = _moved(free, source, by)
    return _placed(arch.with_edge(cell, edge, source=source), cell, Edge(source, target, op))


def _moved(options: tuple[T, ...], now: T, by: int) -> T:
    return options[(options.index(now) + by) % len(options)]


def _placed(arch: C, cell: str, edge: Edge) -> tuple[C, int]:
    return arch, cell_of(arch, cell).edges.index(edge)


def changed_edges(old: CellArchitecture, new: CellArchitecture) -> dict[str, tuple[int, ...]]:
    """For each cell of ``new`` its edges that ``old`` does not have."""
    found = {}
    for before, cell in zip(old.cells(), new.cells(), strict=True):
        fresh = Counter(cell.edges) - Counter(before.edges)
        found[cell.name] = tuple(k for k, edge in enumerate(cell.edges) if edge in fresh)
    return found


def editor_scene(
    arch: CellArchitecture,
    measures: Measures,
    part: str = "",
    changed: Mapping[str, tuple[int, ...]] | None = None,
) -> Scene:
    """What the editor shows: the network's measures, the cell called ``part`` (empty: every cell) with its changed
    edges marked, and where in the network it sits."""
    cells = arch.cells()
    scenes = [
        cell_scene(cell, (changed or {}).get(cell.name, ()), cell.title.capitalize() if len(cells) > 1 else "")
        for cell in cells
        if part in ("", cell.name)
    ]
    if measures.places:
        scenes.append(stack_scene(measures.places, part))
    facts = _facts(measures)
    header: list[Text] = []
    for k, (name, value) in enumerate(facts.items()):
        x = WIDTH * (2 * k + 1) / (2 * len(facts))
        header += [Text(x, 22, value, 17, bold=True), Text(x, 43, name, 12, MUTED)]
    alt = " ".join(scene.alt for scene in scenes) + f" {_sentence(facts)}."
    return above(Scene(WIDTH, 54, tuple(header), ""), *scenes, alt=alt)


def _facts(m: Measures, before: Measures | None = None) -> dict[str, str]:
    """Name and value of what is measured; with the change since ``before``."""
    b = before or m
    values = {
        "parameters": (m.params, b.params),
        "multiply-adds per image": (m.macs, b.macs),
        "pixels of receptive field": (m.receptive_field, b.receptive_field),
        "paths": (m.paths, b.paths),
    }
    facts = {}
    for name, (now, then) in values.items():
        if now is not None and then is not None:
            change = f" ({'+' if now > then else '−'}{_short(abs(now - then))})" if now != then else ""
            facts[name] = _short(now) + change
    return facts


def _sentence(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{value} {name}" for name, value in facts.items())


def _short(number: int) -> str:
    return f"{number:,}" if number < 10**10 else f"{number:.1e}".replace("e+", " × 10^")


def _edge_label(cell: CellGraph, edge: Edge) -> str:
    """An edge in words, for its aria-label and the sentence."""
    source, target, op = edge
    return f"edge from {cell.words(source)} to {cell.words(target)}: {operation_style(op).label}"


class CellEditor(anywidget.AnyWidget):
    """Edit an architecture of cells (a `MicroCell`, a `Genotype`); ``arch`` is it as it is now, and may be set.

    ``net``: keywords of the network that is measured, and ``image`` (channels, height, width); left out, a small one
    (`networks.build.small`). Watch the edits with ``editor.observe(f, "arch")``; without a kernel there is a PNG.
    Raises `CourseError` for another architecture or a network that cannot be built; an edit that fails in the browser
    leaves the cell as it was and shows the message.
    """

    _esm = Path(__file__).with_name("editor.js")
    _css = Path(__file__).with_name("editor.css")

    arch = traitlets.Any()
    part = traitlets.Unicode().tag(sync=True)
    """The name of the cell that is shown."""
    parts = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    edges = traitlets.Dict().tag(sync=True)
    """By the key of its group in the picture, each edge in words."""
    doors = traitlets.Dict().tag(sync=True)
    """By the key of its group, the cell that a place of the network leads to."""
    moved: traitlets.List[str] = traitlets.List().tag(sync=True)
    """The key of the edge that was edited, before and after."""
    sentence = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    help = traitlets.Unicode().tag(sync=True)
    can_undo = traitlets.Bool(False).tag(sync=True)
    can_rewire = traitlets.Bool(False).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, arch: CellArchitecture, net: Mapping[str, Any] | None = None) -> None:
        if not hasattr(arch, "with_edge"):
            raise bad_input(arch, "an architecture of cells, as a MicroCell or a Genotype is", "use its constructor")
        settings = dict(small(arch) if net is None else net)
        self._measure: Callable[[CellArchitecture], Measures] = lru_cache(1024)(lambda a: measure(a, **settings))
        self._measure(arch)
        self._start = arch
        self._past: list[CellArchitecture] = []
        self._moving: list[str] = []
        self._changed: dict[str, tuple[int, ...]] = {}
        cells = arch.cells()
        rewires = any(arch.options(cell.name, k).sources for cell in cells for k in range(len(cell.edges)))
        super().__init__(
            parts={cell.name: cell.title for cell in cells} if len(cells) > 1 else {},
            can_rewire=rewires,
            help=_HELP.format(more=_HELP_REWIRE * rewires + _HELP_CELLS * (len(cells) > 1)),
            part=cells[0].name,
        )
        self.arch = arch
        self.on_msg(self._act)

    def step(self, edge: int, by: int = 1) -> None:
        """Move on the operation of an edge of the shown cell: what a click does."""
        self._edit(edge, *step_operation(self.arch, self.part, edge, by))

    def rewire(self, edge: int, by: int = 1) -> None:
        """Move on the input of an edge of the shown cell: what the key R does."""
        self._edit(edge, *step_input(self.arch, self.part, edge, by))

    def undo(self) -> None:
        """Take the last change back, whoever made it; nothing where there is none."""
        if self._past:
            earlier = self._past[:-1]
            with self.hold_sync():
                self.arch = self._past[-1]
                self._past, self.can_undo = earlier, bool(earlier)

    def reset(self) -> None:
        """Back to the architecture at the start, as a change that can be undone."""
        self.arch = self._start

    @property
    def measures(self) -> Measures:
        """What the network costs and sees now."""
        return self._measure(self.arch)

    @property
    def scene(self) -> Scene:
        """The picture as it is now."""
        return editor_scene(self.arch, self.measures, self.part, self._changed)

    def _edit(self, edge: int, arch: CellArchitecture, place: int) -> None:
        self._moving = [f"edge-{edge}", f"edge-{place}"]
        self.arch = arch

    @traitlets.validate("arch")
    def _check_arch(self, proposal: traitlets.Bunch) -> CellArchitecture:
        arch: CellArchitecture = proposal["value"]
        if type(arch) is not type(self._start):
            raise bad_input(arch, f"a {type(self._start).__name__}, as at the start", "make another editor for it")
        self._measure(arch)  # what cannot be measured is refused before anything has changed
        return arch

    @traitlets.validate("part")
    def _check_part(self, proposal: traitlets.Bunch) -> str:
        return cell_of(self._start, proposal["value"]).name

    @traitlets.observe("arch")
    def _follow(self, change: traitlets.Bunch) -> None:
        old, new = change["old"], change["new"]
        if old is None:
            said, facts = "", _facts(self._measure(new))
        else:
            self._past.append(old)
            self._changed = changed_edges(old, new)
            said, facts = self._say_changed(), _facts(self._measure(new), self._measure(old))
        with self.hold_sync():
            self._draw()
            self.moved, self._moving = self._moving, []
            self.can_undo = bool(self._past)
            self.sentence = f"{said}{_sentence(facts)}."

    @traitlets.observe("part")
    def _show_part(self, _: object) -> None:
        if self.arch is not None:
            with self.hold_sync():
                self._draw()
                self.moved = []
                self.sentence = f"The {cell_of(self.arch, self.part).title} is shown."

    def _say_changed(self) -> str:
        changed = [(part, k) for part, edges in self._changed.items() for k in edges]
        if len(changed) != 1:
            return f"{len(changed)} edges changed. "
        part, k = changed[0]
        cell = cell_of(self.arch, part)
        words = _edge_label(cell, cell.edges[k])
        return (f"{cell.title}, {words}" if self.parts else words).capitalize() + ". "

    def _draw(self) -> None:
        self.error = ""
        self.picture = self.scene.svg()
        stack = enumerate(self.measures.places)
        self.doors = {f"place-{k}": place.part for k, place in stack if place.part in self.parts}
        cell = cell_of(self.arch, self.part)
        self.edges = {f"edge-{k}": _edge_label(cell, edge) for k, edge in enumerate(cell.edges)}

    def _act(self, _: object, content: dict[str, Any], __: object) -> None:
        """What the browser asks for. A refusal is shown; anything else that goes wrong is shown and raised."""
        try:
            with self.hold_sync():
                self.answered += 1
                self.moved = []
                self.part = content.get("part", self.part)  # the cell that was on the screen when it was asked
                match content:
                    case {"do": "step", "edge": edge, "by": by}:
                        self.step(edge, by)
                    case {"do": "rewire", "edge": edge, "by": by}:
                        self.rewire(edge, by)
                    case {"do": "undo"}:
                        self.undo()
                    case {"do": "reset"}:
                        self.reset()
                    case {"do": "show"}:
                        pass
                    case _:
                        raise bad_input(content, "step, rewire, undo, reset or show", "reload the page")
        except CourseError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        scene = editor_scene(self.arch, self.measures, changed=self._changed)
        data, metadata = picture_bundle(scene.png(), scene.alt, scene.width, scene.height)
        live, _ = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**live, **data, "text/plain": f"{type(self).__name__}: {scene.alt}"}, metadata
