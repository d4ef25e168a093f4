"""An on-failure queue, and the functions that its events are for, whichever cloud they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class QueuedMessage:
    """A message as a queue has it.

    Attributes:
        message_id: its own.
        since: when it came into the queue, with a zone.
        body: a text.
        receipt: what it is removed with; empty where that is its id.
    """

    message_id: str
    since: datetime
    body: str
    receipt: str = ""


class FailureQueue(Protocol):
    """A queue. Where a call fails without a word of its own here, ``Problem`` is raised."""

    name: str
    """Of the queue."""
    prefix: str
    """What the names of the functions begin with."""

    def messages(self) -> Iterator[QueuedMessage]:
        """What is in it, each message once. It may be hidden from others as long as the queue is open."""

    def remove(self, message: QueuedMessage) -> str:
        """Remove a message; what went wrong, or nothing."""

    def send_again(self, function: str, event: bytes) -> str:
        """Invoke a function with an event, asynchronously; the request id of what was accepted.

        Raises:
            NotAcceptedError: it was not.
        """


class NotAcceptedError(Exception):
    """Raised where an event was not accepted."""
