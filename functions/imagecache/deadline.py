"""How much of an invocation's time is left."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Deadline"]

_RESERVE_SECONDS = 1.0


class Deadline:
    """The end of an invocation, less a second to record and answer.

    Args:
        seconds: the invocation's timeout.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds - _RESERVE_SECONDS

    def remaining(self) -> float:
        """Seconds left to start and end calls in; never negative."""
        return max(0.0, self._end - self._clock())
