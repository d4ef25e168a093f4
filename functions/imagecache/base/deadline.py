"""How much time an invocation has left, and how much of it is kept to hand work off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

DEFAULT_TIMEOUT_SECONDS = 60

_RESERVE_SECONDS = 1.0
_RESERVE_SHARE = 0.1
HAND_OFF_SECONDS = 4.0
_ANSWER_RESERVE_SECONDS = 0.5
_HAND_OFF_SHARE = 0.2


class Deadline:
    """The end of an invocation, less a second (of a short one, a tenth) to record and answer.

    Args:
        seconds: the invocation's timeout.
        clock: a monotonic clock, in seconds.
        reserve_seconds: kept from ordinary calls, so that what they leave undone can be handed off; at most
            a fifth of a short invocation.
        answer_seconds: ordinary calls end so early that the answer is given after so many seconds; what is
            handed off may take longer. None where nobody waits for the answer.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        reserve_seconds: float = 0.0,
        answer_seconds: float | None = None,
    ) -> None:
        self._clock = clock
        self._within: Deadline | None = None
        self._end = clock() + seconds - min(_RESERVE_SECONDS, _RESERVE_SHARE * seconds)
        self._reserve_seconds = min(reserve_seconds, _HAND_OFF_SHARE * seconds)
        if answer_seconds is not None:
            calls_end = clock() + answer_seconds - _ANSWER_RESERVE_SECONDS
            self._reserve_seconds = max(self._reserve_seconds, self._end - calls_end)

    def remaining(self, *, reserve: bool = True) -> float:
        """Seconds left to start and end calls in, never negative; ``reserve`` keeps the reserve."""
        kept = self._reserve_seconds if reserve else 0.0
        left = max(0.0, self._end - kept - self._clock())
        return left if self._within is None else min(left, self._within.remaining())

    def within(self, seconds: float) -> Deadline:
        """A deadline for a part of the work, never later than this one.

        Args:
            seconds: from now; a second (of a short part, a tenth) is kept to use what the part gave.
        """
        part = Deadline(seconds, self._clock)
        part._within = self
        return part


def timeout_seconds(context: Any) -> float:
    """The function's timeout, from the context."""
    timeout = getattr(getattr(context, "function", None), "timeout", None)
    return float(timeout) if isinstance(timeout, (int, float)) and timeout > 0 else DEFAULT_TIMEOUT_SECONDS
