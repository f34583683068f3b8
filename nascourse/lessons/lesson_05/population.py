"""A recorded evolution, generation by generation: who was selected, born and dropped, and where the population moves.

Every picture is a pure function of a history and its generations (`analysis.replay` has those of a journal).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from statistics import fmean
from typing import Any

from ipywidgets import HBox

from ...errors import bad_input
from ...search.evolution.evolution import Generation
from ...search.history import History
from ...viz.explorer import Explorer, State, player
from ...viz.items import Circle, Group, Item, Line, Point, Text, marker, star
from ...viz.palette import CARD, FAINT, INK, MUTED, SERIES
from ...viz.plane import Plane, bulk, spread
from ...viz.scene import Scene
from .analysis import populations
from .kinship import origins

MARKS: dict[str, Callable[[float, float], tuple[Item, ...]]] = {
    "alive": lambda x, y: (Circle(x, y, 5, fill=SERIES[0].color, stroke=CARD, line=1),),
    "selected": lambda x, y: (Circle(x, y, 10, stroke=SERIES[1].color, line=2.4),),
    "born": lambda x, y: star(x, y, 20),
    "born, nothing new": lambda x, y: star(x, y, 20, CARD),
    "dropped": lambda x, y: (marker("X", x, y, 15, CARD), marker("X", x, y, 12, MUTED)),
    "mean of the population": lambda x, y: (marker("D", x, y, 17, CARD), marker("D", x, y, 12, INK)),
}
"""How each role is drawn at (x, y)."""
Place = Callable[[int], Point]
"""Where a trial is drawn."""


class _Moment:
    """A recorded evolution after generation ``step`` (0: the founders)."""

    def __init__(self, history: History[Any], generations: Sequence[Generation], step: int) -> None:
        self.history, self.step = history, step
        self.born, self.dropped = generations[step].born, generations[step].dropped
        self.populations = tuple(populations(generations[: step + 1]))
        self.alive = self.populations[-1]
        self.past = history.rows[: max(self.born, default=-1) + 1]
        children = {child: history[child].trial for child in self.born if history[child].trial.parents}
        self.parents = sorted({parent for trial in children.values() for parent in trial.parents})
        self.crossed = {child for child, trial in children.items() if len(trial.parents) == 2}
        self.inherited = {
            child
            for child, trial in children.items()
            if all(origins(trial.arch, [history[parent].trial.arch for parent in trial.parents]))
        }
        """Born with nothing that no parent has."""
        self.changed = children.keys() - self.inherited
        self.accuracies = [
            history[number].result.accuracy for number in self.alive if not history[number].result.failed
        ]

    def mean(self, population: Collection[int]) -> tuple[float, float] | None:
        """Mean parameters and accuracy of those who did not fail."""
        good = [self.history[number].result for number in population if not self.history[number].result.failed]
        return (fmean(r.params for r in good), fmean(r.accuracy for r in good)) if good else None


def generation_scene(history: History[Any], generations: Sequence[Generation], step: int) -> Scene:
    """Accuracy against the number of the trial, so the oldest is on the left: after generation ``step`` (0: the
    founders) who is alive, whose parents they are, who was born and who was dropped."""
    moment = _Moment(history, generations, step)
    plane = Plane((-1.0, float(len(history))), spread(bulk(history.accuracies)))

    def at(number: int) -> Point:
        return plane.at(number, history[number].result.accuracy)

    descents = [(parent, child) for child in moment.born for parent in history[child].trial.parents]
    items = [
        *plane.frame("number of the trial: the oldest on the left", "validation accuracy"),
        *_past(moment, at),
        *(Line((at(parent), at(child)), MUTED, 1.2, (4, 3)) for parent, child in descents),
        *_people(moment, at, moment.parents),
        *_legend(moment, plane, ["alive", "selected", "born", "born, nothing new", "dropped"]),
    ]
    return Scene(plane.right + 214, 392, tuple(items), _describe(moment))


def drift_scene(history: History[Any], generations: Sequence[Generation], step: int) -> Scene:
    """Accuracy against parameters after generation ``step``: the population, who came before it, who was born now, and
    the path of the population's mean since the founders."""
    moment = _Moment(history, generations, step)
    everyone = [row.result for row in history]
    # a trial that failed may not have come as far as its parameters: it is drawn on the left edge
    plane = Plane(spread(r.params for r in everyone if not r.failed), spread(bulk(r.accuracy for r in everyone)))

    def at(number: int) -> Point:
        result = history[number].result
        return plane.at(result.params, result.accuracy)

    items = [*plane.frame("parameters", "validation accuracy"), *_past(moment, at)]
    means = [moment.mean(population) for population in moment.populations]
    path = [plane.at(*mean) for mean in means if mean]
    if len(path) > 1:
        items.append(Line(tuple(path), INK, 1.6, (6, 3)))
    items += _people(moment, at, ())
    if path:
        items.append(Group(MARKS["mean of the population"](*path[-1]), "mean"))
    items += _legend(moment, plane, ["alive", "born", "born, nothing new", "dropped", "mean of the population"])
    alt = f"Population after generation {step}, accuracy against parameters: {len(moment.alive)} alive. "
    if (first := means[0]) and (last := means[-1]):
        alt += (
            f"Their mean moved from {first[0]:,.0f} parameters and accuracy {first[1]:.4f} among the founders to "
            f"{last[0]:,.0f} and {last[1]:.4f}."
        )
    return Scene(plane.right + 214, 392, tuple(items), alt)


