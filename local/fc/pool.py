"""The instances of one function: warm ones are reused, concurrent requests get more, up to a limit.

Must not know requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .instance import Instance

__all__ = ["InstancePool", "ThrottledError"]


class ThrottledError(RuntimeError):
    """Raised when all instances that a function may have are busy."""


class InstancePool:
    """Starts, lends and ends instances.

    Args:
        start: makes a new instance.
        max_instances: how many there may be at a time.
        fresh: whether each request gets a process of its own, as at a cold start.
    """

    def __init__(self, start: Callable[[], Instance], *, max_instances: int, fresh: bool) -> None:
        self._start = start
        self._max_instances = max_instances
        self._fresh = fresh
        self._lock = threading.Condition()
        self._idle: list[Instance] = []
        self._busy: set[Instance] = set()
        self._starting = 0
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Instance]:
        """An instance for one request; the most recently used one, where any is idle.

        Raises:
            ThrottledError: the limit is reached, or the pool is closed.
            OSError: the process cannot be started.
        """
        instance = self._take()
        try:
            yield instance
        finally:
            self._give_back(instance)

    def refuse(self) -> None:
        """Lend no more."""
        with self._lock:
            self._closed = True

    def close(self, grace_seconds: float) -> None:
        """End all instances; a request that is under way after the grace is answered as ``ProcessExit``."""
        self.refuse()
        with self._lock:
            self._lock.wait_for(lambda: not self._busy, grace_seconds)
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for instance in busy:
            instance.kill()
        for instance in idle:
            instance.close()

    def _take(self) -> Instance:
        dead = []
        try:
            with self._lock:
                if self._closed:
                    raise ThrottledError("the function is being stopped")
                while self._idle:
                    instance = self._idle.pop()
                    if instance.alive:
                        self._busy.add(instance)
                        return instance
                    dead.append(instance)
                if len(self._busy) + self._starting >= self._max_instances:
                    raise ThrottledError(f"all {self._max_instances} instances of the function are busy")
                self._starting += 1
        finally:
            for instance in dead:
                instance.close()
        return self._new()

    def _new(self) -> Instance:
        try:
            instance = self._start()
        except OSError:
            with self._lock:
                self._starting -= 1
            raise
        with self._lock:
            self._starting -= 1
            self._busy.add(instance)
            closed = self._closed
        if closed:
            instance.kill()
        return instance

    def _give_back(self, instance: Instance) -> None:
        with self._lock:
            self._busy.discard(instance)
            keep = not self._fresh and not self._closed and instance.alive
            if keep:
                self._idle.append(instance)
            self._lock.notify_all()
        if not keep:
            instance.close()
