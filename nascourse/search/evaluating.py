"""Evaluating trials, in this process or in an executor: what raises or loses its worker becomes a failed result."""

from __future__ import annotations

import time
from concurrent.futures import BrokenExecutor, Future, wait
from typing import Generic

from ..errors import bad_input
from ..runs.executors import ATTEMPTS, ExecutorFactory, WorkerLost
from ..spaces.base import A, Evaluation, Result, Trial
from .records import checked_result, failure


def evaluate(evaluation: Evaluation[A], trial: Trial[A]) -> tuple[Result, float]:
    """The result as a journal would give it back, and its seconds. What the evaluation raises becomes a failed one."""
    start = time.perf_counter()
    try:
        result = checked_result(evaluation(trial))
    except Exception as error:
        result = failure(f"{type(error).__name__}: {error}")
    return result, time.perf_counter() - start


class Serial(Generic[A]):
    """Evaluates in this process, when a result is needed; all waiting trials at once where the evaluation has
    ``evaluate_many(trials) -> list[Result]``."""

    def __init__(self, evaluation: Evaluation[A]) -> None:
        self._evaluation = evaluation
        self._waiting: dict[int, Trial[A]] = {}
        self._done: dict[int, tuple[Result, float]] = {}

    def submit(self, trial: Trial[A]) -> None:
        self._waiting[trial.number] = trial

    def result(self, trial: Trial[A]) -> tuple[Result, float]:
        if trial.number not in self._done and hasattr(self._evaluation, "evaluate_many"):
            self._evaluate_waiting()
        if trial.number not in self._done:
            self._done[trial.number] = evaluate(self._evaluation, self._waiting.pop(trial.number))
        return self._done.pop(trial.number)

    def _evaluate_waiting(self) -> None:
        trials = list(self._waiting.values())
        start = time.perf_counter()
        try:
            results = [checked_result(result) for result in self._evaluation.evaluate_many(trials)]  # type: ignore[attr-defined]
        except Exception:
            return  # one by one, so that only the trial that fails is recorded as failed
        if len(results) != len(trials):
            raise bad_input(
                f"{len(results)} results from evaluate_many", f"{len(trials)}", "return one Result for each trial"
            )
        each = (time.perf_counter() - start) / len(trials)
        self._done = {trial.number: (result, each) for trial, result in zip(trials, results, strict=True)}
        self._waiting.clear()

    def close(self, wait: bool) -> None:
        """Nothing to end."""


class Pool(Generic[A]):
    """Evaluates in an executor, from the moment a trial is submitted. A lost worker costs time, never a result."""

    def __init__(self, factory: ExecutorFactory, evaluation: Evaluation[A]) -> None:
        self._factory, self._evaluation = factory, evaluation
        self._pool = factory()
        self._futures: dict[int, Future[tuple[Result, float]]] = {}

    def submit(self, trial: Trial[A]) -> None:
        self._futures[trial.number] = self._submit(trial)

    def result(self, trial: Trial[A]) -> tuple[Result, float]:
        try:
            return self._futures.pop(trial.number).result()
        except Exception as error:
            if not _worker_died(error):
                raise self._unusable(error) from error
            return (failure("worker lost"), 0.0) if isinstance(error, WorkerLost) else self._alone(trial)

    def close(self, wait: bool) -> None:
        """End the executor; what still runs is awaited or given up."""
        for future in self._futures.values():
            future.cancel()
        self._pool.shutdown(wait=wait)

    def _submit(self, trial: Trial[A]) -> Future[tuple[Result, float]]:
        try:
            return self._pool.submit(evaluate, self._evaluation, trial)
        except BrokenExecutor:
            self._renew()
            return self._pool.submit(evaluate, self._evaluation, trial)

    def _alone(self, trial: Trial[A]) -> tuple[Result, float]:
        """Run again what was under way when a worker died, with nothing beside it: a death now is its own doing."""
        for _ in range(ATTEMPTS):
            wait(self._futures.values())
            self._renew()
            try:
                return self._pool.submit(evaluate, self._evaluation, trial).result()
            except Exception as error:
                if not _worker_died(error):
                    raise self._unusable(error) from error
                if not isinstance(error, BrokenExecutor):
                    break  # Dask has tried several workers already
        return failure("worker lost"), 0.0

    def _renew(self) -> None:
        """Make the executor anew if it is broken. Raises `CourseError` where a new one dies of the evaluation's
        import alone."""
        for last in (False, True):
            try:
                self._pool.submit(_nothing, self._evaluation).result()
                return
            except BrokenExecutor as error:
                if last:
                    raise self._unusable(error) from error
                self._pool.shutdown(wait=False)
                self._pool = self._factory()

    def _unusable(self, error: Exception) -> Exception:
        return bad_input(
            f"{type(error).__name__}: {error}",
            "an evaluation that a worker can import",
            "define it in a module (a notebook's own need Dask); in a script, guard the call by __name__ == '__main__'",
        )


def _worker_died(error: Exception) -> bool:
    # Dask's exception is known by its name, because Dask is optional
    return isinstance(error, BrokenExecutor | WorkerLost) or type(error).__name__ == "KilledWorker"


def _nothing(evaluation: object) -> None:
    pass