def _past(moment: _Moment, at: Place) -> Iterator[Item]:
    """Everybody evaluated so far, faintly."""
    for number in range(len(moment.past)):
        yield Circle(*at(number), 2.2, fill=FAINT)


def _people(moment: _Moment, at: Place, parents: Collection[int]) -> Iterator[Item]:
    for number in sorted({*moment.alive, *moment.born, *moment.dropped, *parents}):
        nothing_new = ", nothing new" * (number in moment.inherited)
        roles = {  # what is drawn -> what is said
            "alive": "alive" * (number in moment.alive and number not in moment.born),
            "selected": "selected" * (number in parents),
            f"born{nothing_new}": f"born{', crossed' * (number in moment.crossed)}{nothing_new}"
            * (number in moment.born),
            "dropped": "dropped" * (number in moment.dropped),
        }
        drawn = [item for role, said in roles.items() if said for item in MARKS[role](*at(number))]
        accuracy = moment.history[number].result.accuracy
        title = f"trial {number}, accuracy {accuracy:.4f}: {', '.join(filter(None, roles.values()))}"
        yield Group(tuple(drawn), f"trial-{number}", title)


def _legend(moment: _Moment, plane: Plane, roles: Sequence[str]) -> Iterator[Item]:
    counts = {
        "alive": len(moment.alive),
        "selected": len(moment.parents),
        "born": len(moment.born) - len(moment.inherited),
        "born, nothing new": len(moment.inherited),
        "dropped": len(moment.dropped),
    }
    x, y = plane.right + 30, plane.top + 14
    for role in roles:
        if role == "born, nothing new" and not moment.inherited:
            continue
        yield from MARKS[role](x, y)
        yield Text(x + 20, y, f"{role}: {counts[role]}" if role in counts else role, 12.5, anchor="start")
        y += 28
    y += 14
    for fact in _facts(moment, plane):
        yield Text(x - 10, y, fact, 12, MUTED, "start")
        y += 20


def _facts(moment: _Moment, plane: Plane) -> Iterator[str]:
    if moment.accuracies:
        yield f"best alive {max(moment.accuracies):.4f}"
        yield f"mean {fmean(moment.accuracies):.4f}"
    else:
        yield "all alive have failed"
    yield f"{len({moment.history[number].trial.arch for number in moment.alive})} different architectures"
    if moment.parents:
        yield f"{len(moment.crossed)} of {len(moment.born)} born crossed"
        yield f"{len(moment.changed)} with something new"
    if below := sum(row.result.accuracy < plane.y[0] for row in moment.past):
        yield f"on the lower edge: {below} far below"


def _describe(moment: _Moment) -> str:
    born, dropped = moment.born, moment.dropped
    if not moment.parents:
        said = f"The founders: {len(born)} random architectures. "
    elif len(born) == 1:
        parents = " and ".join(map(str, moment.history[born[0]].trial.parents))
        how = (
            f"{'crossed' if moment.crossed else 'not crossed'}, with {'something' if moment.changed else 'nothing'} new"
        )
        said = f"Generation {moment.step}: trial {born[0]} is born of {parents}, {how}. "
    else:
        said = (
            f"Generation {moment.step}: {len(born)} are born of {len(moment.parents)} parents, "
            f"{len(moment.crossed)} of them crossed, {len(moment.changed)} with something new. "
        )
    if dropped:
        said += f"Dropped: {', '.join(map(str, dropped)) if len(dropped) <= 6 else f'{len(dropped)} trials'}. "
    best = f", the best has {max(moment.accuracies):.4f}." if moment.accuracies else ", all failed."
    return f"{said}{len(moment.alive)} are alive{best}"


class GenerationExplorer(Explorer):
    """Step through the generations: who was selected, born and dropped."""

    draw = staticmethod(generation_scene)

    def __init__(self, history: History[Any], generations: Sequence[Generation], step: int = 0) -> None:
        if not generations:
            raise bad_input("no generation", "a search that told at least its founders", "raise the budget")
        self._history, self._generations = history, tuple(generations)
        play, slider = player(len(generations), "generation", 300, start=step, width=280, label=76)
        super().__init__({"generation": slider}, [slider, HBox([play])])

    def render(self, state: State) -> Scene:
        return self.draw(self._history, self._generations, state["generation"])


class DriftExplorer(GenerationExplorer):
    """The population moving through accuracy against parameters."""

    draw = staticmethod(drift_scene)
