"""What the server of `tests.children` imports, reads and computes once for all its children."""

import hypothesis
import matplotlib.figure
import pytest
import scipy.stats
import torch._dynamo  # a second and more, which the first optimizer of a process would take

from nascourse.making import table_build
from tests.evaluation.tables import TINY

__all__ = ["hypothesis", "matplotlib", "pytest", "scipy", "torch"]

table_build.order()
table_build._images(TINY)
