"""Asynchronous invocation as those who send an event see it: a call, a largest size, a refusal.

Must not know who sends (the event bus, a timer, a queue), nor what becomes of the event.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["MAX_PAYLOAD_BYTES", "Deliver", "PayloadTooLargeError"]

MAX_PAYLOAD_BYTES = 128 * 1024
"""Of an asynchronous invocation (vendor page "Limits")."""


class PayloadTooLargeError(ValueError):
    """Raised when an event is larger than an asynchronous invocation takes."""


class Deliver(Protocol):
    """Takes an event for a function."""

    def __call__(self, function: str, payload: bytes, *, source: str) -> str:
        """Store an event for a function; returns the request id once it is stored.

        Args:
            function: its name.
            payload: the event, at most ``MAX_PAYLOAD_BYTES``.
            source: who sends it, such as a trigger's name.

        Raises:
            PayloadTooLargeError: the event is too large.
            LookupError: there is no such function.
        """
