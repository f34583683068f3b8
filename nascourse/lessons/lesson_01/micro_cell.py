"""Lesson 01's explorer: choose the six operations of a micro cell and see what they make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ipywidgets import Dropdown, Layout

from ...networks.build import count
from ...spaces.micro import MICRO_EDGES, MICRO_OPS, MicroCell
from ...viz.cells import cell_scene
from ...viz.compose import moved_all
from ...viz.explorer import Explorer, State
from ...viz.items import Item, Text
from ...viz.palette import MUTED
from ...viz.scene import Scene


class Counts(Protocol):
    """What a network costs: trainable parameters, and multiply-adds for one image."""

    @property
    def params(self) -> int: ...

    @property
    def macs(self) -> int: ...


class MicroCellExplorer(Explorer):
    """Six operations → the cell, what is dead in it, its string, parameters and multiply-adds.

    ``counts`` tells what a cell's network costs; left out, it is `networks.build.count` with the keywords ``net``.
    """

    def __init__(
        self,
        cell: MicroCell | None = None,
        counts: Callable[[MicroCell], Counts] | None = None,
        **net: Any,
    ) -> None:
        self._counts = counts or (lambda cell: count(cell, **net))
        ops = cell.ops if cell else ("nor_conv_3x3",) * len(MICRO_EDGES)
        super().__init__(
            {
                f"edge_{i}_{j}": Dropdown(
                    options=MICRO_OPS,
                    value=op,
                    description=f"{i} → {j}",
                    style={"description_width": "44px"},
                    layout=Layout(width="190px"),
                )
                for (i, j), op in zip(MICRO_EDGES, ops, strict=True)
            }
        )

    @property
    def cell(self) -> MicroCell:
        """The cell as chosen now."""
        return MicroCell(tuple(self.state.values()))

    def render(self, state: State) -> Scene:
        cell = MicroCell(tuple(state.values()))
        return counted_cell_scene(cell, self._counts(cell))


def counted_cell_scene(cell: MicroCell, counts: Counts) -> Scene:
    """The cell with its string and what its network costs."""
    drawn = cell_scene(cell)
    live = len(cell.live_edges())
    facts = (
        ("parameters", f"{counts.params:,}"),
        ("multiply-adds per image", f"{counts.macs:,}"),
        ("live edges", f"{live} of {len(MICRO_EDGES)}"),
    )
    items: list[Item] = [*moved_all(drawn.items, 0, 54)]
    for k, (name, value) in enumerate(facts):
        x = drawn.width * (2 * k + 1) / 6
        items += [Text(x, 22, value, 17, bold=True), Text(x, 43, name, 12, MUTED)]
    height = drawn.height + 88
    items.append(Text(drawn.width / 2, height - 20, str(cell), 10.5, MUTED))
    alt = f"{drawn.alt} {counts.params:,} parameters, {counts.macs:,} multiply-adds per image."
    return Scene(drawn.width, height, tuple(items), alt)
