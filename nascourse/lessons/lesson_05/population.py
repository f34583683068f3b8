"""A recorded evolution, generation by generation: who was selected, born and dropped, and where the population moves.

Every picture is a pure function of a history and its generations (`search.evolution.replay` has those of a journal).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from ...search.evolution.evolution import Generation, populations
from ...search.history import History
from ...viz.axes import Plane, bulk, spread
from ...viz.palette import CARD, FAINT, INK, MARK, MUTED, SERIES
from ...viz.scene import Circle, Group, Item, Line, Point, Scene, Text, marker
from .kinship import origins

_ALIVE, _PARENT, _CHILD = SERIES[0], SERIES[1], SERIES[2]
_RIGHT = 214.0


def generation_scene(history: History[Any], generations: Sequence[Generation], step: int) -> Scene:
    """Accuracy against the number of the trial, so the oldest is on the left: after generation ``step`` (0: the
    founders) who is alive, whose parents they are, who was born and who was dropped."""
    generation, alive = generations[step], tuple(populations(generations[: step + 1]))[-1]
    parents = _parents(history, generation)
    plane = Plane((-1.0, float(len(history))), spread(bulk(history.accuracies)))
    at = partial(_by_number, history, plane)
    items = plane.items("number of the trial: the oldest on the left", "validation accuracy")
    items += _past(history, generation, at)
    for child in generation.born:
        items += [Line((at(parent), at(child)), MUTED, 1.2, (4, 3)) for parent in history[child].trial.parents]
    items += _people(history, generation, alive, parents, at)
    items += _legend(
        plane,
        [
            ("alive", len(alive), partial(_disc, _ALIVE.color)),
            ("selected", len(parents), _selected),
            *_births(history, generation),
            ("dropped", len(generation.dropped), _cross),
        ],
        [*_facts(history, generation, alive), *_below(history, generation, plane)],
    )
    return Scene(plane.left + plane.width + _RIGHT, 392, tuple(items), _told(history, generation, alive, step))


def drift_scene(history: History[Any], generations: Sequence[Generation], step: int) -> Scene:
    """Accuracy against parameters after generation ``step``: the population, who came before it, who was born now, and
    the path of the population's mean since the founders."""
    everyone = [row.result for row in history]
    # a trial that failed may not have come as far as its parameters: it is drawn on the left edge
    plane = Plane(spread(r.params for r in everyone if not r.failed), spread(bulk(r.accuracy for r in everyone)))

    def at(number: int) -> Point:
        result = history[number].result
        return plane.at(result.params, result.accuracy)

    generation = generations[step]
    alive = tuple(populations(generations[: step + 1]))
    items = plane.items("parameters", "validation accuracy")
    items += _past(history, generation, at)
    means = [plane.at(*mean) for mean in (_mean(history, population) for population in alive) if mean]
    if len(means) > 1:
        items.append(Line(tuple(means), INK, 1.6, (6, 3)))
    items += _people(history, generation, alive[-1], (), at)
    if means:
        (x, y) = means[-1]
        items.append(Group((marker("D", x, y, 17, CARD), marker("D", x, y, 12, INK)), "mean"))
    items += _legend(
        plane,
        [
            ("alive", len(alive[-1]), partial(_disc, _ALIVE.color)),
            *_births(history, generation),
            ("dropped", len(generation.dropped), _cross),
            ("mean of the population", None, lambda x, y: [marker("D", x, y, 12, INK)]),
        ],
        [*_facts(history, generation, alive[-1]), *_below(history, generation, plane)],
    )
    first, last = _mean(history, alive[0]), _mean(history, alive[-1])
    alt = f"Population after generation {step}, accuracy against parameters: {len(alive[-1])} alive. "
    if first and last:
        alt += (
            f"Their mean moved from {first[0]:,.0f} parameters and accuracy {first[1]:.4f} among the founders to "
            f"{last[0]:,.0f} and {last[1]:.4f}."
        )
    return Scene(plane.left + plane.width + _RIGHT, 392, tuple(items), alt)


def _by_number(history: History[Any], plane: Plane, number: int) -> Point:
    return plane.at(number, history[number].result.accuracy)


def _parents(history: History[Any], generation: Generation) -> tuple[int, ...]:
    return tuple(sorted({parent for child in generation.born for parent in history[child].trial.parents}))


def _mean(history: History[Any], population: Sequence[int]) -> tuple[float, float] | None:
    """Mean parameters and accuracy of those who did not fail."""
    good = [history[number].result for number in population if not history[number].result.failed]
    return (fmean(r.params for r in good), fmean(r.accuracy for r in good)) if good else None


def _last(generation: Generation) -> int:
    """The newest trial of all so far; -1 where nobody was born."""
    return max(generation.born, default=-1)


Place = Callable[[int], Point]
"""Where a trial is drawn."""

Draw = Callable[[float, float], list[Item]]
"""A marker at (x, y)."""


def _past(history: History[Any], generation: Generation, at: Place) -> Iterator[Item]:
    """Everybody evaluated so far, faintly."""
    for number in range(_last(generation) + 1):
        yield Circle(*at(number), 2.2, fill=FAINT)


