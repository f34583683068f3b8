"""Child processes that are there at once: forked by a server that has imported torch a single time for all of them.

Spawned ones, as the package makes them, need up to five seconds each; that those work, `tests.runs` shows. The server
ends with a process that is killed while it asks for a child: who is to be killed spawns its workers.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import context

PATIENCE = 120
SERVES = hasattr(context, "ForkServerContext")  # not on Windows


class Child(context.ForkServerProcess if SERVES else context.SpawnProcess):  # type: ignore[misc]
    """With the environment of the moment at which it was begun, like one that is spawned."""

    @classmethod
    def begin(cls, function: Callable[..., object], *arguments: object) -> Child:
        """Call a function that a child can import."""
        child = cls(target=function, args=arguments)
        child.start()
        return child

    def start(self) -> None:
        if SERVES:
            CHILDREN.set_forkserver_preload(["tests.preloaded"])
        self._environment = dict(os.environ)
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


class Children(context.ForkServerContext if SERVES else context.SpawnContext):  # type: ignore[misc]
    Process = Child


CHILDREN = Children()
