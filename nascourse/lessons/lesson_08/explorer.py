"""Lesson 08's explorer: play, pause and drag through a recorded search by gradient descent."""

from __future__ import annotations

from typing import Any

from ipywidgets import HBox, Layout, ToggleButtons

from ...search.gradient.alpha_history import AlphaHistory
from ...viz.explorer import Explorer, State, player
from ...viz.scene import Scene
from .alpha import AlphaFilm, alpha_scene


class AlphaEvolutionExplorer(Explorer):
    """α at each recorded step, what would be derived from it, and a switch between the kinds of cells. ``place``: where
    the player stands at first, the end where left out."""

    def __init__(self, history: AlphaHistory, place: int | None = None) -> None:
        self._film = AlphaFilm.of(history)
        play, slider = player(len(history), "step", interval=80)
        play.step = max(1, len(history) // 250)  # a longer search does not play longer
        play.value = slider.value = len(history) - 1 if place is None else place  # both: the first is copied
        slider.readout = False  # the picture says how many steps that is
        slider.layout = Layout(width="420px")
        controls: dict[str, Any] = {"place": slider}
        panel: list[Any] = [HBox([slider, play])]
        if len(history.kinds) > 1:
            names = [(self._film.titles[kind], kind) for kind in history.kinds]
            controls["kind"] = ToggleButtons(options=names, style={"button_width": "120px"})
            panel = [HBox([*panel[0].children, controls["kind"]], layout=Layout(flex_flow="row wrap"))]
        super().__init__(controls, panel, room=640)

    def render(self, state: State) -> Scene:
        return alpha_scene(self._film, state["place"], state.get("kind", self._film.history.kinds[0]))