def _people(
    history: History[Any], generation: Generation, alive: Collection[int], parents: Collection[int], at: Place
) -> Iterator[Item]:
    for number in sorted({*alive, *generation.born, *generation.dropped, *parents}):
        x, y = at(number)
        drawn: list[Item] = []
        roles: list[tuple[bool, str, Draw]] = [
            (number in alive and number not in generation.born, "alive", partial(_disc, _ALIVE.color)),
            (number in parents, "selected", _selected),
            (number in generation.born, _birth(history, number), _star if _new(history, number) else _pale_star),
            (number in generation.dropped, "dropped", _cross),
        ]
        for holds, _, draw in roles:
            drawn += draw(x, y) if holds else []
        words = ", ".join(name for holds, name, _ in roles if holds)
        title = f"trial {number}, accuracy {history[number].result.accuracy:.4f}: {words}"
        yield Group(tuple(drawn), f"trial-{number}", title)


def _disc(color: str, x: float, y: float) -> list[Item]:
    return [Circle(x, y, 5, fill=color, stroke=CARD, line=1)]


def _selected(x: float, y: float) -> list[Item]:
    return [Circle(x, y, 10, stroke=_PARENT.color, line=2.4)]


def _star(x: float, y: float) -> list[Item]:
    return [marker("*", x, y, 20, INK), marker("*", x, y, 12, MARK)]


def _pale_star(x: float, y: float) -> list[Item]:
    return [marker("*", x, y, 20, INK), marker("*", x, y, 12, CARD)]


def _cross(x: float, y: float) -> list[Item]:
    return [marker("X", x, y, 15, CARD), marker("X", x, y, 12, MUTED)]


def _legend(plane: Plane, rows: Sequence[tuple[str, int | None, Draw]], facts: Sequence[str]) -> Iterator[Item]:
    x, y = plane.left + plane.width + 30, plane.top + 14
    for name, count, draw in rows:
        yield from draw(x, y)
        yield Text(x + 20, y, name if count is None else f"{name}: {count}", 12.5, anchor="start")
        y += 28
    y += 14
    for fact in facts:
        yield Text(x - 10, y, fact, 12, MUTED, "start")
        y += 20


def _facts(history: History[Any], generation: Generation, alive: Sequence[int]) -> list[str]:
    good = [history[number].result.accuracy for number in alive if not history[number].result.failed]
    crossed = sum(len(history[child].trial.parents) == 2 for child in generation.born)
    facts = [f"best alive {max(good):.4f}", f"mean {fmean(good):.4f}"] if good else ["all alive have failed"]
    facts.append(f"{len({history[number].trial.arch for number in alive})} different architectures")
    if any(history[child].trial.parents for child in generation.born):
        changed = sum(_mutated(history, child) for child in generation.born)
        facts += [f"{crossed} of {len(generation.born)} born crossed", f"{changed} with something new"]
    return facts


def _below(history: History[Any], generation: Generation, plane: Plane) -> list[str]:
    """How many so far are drawn on the lower edge because they lie far below the others."""
    count = sum(row.result.accuracy < plane.y[0] for row in history.rows[: _last(generation) + 1])
    return [f"on the lower edge: {count} far below"] if count else []


def _new(history: History[Any], number: int) -> bool:
    """Whether it is a founder, or has something that no parent has."""
    return not history[number].trial.parents or _mutated(history, number)


def _birth(history: History[Any], number: int) -> str:
    parents = history[number].trial.parents
    how = [", crossed"] * (len(parents) == 2) + [", nothing new"] * (not _new(history, number))
    return "born" + "".join(how)


def _births(history: History[Any], generation: Generation) -> list[tuple[str, int | None, Draw]]:
    """The legend's rows of who was born."""
    new = sum(_new(history, number) for number in generation.born)
    rows: list[tuple[str, int | None, Draw]] = [("born", new, _star)]
    if others := len(generation.born) - new:
        rows.append(("born, nothing new", others, _pale_star))
    return rows


def _mutated(history: History[Any], child: int) -> bool:
    trial = history[child].trial
    return bool(trial.parents) and "" in origins(trial.arch, [history[parent].trial.arch for parent in trial.parents])


def _told(history: History[Any], generation: Generation, alive: Sequence[int], step: int) -> str:
    if not any(history[child].trial.parents for child in generation.born):
        start = f"The founders: {len(generation.born)} random architectures. "
    elif len(generation.born) == 1:
        (child,) = generation.born
        made = "crossed" if len(history[child].trial.parents) == 2 else "not crossed"
        new = "with something new" if _mutated(history, child) else "with nothing new"
        parents = " and ".join(map(str, history[child].trial.parents))
        start = f"Generation {step}: trial {child} is born of {parents}, {made}, {new}. "
    else:
        crossed = sum(len(history[child].trial.parents) == 2 for child in generation.born)
        changed = sum(_mutated(history, child) for child in generation.born)
        start = (
            f"Generation {step}: {len(generation.born)} are born of {len(_parents(history, generation))} parents, "
            f"{crossed} of them crossed, {changed} with something new. "
        )
    dropped = generation.dropped
    if dropped:
        start += f"Dropped: {', '.join(map(str, dropped)) if len(dropped) <= 6 else f'{len(dropped)} trials'}. "
    good = [history[number].result.accuracy for number in alive if not history[number].result.failed]
    return start + f"{len(alive)} are alive" + (f", the best has {max(good):.4f}." if good else ", all failed.")
