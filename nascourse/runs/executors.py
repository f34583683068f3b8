"""Where work is done: in processes on this machine, or on a Dask cluster.

`search` takes a factory, a function without arguments that makes a `concurrent.futures.Executor`, because an
executor whose worker died may have to be made anew.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

from ..errors import CourseError, bad_input

ExecutorFactory = Callable[[], Executor]

ATTEMPTS = 3
"""A task whose worker died this many times is given up."""


class WorkerLost(RuntimeError):
    """The worker died each time it was given this task."""


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
