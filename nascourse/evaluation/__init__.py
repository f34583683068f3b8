"""3 · How good it is: trained from scratch, or looked up in a table of trainings."""

from typing import TYPE_CHECKING

from ..rooms import face

if TYPE_CHECKING:
    from .batched import train_side_by_side
    from .retrain import Retrained, retrain
    from .retrain_plan import PRESETS, Retraining, retrain_data
    from .tabular import TabularBenchmark
    from .training import Recipe, TrainFromScratch, Training, accuracy, train

__all__ = face(__name__)
