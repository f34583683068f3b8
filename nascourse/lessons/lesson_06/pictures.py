"""Reinforcement learning as pictures: agent and environment, and a policy while it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from ipywidgets import HBox

from ...errors import bad_input
from ...spaces.base import SearchSpace
from ...spaces.micro import MICRO_EDGES, MICRO_OPS
from ...viz.dag import pill
from ...viz.explorer import Explorer, State, player
from ...viz.items import Box, Item, Line, Text, marker
from ...viz.palette import CARD, FAINT, INK, MUTED, RULE, SERIES, operation_style
from ...viz.plane import Plane, bulk, number, series_key, spread
from ...viz.scene import Scene

if TYPE_CHECKING:  # which load torch
    from ...search.history import History
    from .snapshots import Snapshot

_AGENT, _ENVIRONMENT = (24.0, 40.0, 330.0, 196.0), (556.0, 40.0, 190.0, 196.0)
"""x, y, width, height."""


def agent_environment_scene(
    ops: Sequence[str] = ("nor_conv_3x3", "skip_connect", "avg_pool_3x3"),
) -> Scene:
    """The syllabus' picture: the agent, a recurrent network, samples an architecture (action Aₜ); the environment
    trains and validates it, and gives reward Rₜ and state Sₜ back. ops: decisions the network is seen to take."""
    items: list[Item] = []
    for (x, y, width, height), style, name, what in (
        (_AGENT, SERIES[0], "Agent", "the controller, a recurrent network"),
        (_ENVIRONMENT, SERIES[1], "Environment", "what training makes of it"),
    ):
        items += [
            Box(x, y, width, height, style.tint, style.color, 2, radius=10),
            Text(x + width / 2, y + 22, name, 16, bold=True),
            Text(x + width / 2, y + 43, what, 12, MUTED),
        ]
    items += [*_unrolled(ops), *_training()]
    left, right = _AGENT[0] + _AGENT[2], _ENVIRONMENT[0]
    for y, dash, name, what in (
        (80, (), "action Aₜ", "sample an architecture"),
        (146, (7, 4), "reward Rₜ", "its validation accuracy"),
        (212, (2, 3.5), "state Sₜ", "what has been built"),
    ):
        ends = ((left + 6, y), (right - 6, y))
        items += [
            Text((left + right) / 2, y - 16, name, 14, bold=True),
            Line(ends[::-1] if dash else ends, INK, 2.4, dash, arrow=True),
            Text((left + right) / 2, y + 16, what, 12, MUTED),
        ]
    alt = (
        "Two boxes. The agent, a recurrent network, decides one operation after the other, each known to the next; its "
        "action A_t is a sampled architecture, which goes to the environment. The environment trains and validates it, "
        "and gives back the reward R_t, its validation accuracy, and the state S_t."
    )
    return Scene(_ENVIRONMENT[0] + _ENVIRONMENT[2] + 24, 276, tuple(items), alt)


def _unrolled(ops: Sequence[str]) -> Iterator[Item]:
    """A recurrent network over the decisions: each of its cells gives an operation, which the next one reads."""
    x0, y0, width, _ = _AGENT
    pitch = width / len(ops)
    for k, op in enumerate(ops):
        x, style = x0 + pitch * (k + 0.5), operation_style(op)
        yield Box(x - 26, y0 + 126, 52, 34, CARD, INK, 1.6, radius=5)
        yield Text(x, y0 + 143, "RNN", 12)
        yield Line(((x, y0 + 124), (x, y0 + 103)), INK, 1.6, arrow=True)
        yield from pill(x, y0 + 89, style, style.label, 86, 24, 1.6)
        if k + 1 < len(ops):
            yield Line(((x + 28, y0 + 150), (x + pitch - 28, y0 + 150)), INK, 1.6, arrow=True)
            bend, end = x + pitch / 2, (x + pitch - 28, y0 + 134)
            yield Line(
                ((x + 43, y0 + 89), (bend + 4, y0 + 89), (bend - 14, end[1]), end), MUTED, 1.4, (3, 2.5), True, True
            )
    yield Text(x0 + width / 2, y0 + 180, "one decision after the other", 12, MUTED)


def _training() -> Iterator[Item]:
    x, y, width, _ = _ENVIRONMENT
    for k, words in enumerate(("train", "validate")):
        top = y + 70 + 62 * k
        yield Box(x + 38, top, width - 76, 36, CARD, INK, 1.6, radius=5)
        yield Text(x + width / 2, top + 18, words, 13)
    yield Line(((x + width / 2, y + 107), (x + width / 2, y + 131)), INK, 1.8, arrow=True)


Drawn = tuple[tuple[int, ...], float]
"""The decisions of a trial and its reward, NaN where it failed."""

_LEFT, _NAME, _COLUMN, _SMALL = 18.0, 104.0, 76.0, 27.0
_BARS, _ROW, _LIST, _LINE = 62.0, 36.0, 62.0, 18.0
_BAR, _PLOT = 36.0, 130.0
_MOST = 10
"""Drawn architectures that are listed."""


def policy_scene(
    snapshots: Sequence[Snapshot], trials: Sequence[Drawn], step: int, decisions: Sequence[str], options: Sequence[str]
) -> Scene:
    """A policy after ``step`` updates: the probability of each option of each decision, beside it what was drawn for
    the last update, below it rewards and baseline up to then.

    trials: all of the search, in the order of asking; decisions: their names; options: primitives, the same for every
    decision. Raises `CourseError` for a step that was not recorded and for names that do not fit the policy.
    """
    if not 0 <= step < len(snapshots):
        raise bad_input(f"step {step}", f"a step in 0..{len(snapshots) - 1}", "choose one that was recorded")
    now = snapshots[step]
    if {len(row) for row in now.policy} != {len(options)} or len(now.policy) != len(decisions):
        raise bad_input(
            f"{len(decisions)} decisions of {len(options)} options",
            f"{len(now.policy)} of {len(now.policy[0])} as the policy has",
            "name each of them once",
        )
    begin = snapshots[step - 1].seen if step else 0
    drawn = trials[begin : now.seen]
    right = _LEFT + _NAME + _COLUMN * len(decisions) + 14
    width = right + _SMALL * len(decisions) + 74
    most = max((after.seen - before.seen for before, after in pairwise(snapshots)), default=0)
    listed = min(most, _MOST)  # so that the picture keeps its size from step to step
    bottom = max(_BARS + _ROW * len(options), _LIST + _LINE * listed) + 22
    items = [
        Text(_LEFT, 22, f"policy after update {step}", 14, INK, "start", bold=True),
        *_bars(now.policy, decisions, options),
        *_drawn_list(drawn, right, decisions, options),
        *_curves(snapshots, trials, step, bottom, width),
    ]
    return Scene(
        width, bottom + _PLOT + 76, tuple(items), _policy_sentence(now, step, len(snapshots) - 1, decisions, options)
    )


def _bars(policy: Sequence[Sequence[float]], decisions: Sequence[str], options: Sequence[str]) -> Iterator[Item]:
    for row, option in enumerate(options):
        style, y = operation_style(option), _BARS + _ROW * row + 10
        yield marker(style.marker, _LEFT + 6, y, 11, style.color)
        yield Text(_LEFT + 18, y, style.label, 12, anchor="start")
        for column, chances in enumerate(policy):
            x, chance = _LEFT + _NAME + _COLUMN * column, chances[row]
            likeliest = row == _likeliest(chances)
            yield Box(x, y - 9, _BAR, 18, CARD, RULE, 1)
            yield Box(x, y - 9, max(_BAR * chance, 0.5), 18, style.color)
            yield Text(x + _BAR + 4, y, f"{chance:.2f}", 11, INK if likeliest else MUTED, "start", bold=likeliest)
    for column, name in enumerate(decisions):
        yield Text(_LEFT + _NAME + _COLUMN * column + _COLUMN / 2 - 6, 46, name, 12)


def _drawn_list(
    drawn: Sequence[Drawn], left: float, decisions: Sequence[str], options: Sequence[str]
) -> Iterator[Item]:
    words = "drawn for this update" if drawn else "nothing drawn yet"
    if len(drawn) > _MOST:
        words += f" ({_MOST} of {len(drawn)})"
    yield Text(left, 22, words, 12, MUTED, "start")
    for column, name in enumerate(decisions):
        yield Text(left + _SMALL * (column + 0.5), 46, name, 10, MUTED)
    yield Text(left + _SMALL * len(decisions) + 54, 46, "reward", 10, MUTED, "end")
    for row, (sequence, reward) in enumerate(drawn[:_MOST]):
        y = _LIST + _LINE * row + 8
        for column, option in enumerate(sequence):
            style = operation_style(options[option])
            yield marker(style.marker, left + _SMALL * (column + 0.5), y, 11, style.color)
        words = "failed" if math.isnan(reward) else number(reward, ".3f")
        yield Text(left + _SMALL * len(decisions) + 54, y, words, 11, anchor="end")


def _curves(
    snapshots: Sequence[Snapshot], trials: Sequence[Drawn], step: int, top: float, width: float
) -> Iterator[Item]:
    """Every reward as a dot, the mean of each batch and the baseline as lines. The scales are those of all the search;
    rewards far below the others lie on the lower edge."""
    learned = [snapshot.learned for snapshot in snapshots if snapshot.learned]
    series = {
        "mean reward of a batch": [update.reward for update in learned],
        "baseline": [update.baseline for update in learned],
    }
    rewards = [reward for _, reward in trials]
    seen = snapshots[step].seen
    reach = spread(bulk([*rewards, *chain(*series.values())]))
    plane = Plane((0, max(len(trials), 1)), reach, 66, top + 26, width - 84, _PLOT)
    yield from plane.frame("trials", "reward")
    for trial, reward in enumerate(rewards[:seen]):
        if not math.isnan(reward):
            yield marker("o", *plane.at(trial + 0.5, reward), 3.5, FAINT)
    x = plane.left
    for style, (name, values) in zip(SERIES, series.items(), strict=False):
        points = [
            plane.at(s.seen, v) for s, v in zip(snapshots[1 : step + 1], values, strict=False) if math.isfinite(v)
        ]
        if len(points) > 1:
            yield Line(tuple(points), style.color, 2.2, style.dash)
        if points:
            yield marker(style.marker, *points[-1], 10, style.color)
        yield from series_key(x, top + 10, style, name)
        x += 220
    yield marker("o", x + 4, top + 10, 4.5, FAINT)
    below = sum(reward < plane.y[0] for reward in rewards[:seen])
    words = "a trial" + (f" ({below} far below, on the edge)" if below else "")
    yield Text(x + 14, top + 10, words, 12, MUTED, "start")
    if seen:
        yield plane.now(seen)


def _likeliest(chances: Sequence[float]) -> int | None:
    """The option that is ahead of all others by what two decimals can show."""
    first, *rest = sorted(range(len(chances)), key=lambda k: -chances[k])
    return first if not rest or chances[first] - chances[rest[0]] >= 0.005 else None


def _policy_sentence(now: Snapshot, step: int, updates: int, decisions: Sequence[str], options: Sequence[str]) -> str:
    named = [
        f"{name} {operation_style(options[k]).label} {row[k]:.2f}"
        for name, row in zip(decisions, now.policy, strict=True)
        if (k := _likeliest(row)) is not None
    ]
    said = f"Likeliest: {', '.join(named)}." if named else "No option of any decision stands out."
    sentence = f"After update {step} of {updates} ({now.seen} trials). {said}"
    if now.learned:
        sentence += (
            f" The last batch had a mean reward of {number(now.learned.reward, '.3f')} and an entropy of "
            f"{now.learned.entropy:.1f} nats; its bonus included, it was compared with a baseline of "
            f"{number(now.learned.baseline, '.3f')}."
        )
    return sentence


MICRO_DECISIONS = tuple(f"{i}→{j}" for i, j in MICRO_EDGES)


class PolicyExplorer(Explorer):
    """A player through the updates of a recorded search, see `snapshots`. decisions and options: their
    names, the options primitives and the same for every decision; for `MicroSpace` where left out."""

    def __init__(
        self,
        space: SearchSpace[Any],
        history: History[Any],
        snapshots: Sequence[Snapshot],
        decisions: Sequence[str] = MICRO_DECISIONS,
        options: Sequence[str] = MICRO_OPS,
        step: int | None = None,
    ) -> None:
        self._snapshots, self._decisions, self._options = tuple(snapshots), tuple(decisions), tuple(options)
        self._trials = tuple((space.encode(row.trial.arch), row.result.accuracy) for row in history)
        start = len(snapshots) - 1 if step is None else step
        play, slider = player(len(snapshots), "update", 250, start=start)
        super().__init__({"update": slider}, [slider, HBox([play])])

    def render(self, state: State) -> Scene:
        return policy_scene(self._snapshots, self._trials, state["update"], self._decisions, self._options)
