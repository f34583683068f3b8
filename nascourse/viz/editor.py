"""The cell editor: change a cell by mouse or keyboard and see at once what that makes of the network.

The picture is a `Scene` as everywhere in the course; ``editor.js`` only makes its edges answer to clicks and keys. What
an act does is decided here, in pure functions from cell to cell, so Python and the browser do the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..errors import CourseError, bad_input
from ..networks.receptive_field import Measures, measure
from ..spaces.cell import CELL_OPS, INPUTS, Cell, Genotype
from ..spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell
from .cells import cell_scene, micro_cell_scene
from .compose import above
from .palette import MUTED, operation_style
from .scene import Scene, Text, picture_bundle
from .stack import CELL_NAMES, WIDTH, Place, places, stack_scene

Arch = MicroCell | Genotype
AnyCell = MicroCell | Cell

SMALL_NETS: dict[type, dict[str, Any]] = {
    MicroCell: {"channels": 16, "cells": (2, 2, 2)},
    Genotype: {"channels": 16, "cells": 6},
}
"""The networks measured where none is asked for: small, so that the numbers follow a click at once."""

_HELP = (
    "Click an edge, or Tab to it and press Enter: its next operation (with Shift: the one before). "
    "Up and Down do the same, Left and Right go to another edge.{rewire} Ctrl+Z undoes."
)
_HELP_REWIRE = " R: its next input. Click a cell of the network, or its button, to see inside it."


def cells_of(arch: Arch) -> dict[str, AnyCell]:
    """The cells of an architecture by name. Raises `CourseError` for one that cannot be edited."""
    match arch:
        case MicroCell():
            return {"cell": arch}
        case Genotype():
            return {"normal": arch.normal, "reduce": arch.reduce}
    raise bad_input(arch, "a MicroCell or a Genotype", "edit another architecture by its constructor")


def with_cell(arch: Arch, part: str, cell: AnyCell) -> Arch:
    """The architecture with the cell called ``part`` replaced."""
    if isinstance(arch, Genotype) and isinstance(cell, Cell):
        return replace(arch, **{part: cell})
    assert isinstance(cell, MicroCell)
    return cell


def step_operation(cell: AnyCell, edge: int, by: int = 1) -> tuple[AnyCell, int]:
    """The cell with the operation of an edge moved on by ``by`` in its space's list, and the edge's new place: the
    two edges of a genotype's node are kept in an order of their own.

    Raises `CourseError` for an edge that is not there.
    """
    edges = _checked(cell, edge)
    op = edges[edge][2]
    ops: tuple[str, ...] = MICRO_OPS if isinstance(cell, MicroCell) else CELL_OPS
    if op not in ops:  # another published cell's operation: leaving it, one comes to the seven
        ops = (*ops, op)
    op = ops[(ops.index(op) + by) % len(ops)]
    if isinstance(cell, MicroCell):
        return MicroCell((*cell.ops[:edge], op, *cell.ops[edge + 1 :])), edge
    return _with_pair(cell, edge, op, edges[edge][0])


def step_input(cell: AnyCell, edge: int, by: int = 1) -> tuple[AnyCell, int]:
    """The cell with an edge rewired to the next (``by`` = 1) earlier node that its target does not read yet, and the
    edge's new place.

    Raises `CourseError` for a micro cell, whose wiring is fixed, and where every earlier node is read already.
    """
    source, target, op = _checked(cell, edge)[edge]
    if isinstance(cell, MicroCell):
        raise bad_input(f"edge {source}→{target} of a micro cell", "an edge of a genotype", "its wiring is fixed")
    other = cell.nodes[target - INPUTS][1 - edge % 2][1]
    free = [node for node in range(target) if node == source or node != other]
    if len(free) == 1:
        raise bad_input(
            f"node {target}, which reads {other} and {source}", "a node with a choice", "rewire a later node"
        )
    return _with_pair(cell, edge, op, free[(free.index(source) + by) % len(free)])


def _checked(cell: AnyCell, edge: int) -> list[tuple[int, int, str]]:
    edges = list(cell.edges())
    if edge not in range(len(edges)):
        raise bad_input(edge, f"an edge in 0..{len(edges) - 1}", "count the cell's edges from 0")
    return edges


def _with_pair(cell: Cell, edge: int, op: str, source: int) -> tuple[Cell, int]:
    pairs = list(cell.pairs())
    pairs[edge] = (op, source)
    changed = Cell.from_pairs(pairs, cell.concat)
    node = edge // 2
    return changed, 2 * node + changed.nodes[node].index((op, source))


def changed_edges(old: Arch, new: Arch) -> dict[str, tuple[int, ...]]:
    """For each cell of ``new`` its edges that ``old`` does not have."""
    before = cells_of(old)
    found = {}
    for part, cell in cells_of(new).items():
        fresh = Counter(cell.edges()) - Counter(before[part].edges())
        found[part] = tuple(k for k, edge in enumerate(cell.edges()) if edge in fresh)
    return found


def editor_scene(
    arch: Arch,
    measures: Measures,
    stack: tuple[Place, ...],
    part: str = "",
    changed: Mapping[str, tuple[int, ...]] | None = None,
) -> Scene:
    """What the editor shows: the network's measures, the cell called ``part`` (empty: every cell) with its changed
    edges marked, and where in the network it sits."""
    cells = cells_of(arch)
    drawn = [
        _draw_cell(cell, (changed or {}).get(name, ()), CELL_NAMES[name].capitalize() if len(cells) > 1 else "")
        for name, cell in cells.items()
        if part in ("", name)
    ]
    facts = _facts(measures)
    header: list[Text] = []
    for k, (name, value) in enumerate(facts.items()):
        x = WIDTH * (2 * k + 1) / (2 * len(facts))
        header += [Text(x, 22, value, 17, bold=True), Text(x, 43, name, 12, MUTED)]
    below = stack_scene(stack, part)
    alt = " ".join(scene.alt for scene in (*drawn, below)) + f" {_sentence(facts)}."
    return above(Scene(WIDTH, 54, tuple(header), ""), *drawn, below, alt=alt)


def _draw_cell(cell: AnyCell, changed: tuple[int, ...], title: str) -> Scene:
    if isinstance(cell, MicroCell):
        return micro_cell_scene(cell, [MICRO_EDGES[k] for k in changed], title)
    return cell_scene(cell, changed, title)


def _facts(m: Measures, before: Measures | None = None) -> dict[str, str]:
    """Name and value of what is measured; with the change since ``before``."""

    def changed_by(now: int, then: int) -> str:
        return _short(now) + (f" ({'+' if now > then else '−'}{_short(abs(now - then))})" if now != then else "")

    b = before or m
    return {
        "parameters": changed_by(m.params, b.params),
        "multiply-adds per image": changed_by(m.macs, b.macs),
        "pixels of receptive field": changed_by(m.receptive_field, b.receptive_field),
        "paths": changed_by(m.paths, b.paths),
    }


def _sentence(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{value} {name}" for name, value in facts.items())


def _short(number: int) -> str:
    return f"{number:,}" if number < 10**10 else f"{number:.1e}".replace("e+", " × 10^")


def _edge_label(part: str, edge: tuple[int, int, str]) -> str:
    """An edge in words, for its aria-label and the sentence."""
    source, target, op = edge
    names = {} if part == "cell" else {0: "input k−2", 1: "input k−1"}
    return f"edge from {names.get(source, f'node {source}')} to node {target}: {operation_style(op).label}"


class CellEditor(anywidget.AnyWidget):
    """Edit a `MicroCell` or a `Genotype`; ``arch`` is the architecture as it is now, and may be set.

    ``net``: keywords of the network that is measured, and ``image`` (channels, height, width); left out, a small one
    (`SMALL_NETS`). Watch the edits with ``editor.observe(f, "arch")``. Without a kernel a notebook shows a PNG.
    Raises `CourseError` for another architecture or a network that cannot be built; an edit that fails in the browser
    leaves the cell as it was and shows the message.
    """

    _esm = Path(__file__).with_name("editor.js")
    _css = Path(__file__).with_name("editor.css")

    arch = traitlets.Any()
    part = traitlets.Unicode().tag(sync=True)
    """The cell that is shown: ``cell`` of a micro cell; ``normal`` or ``reduce`` of a genotype."""
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

    def __init__(self, arch: Arch, net: Mapping[str, Any] | None = None) -> None:
        parts = cells_of(arch)
        settings = dict(SMALL_NETS[type(arch)] if net is None else net)
        self._measure: Callable[[Arch], Measures] = lru_cache(maxsize=1024)(lambda a: measure(a, **settings))
        self._stack: Callable[[Arch], tuple[Place, ...]] = lambda a: places(a, **settings)
        self._measure(arch)
        self._start = arch
        self._past: list[Arch] = []
        self._moving: list[str] = []
        self._changed: dict[str, tuple[int, ...]] = {}
        rewires = isinstance(arch, Genotype)
        super().__init__(
            parts={part: CELL_NAMES[part] for part in parts} if rewires else {},
            can_rewire=rewires,
            help=_HELP.format(rewire=_HELP_REWIRE if rewires else ""),
            part=next(iter(parts)),
        )
        self.arch = arch
        self.on_msg(self._act)

    def step(self, edge: int, by: int = 1) -> None:
        """Move on the operation of an edge of the shown cell: what a click does."""
        self._edit(edge, *step_operation(self._cell, edge, by))

    def rewire(self, edge: int, by: int = 1) -> None:
        """Move on the input of an edge of the shown cell: what the key R does."""
        self._edit(edge, *step_input(self._cell, edge, by))

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
        return editor_scene(self.arch, self.measures, self._stack(self.arch), self.part, self._changed)

    @property
    def _cell(self) -> AnyCell:
        return cells_of(self.arch)[self.part]

    def _edit(self, edge: int, cell: AnyCell, place: int) -> None:
        self._moving = [f"edge-{edge}", f"edge-{place}"]
        self.arch = with_cell(self.arch, self.part, cell)

    @traitlets.validate("arch")
    def _check_arch(self, proposal: traitlets.Bunch) -> Arch:
        arch: Arch = proposal["value"]
        if type(arch) is not type(self._start):
            raise bad_input(arch, f"a {type(self._start).__name__}, as at the start", "make another editor for it")
        self._measure(arch)  # what cannot be measured is refused before anything has changed
        return arch

    @traitlets.validate("part")
    def _check_part(self, proposal: traitlets.Bunch) -> str:
        known = cells_of(self._start)
        if proposal["value"] not in known:
            raise bad_input(proposal["value"], f"a cell out of {', '.join(known)}", "check the spelling")
        return proposal["value"]

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
                self.sentence = f"The {CELL_NAMES[self.part]} is shown."

    def _say_changed(self) -> str:
        changed = [(part, k) for part, edges in self._changed.items() for k in edges]
        if len(changed) != 1:
            return f"{len(changed)} edges changed. "
        part, k = changed[0]
        words = _edge_label(part, list(cells_of(self.arch)[part].edges())[k])
        return (words if part == "cell" else f"{CELL_NAMES[part]}, {words}").capitalize() + ". "

    def _draw(self) -> None:
        self.error = ""
        self.picture = self.scene.svg()
        stack = enumerate(self._stack(self.arch))
        self.doors = {f"place-{k}": place.part for k, place in stack if place.part in self.parts}
        self.edges = {f"edge-{k}": _edge_label(self.part, edge) for k, edge in enumerate(self._cell.edges())}

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
        scene = editor_scene(self.arch, self.measures, self._stack(self.arch), changed=self._changed)
        data, metadata = picture_bundle(scene.png(), scene.alt, scene.width, scene.height)
        live, _ = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**live, **data, "text/plain": f"{type(self).__name__}: {scene.alt}"}, metadata
