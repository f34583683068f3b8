"""A cell drawn so that it holds still while its edges change: each possible edge has a row of its own.

Nodes stand on a diagonal. From each node a rail runs down; where an edge is kept, a wire leaves the rail of its source,
passes the operation and enters its target, whose box spans the rows of all edges that could lead to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ...viz.items import Box, Circle, Group, Item, Line, Text, text_width
from ...viz.palette import CARD, FAINT, INK, MUTED, operation_style

PITCH = 84.0
"""From one node to the next."""
_BOX, _PILL, _SIZE = 22.0, 53.0, 10.0
_DOT, _GREY = 3.2, (2.0, 4.0)


def staircase_items(
    edges: Sequence[tuple[int, int]],
    rows: Sequence[float],
    step: float,
    kept: Mapping[int, str],
    names: Mapping[int, str],
    dead: Collection[int] = (),
    concat: Collection[int] = (),
) -> list[Item]:
    """The cell as items, the first node's rail at x = 0.

    edges: (source, target) of every possible edge, ordered by target; rows: the height of each; step: from one row to
    the next; kept: which edges are there, and their operations; names: of the inputs, and words beside other nodes;
    dead: kept edges that carry nothing; concat: nodes that a box below joins. Groups are keyed ``kept-K``, K the
    position in ``edges``.
    """
    targets = sorted({target for _, target in edges})
    inputs = sorted({source for source, _ in edges} - set(targets))
    top = dict.fromkeys(inputs, rows[0] - 2.2 * step)
    bottom = dict.fromkeys(inputs, rows[0] - 2.2 * step + 22)
    for node in targets:
        own = [y for y, (_, target) in zip(rows, edges, strict=True) if target == node]
        top[node], bottom[node] = own[0] - step / 2 + 1, own[-1] + step / 2 - 1
    floor = rows[-1] + step / 2 + 26
    items: list[Item] = []
    for node in [*inputs, *targets]:
        ends = [rows[row] for row in kept if edges[row][0] == node]
        end = floor if node in concat else max(ends, default=bottom[node])
        if end > bottom[node]:
            rail = ((PITCH * node, bottom[node]), (PITCH * node, end))
            items.append(Line(rail, MUTED, 1.8, arrow=node in concat))
    for row, op in sorted(kept.items()):
        items.append(_wire(edges[row], rows[row], op, row in dead, f"kept-{row}"))
    for node in [*inputs, *targets]:
        items += _node(node, names.get(node, ""), top[node], bottom[node], node in inputs)
    if concat:
        left, right = PITCH * min(concat) - _BOX, PITCH * max(concat) + _BOX / 2
        items += [
            Box(left, floor, right - left, 22, "#EEF1F4", INK, 1.6, radius=5),
            Text((left + right) / 2, floor + 11, "concat", 12),
        ]
    return items


def _wire(edge: tuple[int, int], y: float, op: str, dead: bool, key: str) -> Item:
    start, end = PITCH * edge[0], PITCH * edge[1] - _BOX / 2 - 1
    style = operation_style(op)
    color, dash, line = (FAINT, _GREY, 1.6) if dead else (style.color, style.dash, 2.2)
    pill = start + _DOT + 3.5
    wire = Line(((pill + _PILL, y), (end, y)), color, line, dash, arrow=True)
    title = f"{edge[0]} → {edge[1]}: {op}" + (" (dead)" if dead else "")
    items: tuple[Item, ...] = (
        Line(((pill + _PILL, y), (end - 8, y)), CARD, 8),  # a bridge over the rails between
        Line(((start, y), (pill, y)), color, line),
        Circle(start, y, _DOT, MUTED),
        wire,
        Box(pill, y - 8.5, _PILL, 17, CARD if dead else style.tint, color, 1.2, (3, 3) if dead else (), radius=8.5),
        Text(pill + _PILL / 2, y, style.label, _SIZE, MUTED if dead else INK),
    )
    return Group(items, key, title)


def _node(node: int, name: str, top: float, bottom: float, is_input: bool) -> Iterator[Item]:
    width = text_width(name, 12) + 14 if is_input else _BOX
    x, y = PITCH * node, (top + bottom) / 2
    yield Box(x - width / 2, top, width, bottom - top, "#EEF1F4" if is_input else CARD, INK, 1.8, radius=5)
    yield Text(x, y, name if is_input else str(node), 12, bold=not is_input)
    if name and not is_input:
        yield Text(x + _BOX / 2 + 8, y, name, 12, anchor="start")
