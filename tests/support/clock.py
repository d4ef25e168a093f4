"""A time that passes only when it is told to."""

from __future__ import annotations

import time

__all__ = ["ManualClock"]


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

    def reset(self) -> None:
        """Be the real time again, and stand still."""
        self.now = float(int(time.time()))
