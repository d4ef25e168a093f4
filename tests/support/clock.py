"""A time that passes only when it is told to."""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["ManualClock"]

_GRID_SECONDS = 7200
"""Follow tasks are due on grids; windows of two hours are the longest. A test finds the same distances to
their points whenever it runs."""


class ManualClock:
    """Seconds since the epoch, as a whole number to begin with."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reset()

    def __call__(self) -> float:
        """The seconds since the epoch."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def moment(self) -> datetime:
        """The time with a zone; a little passes while it is asked for."""
        self.now += 0.01
        return datetime.fromtimestamp(self.now, timezone.utc)

    def reset(self) -> None:
        """Be the real time again, at one place of every grid that is on the clock, and stand still."""
        self.now = time.time() // _GRID_SECONDS * _GRID_SECONDS + 7
