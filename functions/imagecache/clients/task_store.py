"""What the library needs of a store of follow tasks. Must not know which SDK is behind it, or import one."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Stored(Enum):
    """What the store of follow tasks answered."""

    NOW = "now"
    BEFORE = "before"
    """A task with this id is stored already."""
    REFUSED = "refused"
    """A conflict that is not that of a known id."""


class TaskStore(Protocol):
    """Where follow tasks are stored."""

    @property
    def signature(self) -> str:
        """The scheme of the signature that was taken last; empty before the first one."""

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        """Store a task.

        Args:
            payload: what the follow function gets; at most 128 KB.
            task_id: of a second task with the same id, the platform keeps the first.
            delay_seconds: 1 to 3599.

        Raises:
            HandOffError: when Function Compute did not confirm that it stored the task.
        """
