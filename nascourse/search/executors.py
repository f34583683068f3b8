"""Where trials are evaluated: in this process, in worker processes, or on a Dask cluster.

`search` takes a factory, a function without arguments that makes a `concurrent.futures.Executor`, because an
executor whose worker died may have to be made anew.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, Generic

from ..errors import CourseError, bad_input
from ..spaces.base import A, Evaluation, Result, Trial
from .journal import failure, settled

ExecutorFactory = Callable[[], Executor]

ATTEMPTS = 3
"""A trial whose worker died this many times is recorded as failed."""


class WorkerLost(RuntimeError):
    """The worker died each time it was given this task."""


def evaluate(evaluation: Evaluation[A], trial: Trial[A]) -> tuple[Result, float]:
    """The settled result and its seconds. What the evaluation raises becomes a failed result."""
    start = time.perf_counter()
    try:
        result = settled(evaluation(trial))
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
            results = [settled(result) for result in self._evaluation.evaluate_many(trials)]  # type: ignore[attr-defined]
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


def process_pool(workers: int) -> ExecutorFactory:
    """A factory of pools of ``workers`` processes on this machine: ``search(..., executor=process_pool(2))``."""
    if workers < 1:
        raise bad_input(workers, "at least one worker", "name the number of processes")
    return partial(Processes, workers)


class Processes(Executor):
    """Worker processes with a pipe each, so that a death costs its own task's time only: the task is run again in a
    new process, and raises `WorkerLost` after `ATTEMPTS` deaths. Processes are spawned, compute on one thread unless
    OMP_NUM_THREADS says otherwise, and end with this process however it ends.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._mine = threading.local()
        self._all: set[_Worker] = set()
        self._closing = False

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self.shutdown(wait=kind is None)  # after an error or an interrupt nobody waits for the rest

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._threads.submit(self._run, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if not wait:
            self._closing = True  # these deaths are wanted: no new workers
            for worker in tuple(self._all):
                worker.process.terminate()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures or not wait)
        for worker in tuple(self._all):
            worker.end()

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for _ in range(ATTEMPTS):
            if self._closing:
                break
            worker = getattr(self._mine, "worker", None)
            if worker is None:
                worker = self._mine.worker = _Worker()
                self._all.add(worker)
                if self._closing:  # it was asked for before
                    worker.process.terminate()
            try:
                well, value = worker.call(fn, args, kwargs)
            except (EOFError, OSError):
                self._all.discard(worker)
                worker.end()
                self._mine.worker = None
                continue
            if not well:
                raise value if isinstance(value, CourseError) else RuntimeError(value)
            return value
        raise WorkerLost(f"the worker died {ATTEMPTS} times")


class _Worker:
    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,))
        self.process.start()
        theirs.close()  # so that its death is the end of the pipe
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            self.end()
            raise RuntimeError("a worker process could not start") from None

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
        self._pipe.send((fn, args, kwargs))
        return self._pipe.recv()

    def end(self) -> None:
        self._pipe.close()
        self.process.join()


def _serve(pipe: Connection) -> None:
    """A worker's life: tell that it is there, then answer calls until the pipe ends."""
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # two threads in each of two processes are slower than one
        if torch := sys.modules.get("torch"):  # imported by the script that this process began with
            torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the search, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        pipe.send("ready")
        while True:
            pipe.send(_answer(pipe))
    except (EOFError, OSError):  # the other end is gone
        return


def _answer(pipe: Connection) -> tuple[bool, Any]:
    """Whether the next call went well, and what it returned, or what it raised in words; raises when the pipe ends."""
    try:
        fn, args, kwargs = pipe.recv()
    except (EOFError, OSError):
        raise
    except Exception as error:  # what was sent cannot be imported here
        return False, f"{type(error).__name__}: {error}"
    try:
        return True, fn(*args, **kwargs)
    except CourseError as error:
        return False, error
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def local_cluster(workers: int = 2) -> Iterator[ExecutorFactory]:
    """A Dask cluster of ``workers`` processes on this machine, on the loopback interface, without a dashboard:
    ``with local_cluster(2) as executor: search(..., executor=executor)``.

    Raises `CourseError` where Dask is not installed.
    """
    try:
        import dask
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise bad_input("no Dask", "the extra 'dask'", "pip install -e .[dask]") from error
    # a worker that dies is replaced; if the new one took more than 15 seconds to come, Dask would give it up for good
    patience = {"distributed.deploy.lost-worker-timeout": "1 hour"}
    with (
        dask.config.set(patience),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield dask_executor(client)


def dask_executor(client: Any) -> ExecutorFactory:
    """The factory for a `dask.distributed.Client` of any cluster (SLURM through dask-jobqueue, for one)."""
    # pure=False: equal calls are separate evaluations, not one
    return partial(client.get_executor, pure=False)
