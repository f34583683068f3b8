"""Lesson 07's second explorer: how first order, one unrolled step and the exact hypergradient walk on one plane."""

from __future__ import annotations

from ipywidgets import FloatSlider, HBox, IntSlider, Layout

from ...viz.explorer import Explorer, State, player
from ...viz.scene import Scene
from .bilevel import landscape_scene, toy_methods

STEPS = 60


class BilevelExplorer(Explorer):
    """ξ, how often w steps for each step of α, how far α steps, and a player through the walk."""

    def __init__(self, xi: float = 0.25, step: int = STEPS) -> None:
        play, slider = player(STEPS + 1)
        play.value = slider.value = step  # both: on the page the first is copied to the second
        style, layout = {"description_width": "96px"}, Layout(width="300px")
        slider.style, slider.layout = style, layout
        controls = {
            "xi": FloatSlider(xi, min=0, max=1, step=0.05, description="ξ", style=style, layout=layout),
            "w_steps": IntSlider(1, min=1, max=10, description="w steps per α", style=style, layout=layout),
            "rate_alpha": FloatSlider(
                0.1, min=0.02, max=0.3, step=0.02, description="step size of α", style=style, layout=layout
            ),
            "step": slider,
        }
        super().__init__(controls, [controls["xi"], controls["w_steps"], controls["rate_alpha"], slider, HBox([play])])

    def render(self, state: State) -> Scene:
        return landscape_scene(toy_methods(state["xi"], state["step"], state["rate_alpha"], state["w_steps"]))
