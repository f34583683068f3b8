"""Every number that decides how long something takes, in one place: the modes, the lessons' numbers, the presets of the
long runs. The code path is the same in all of them; this file holds plain values only.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

from .errors import bad_input

MODES = ("ci", "lesson", "full")
"""How much a lesson runs: seconds, for tests; two CPU cores; the paper's setting, on a GPU."""


def mode() -> str:
    """The mode that the environment variable NASCOURSE_MODE names; `lesson` when it is not set."""
    given = os.environ.get("NASCOURSE_MODE") or "lesson"
    if given not in MODES:
        raise bad_input(
            f"NASCOURSE_MODE={given}", f"one of {', '.join(MODES)}", "set it to one of these, or unset it for lesson"
        )
    return given


# -- lessons ----------------------------------------------------------------------------------------------------------


class Numbers(NamedTuple):
    """One quantity in the three modes."""

    ci: float
    lesson: float
    full: float


BUDGETS: dict[str, dict[str, Numbers]] = {
    "00": {
        "images": Numbers(ci=200, lesson=2000, full=8000),
        "epochs": Numbers(ci=1, lesson=1, full=3),
        "seeds": Numbers(ci=2, lesson=4, full=8),  # trainings of the same network
    },
    "01": {
        "trials": Numbers(ci=3, lesson=12, full=60),
        "images": Numbers(ci=500, lesson=8000, full=8000),  # training images of one evaluation in the search
        "epochs": Numbers(ci=1, lesson=1, full=3),
        "final_images": Numbers(ci=500, lesson=12_000, full=12_000),  # of the equal retraining of the finalists
        "final_epochs": Numbers(ci=1, lesson=3, full=12),
    },
    "03": {
        "cells": Numbers(ci=2, lesson=3, full=6),  # random cells trained shallow and deep
        "images": Numbers(ci=200, lesson=2000, full=4000),
    },
    "05": {
        "evaluations": Numbers(ci=120, lesson=300, full=300),  # of each search on the table
        "seeds": Numbers(ci=2, lesson=20, full=100),  # live searches of each tournament size
        "real_trials": Numbers(ci=6, lesson=8, full=60),  # of the short search with real training
        "real_images": Numbers(ci=100, lesson=1200, full=4000),
        "real_valid": Numbers(ci=100, lesson=1000, full=4000),
        "full_trials": Numbers(ci=3, lesson=2000, full=2000),  # of the full run, from here on
        "full_images": Numbers(ci=50, lesson=8000, full=8000),
        "full_valid": Numbers(ci=50, lesson=4000, full=4000),
        "full_side": Numbers(ci=14, lesson=28, full=28),  # of the square images
        "full_epochs": Numbers(ci=1, lesson=10, full=10),
        "full_channels": Numbers(ci=2, lesson=16, full=16),
        "full_cells": Numbers(ci=3, lesson=8, full=8),
        "full_population": Numbers(ci=2, lesson=100, full=100),
        "full_sample": Numbers(ci=2, lesson=25, full=25),
    },
    "06": {
        "evaluations": Numbers(ci=40, lesson=300, full=300),  # of a search on the table
        "seeds": Numbers(ci=3, lesson=100, full=100),  # policies that learn side by side
        "repeats": Numbers(ci=2, lesson=10, full=50),  # of the policies learned from scratch
        "steps": Numbers(ci=50, lesson=2000, full=2000),  # of descending a bonus alone
        "full_trials": Numbers(ci=10, lesson=20, full=300),  # of the full run, from here on
        "full_images": Numbers(ci=64, lesson=1000, full=8000),
        "full_valid": Numbers(ci=100, lesson=1000, full=4000),
        "full_epochs": Numbers(ci=1, lesson=1, full=3),
    },
    "07": {
        "samples": Numbers(ci=2000, lesson=20_000, full=200_000),  # draws of each gradient estimator
        "images": Numbers(ci=50, lesson=200, full=2000),  # training, and as many validation images, of the filter cell
        "steps": Numbers(ci=10, lesson=150, full=500),  # of α
    },
    "08": {
        "images": Numbers(ci=256, lesson=8000, full=8000),  # both halves of the live search together
        "epochs": Numbers(ci=1, lesson=4, full=50),
    },
}
"""lesson number -> name -> its numbers. The name becomes an attribute of what `setup` returns."""


