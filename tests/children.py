"""Child processes that are there at once: forked by a server that has imported torch a single time for all of them.

Spawned ones, as the package makes them, need two to three seconds each; that those work, `tests.runs` shows.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess

from nascourse.runs import executors

PATIENCE = 120


class Child(ForkServerProcess):
    """With the environment of the moment at which it was made, like one that is spawned."""

    @classmethod
    def begin(cls, function: Callable[..., object], *arguments: object) -> Child:
        """Call a function that a child can import."""
        child = cls(target=function, args=arguments)
        child.start()
        return child

    def start(self) -> None:
        self._environment = dict(os.environ)
        CHILDREN.set_forkserver_preload(["tests.preloaded"])
        super().start()

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        super().run()

    def kill_when(self, reached: Callable[[], bool], pause: float = 0) -> None:
        """SIGKILL, ``pause`` seconds after ``reached()``, or when it has come to its end."""
        deadline = time.monotonic() + PATIENCE
        while self.is_alive() and not reached():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(pause)
        self.kill()
        self.join()

    @property
    def was_killed(self) -> bool:
        """Whether the kill came before its end."""
        return self.exitcode == -signal.SIGKILL


class Children(ForkServerContext):
    Process = Child  # type: ignore[assignment]


CHILDREN = Children()


def quick_workers(setattr: Callable[[object, str, object], None] = setattr) -> None:
    """Let the pools of this course make their workers so, too."""
    setattr(executors, "get_context", lambda _: CHILDREN)
