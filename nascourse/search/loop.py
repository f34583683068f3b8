"""The one search loop: ask, evaluate, tell, record. Deterministic on any number of workers, resumable anywhere."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import numpy as np

from ..errors import bad_input
from ..runs.executors import ExecutorFactory
from ..runs.journal import Journal
from ..runs.plain import identity
from ..spaces.base import A, Evaluation, Trial
from .base import Proposal, Strategy
from .evaluating import Pool, Serial
from .history import Evaluated, History
from .records import header, record, result_from_json, trial_json

_STRATEGY, _TRIAL = 0, 1  # which stream of the run's seed


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial, in 0..2^32−1: it depends on the run's seed and the trial's number, on nothing else."""
    return int(np.random.SeedSequence(seed, spawn_key=(_TRIAL, number)).generate_state(1)[0])


def strategy_rng(seed: int) -> np.random.Generator:
    """The generator a strategy is started with: it depends on the run's seed only."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STRATEGY,)))


def search(
    strategy: Strategy[A],
    evaluation: Evaluation[A],
    budget: int,
    *,
    seed: int = 0,
    window: int = 1,
    cache: bool = True,
    executor: ExecutorFactory | None = None,
    journal: str | os.PathLike[str] | None = None,
    seconds: float | None = None,
    progress: bool = False,
) -> History[A]:
    """Let ``strategy`` spend ``budget`` evaluations, and return all trials in the order of asking.

    Trial n is asked for once trial n − ``window`` was told, and results are told in the order of asking. So the
    search is the same on any executor; a larger window keeps more workers busy (twice their number is plenty) and
    decides on older knowledge.

    cache: answer a repeated architecture (at the same fidelity) by its first result; otherwise evaluate it again
    with the new trial's seed. executor: a factory of executors (see `executors`); None evaluates in this process.
    journal: a file that records every told trial; if it exists the search is resumed, and ends as if it had never
    been interrupted. seconds: ask for nothing more after this time (then the number of trials is left to chance).

    An evaluation that raises, returns NaN or loses its worker is a failed result, and the search goes on; a warning
    tells how many. Raises `CourseError` where the journal belongs to another search or the disk is full.
    """
    _check(budget, seed, window)
    if executor is not None and window == 1:
        warnings.warn("window=1 keeps one worker busy: take a window of twice the number of workers", stacklevel=2)
    strategy.start(strategy_rng(seed))
    log = None
    if journal is not None:
        described = strategy.space.describe(), identity(evaluation), strategy.describe()
        log = Journal(journal, header(*described, seed, window, cache), result_from_json)
    recorded = len(log.records) if log else 0
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    history: History[A] = History()
    pending: deque[tuple[Trial[A], int | None]] = deque()
    first: dict[Any, int] = {}
    asked, exhausted = 0, False
    with (
        closing(log) if log else nullcontext(),
        _running(evaluation, executor) as runner,
        _bar(budget, progress) as bar,
    ):
        while True:
            while not exhausted and asked < budget and len(pending) < window:
                if asked >= recorded and time.monotonic() > deadline:
                    break
                proposals = strategy.ask(1)
                if not proposals:
                    exhausted = True
                    break
                trial = _trial(proposals[0], seed, asked)
                earlier = first.setdefault((trial.arch, trial.fidelity), asked) if cache else asked
                same_as = None if earlier == asked else earlier
                if log and asked < recorded:
                    log.check(trial_json(trial))
                elif same_as is None:
                    runner.submit(trial)
                pending.append((trial, same_as))
                asked += 1
            if not pending:
                break
            trial, same_as = pending.popleft()
            if log and trial.number < recorded:
                result, took = log.records[trial.number]["result"], log.seconds.get(trial.number, math.nan)
            else:
                result, took = (history[same_as].result, 0.0) if same_as is not None else runner.result(trial)
                if log:
                    log.append(record(trial, result, same_as), took)
            strategy.tell(trial, result)
            history.rows.append(Evaluated(trial, result, same_as, took))
            if bar is not None:
                bar.update()
    if failed := history.failures:
        reason = failed[0].result.extra["failed"]
        warnings.warn(f"{len(failed)} of {len(history)} evaluations failed; the first: {reason}", stacklevel=2)
    return history


def _trial(proposal: Proposal[A], seed: int, number: int) -> Trial[A]:
    return Trial(number, proposal.arch, trial_seed(seed, number), proposal.fidelity, proposal.parents)


def _check(budget: int, seed: int, window: int) -> None:
    for name, value, least in (("budget", budget, 1), ("seed", seed, 0), ("window", window, 1)):
        if not isinstance(value, int) or value < least:
            raise bad_input(f"{name}={value!r}", f"a whole number of at least {least}", f"change {name}")


@contextmanager
def _running(evaluation: Evaluation[A], executor: ExecutorFactory | None) -> Iterator[Serial[A] | Pool[A]]:
    runner: Serial[A] | Pool[A] = Serial(evaluation) if executor is None else Pool(executor, evaluation)
    try:
        yield runner
    except BaseException:
        runner.close(wait=False)
        raise
    runner.close(wait=True)


@contextmanager
def _bar(budget: int, progress: bool) -> Iterator[Any]:
    if not progress:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=budget, unit="trial") as bar:
        yield bar