class Budget(SimpleNamespace):
    """A lesson's numbers in one mode, as attributes; cannot be changed by accident."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise bad_input(f"budget.{name} = {value!r}", "budgets left as they are", "edit nascourse/budgets.py")

    def __getattr__(self, name: str) -> Any:  # reached only for a name that is not there
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"got {name!r}; expected one of {', '.join(vars(self))}; add it to budgets.py")


def budget(lesson: str, mode_name: str | None = None) -> Budget:
    """The numbers of a lesson ("01") in the current mode, or in the mode named. A lesson without budgets has none."""
    chosen = mode_name or mode()
    return Budget(mode=chosen, **{name: getattr(numbers, chosen) for name, numbers in BUDGETS.get(lesson, {}).items()})


# -- presets ----------------------------------------------------------------------------------------------------------

_SHORT = {"order": "first", "batch_size": 32, "augment": False}
"""On genotypes: fewer steps than the paper's, so larger ones of α."""

_TABLE = {"order": "first", "augment": False, "net": {"channels": 8, "cells": (3,), "stem_stride": 2}}
"""On micro cells: the networks of the tabular benchmark, so that what is found can be looked up."""

DARTS: dict[str, dict[str, dict[str, Any]]] = {
    "cell": {
        "paper": {"config": {"record_every": 10}},
        "gpu_hour": {"config": {"order": "first", "epochs": 25, "record_every": 10}},
        "cpu_hour": {
            "config": {**_SHORT, "net": {"channels": 8, "cells": 5}, "epochs": 20, "alpha_lr": 1e-3, "record_every": 5},
            "shrink": 2,
        },
        "lesson": {
            "config": {**_SHORT, "net": {"channels": 4, "cells": 3}, "epochs": 5, "alpha_lr": 3e-3},
            "images": 1000,
            "shrink": 2,
        },
        "ci": {
            "config": {**_SHORT, "net": {"channels": 4, "cells": 3}, "epochs": 2, "batch_size": 16},
            "images": 64,
            "shrink": 2,
        },
    },
    "micro": {
        "paper": {"config": {**_TABLE, "order": "second"}, "images": 8000, "shrink": 2},
        "gpu_hour": {"config": _TABLE, "images": 8000, "shrink": 2},
        "cpu_hour": {"config": _TABLE, "images": 8000, "shrink": 2},
        "lesson": {"config": {**_TABLE, "epochs": 8, "alpha_lr": 3e-3}, "images": 8000, "shrink": 2},
        "ci": {
            "config": {
                **_TABLE,
                "net": {"channels": 4, "cells": (1,), "stem_stride": 2},
                "epochs": 2,
                "batch_size": 32,
            },
            "images": 256,
            "shrink": 2,
        },
    },
}
"""Searches with DARTS: space -> name -> what differs from the paper's settings (`DartsConfig`), how many images (none
named: all), how much smaller. On genotypes ``paper`` is the paper's, ``gpu_hour`` its first order with half of the
epochs, ``cpu_hour`` about an hour on two cores; on micro cells they are the paper's schedule on the benchmark's
networks and images, minutes of a CPU."""

TABULATED = ("micro",)
"""Spaces whose cells the benchmark judges: a search leaves the images alone that the benchmark validates on."""

RETRAINING: dict[str, dict[str, Any]] = {
    "paper": {},
    "gpu_hour": {"channels": 24, "cells": 14, "epochs": 50},  # an estimate: not yet timed on a GPU
    "cpu_hour": {"channels": 12, "cells": 8, "epochs": 40, "batch_size": 64, "hold_out": 1 / 6},
    "lesson": {
        "channels": 6,
        "cells": 4,
        "epochs": 2,
        "batch_size": 50,
        "auxiliary": 0,
        "hold_out": 1 / 3,
        "images": 3000,
        "shrink": 2,
    },
    "ci": {"channels": 4, "cells": 3, "epochs": 2, "batch_size": 32, "hold_out": 1 / 3, "images": 96},
}
"""Trainings of a derived architecture: name -> what differs from the paper's settings (`Retraining`)."""
