"""Reinforcement learning: a controller that decides, and the gradient of its expected reward."""

from typing import TYPE_CHECKING

from ...rooms import face

if TYPE_CHECKING:
    from .controller import Controller, Extent, LSTMController, Sample, TableController
    from .policy_gradient import Learning, PolicyGradient, Update, surrogate
    from .reinforce import Reinforce, ppo

__all__ = face(__name__)
