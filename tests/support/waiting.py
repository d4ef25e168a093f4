"""Waiting for what comes in a time that nobody knows: asked for often, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

_POLL_SECONDS = 0.005


def wait_until(
    condition: Callable[[], object],
    told: Callable[[], str] = lambda: "it did not come true",
    seconds: float = 20.0,
) -> None:
    """Wait until a condition holds.

    Args:
        condition: asked every few milliseconds.
        told: what to say if it does not hold in time.
        seconds: how long to wait at most.

    Raises:
        AssertionError: it did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {told()}")
        time.sleep(_POLL_SECONDS)
