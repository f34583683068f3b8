"""What every explorer is: controls on the left, a picture on the right, a sentence below.

A subclass makes its controls and says, in a pure function, which scene a state gives::

    class Powers(Explorer):
        def __init__(self) -> None:
            super().__init__({"k": IntSlider(2, 1, 5, description="k")})

        def render(self, state: State) -> Scene:
            return power_scene(state["k"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

import anywidget
import traitlets
from ipywidgets import HTML, Box, IntSlider, Layout, Play, VBox, Widget, jslink

from ..errors import bad_input
from .scene import Scene, picture_bundle

State = Mapping[str, Any]
"""The controls' values by name; read-only."""


class LiveText(anywidget.AnyWidget):
    """A paragraph that screen readers announce when it changes."""

    _esm = """
    function render({ model, el }) {
      const p = document.createElement("p");
      p.setAttribute("aria-live", "polite");
      p.style.cssText = "margin:4px 8px; line-height:1.4; max-width:110ch";
      p.style.color = "var(--jp-content-font-color1, inherit)";
      const say = () => { p.textContent = model.get("value"); };
      model.on("change:value", say);
      say();
      el.appendChild(p);
      return () => model.off("change:value", say);
    }
    export default { render };
    """
    value = traitlets.Unicode().tag(sync=True)


class Explorer(VBox):
    """A picture that follows its controls. Without a kernel a notebook shows the picture as PNG.

    ``controls`` are widgets with a ``value``, by their names in the state; ``panel`` are the widgets shown on the
    left, where these are more or others than the controls; on a page that leaves the picture less than ``room`` pixels
    beside them, it goes below. A callback never trains: it draws what is known.
    """

    def __init__(self, controls: Mapping[str, Widget], panel: Sequence[Widget] | None = None, room: int = 420) -> None:
        self.controls = dict(controls)
        self.picture = HTML()
        self.sentence = LiveText()
        self._held = False
        left = VBox(
            list(panel if panel is not None else self.controls.values()),
            layout=Layout(flex="0 0 auto", max_width="100%", overflow="hidden"),
        )
        right = Box([self.picture], layout=Layout(flex=f"1 1 {room}px", min_width="300px", overflow="hidden"))
        page = Box([left, right], layout=Layout(display="flex", flex_flow="row wrap", align_items="center"))
        super().__init__([page, self.sentence])
        for control in self.controls.values():
            control.observe(self._follow, "value")
        self._draw()

    def render(self, state: State) -> Scene:
        """The picture of a state. A pure function: the same state gives the same scene."""
        raise NotImplementedError

    @property
    def state(self) -> State:
        """What the controls say now."""
        return MappingProxyType({name: control.value for name, control in self.controls.items()})

    @property
    def scene(self) -> Scene:
        """The picture as it is now."""
        return self.render(self.state)

    def set(self, **values: Any) -> None:
        """Set several controls and draw once. Raises `CourseError` for a control that is not there."""
        for name in values:
            if name not in self.controls:
                raise bad_input(name, f"a control out of {', '.join(self.controls)}", "check the spelling")
        self._held = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self._draw()

    def _follow(self, _: object) -> None:
        if not self._held:
            self._draw()

    def _draw(self) -> None:
        try:
            scene = self.scene
        except Exception as error:  # shown where the reader looks, and raised where tests and logs look
            self.picture.value = f"<pre>{escape(f'{type(error).__name__}: {error}')}</pre>"
            self.sentence.value = "The picture could not be drawn; the message stands in its place."
            raise
        self.picture.value = scene.svg()
        self.sentence.value = scene.alt

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        scene = self.scene
        data, metadata = picture_bundle(scene.png(), scene.alt, scene.width, scene.height)
        live = super()._repr_mimebundle_(**kwargs) or {}
        return {**live, **data, "text/plain": f"{type(self).__name__}: {scene.alt}"}, metadata


def player(
    steps: int, description: str = "step", interval: int = 100, *, start: int = 0, width: int = 300, label: int = 80
) -> tuple[Play, IntSlider]:
    """Play, pause and drag through ``steps`` recorded steps, ``interval`` milliseconds each, from ``start``; both
    widgets belong in the panel, the slider is the control. width, label: of the slider and its name, in pixels."""
    shared = {"value": start, "min": 0, "max": steps - 1}  # on the page the first's value is copied to the second
    style, layout = {"description_width": f"{label}px"}, Layout(width=f"{width}px")
    play = Play(**shared, interval=interval)
    slider = IntSlider(**shared, description=description, style=style, layout=layout)
    jslink((play, "value"), (slider, "value"))
    return play, slider
