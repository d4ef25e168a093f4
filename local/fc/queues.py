"""Message queues, as far as Function Compute needs them: messages go in, are looked at, and are removed.

A message has no time limit here, and looking at it does not hide it. Must not know what is in a message.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..base.database import connect, transaction

__all__ = ["Message", "QueueStore", "UnknownQueueError"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue_messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    enqueued_at REAL NOT NULL,
    body TEXT NOT NULL
)
"""


class UnknownQueueError(LookupError):
    """Raised when there is no queue of a name."""


@dataclass(frozen=True)
class Message:
    """A message.

    Attributes:
        message_id: its own.
        queue: the name of the queue that it is in.
        enqueued_at: when it came, in seconds since the epoch.
        body: a text.
    """

    message_id: str
    queue: str
    enqueued_at: float
    body: str


class QueueStore:
    """The queues of a deployment, in a database.

    Args:
        database_path: the SQLite file.
        names: of all queues.
    """

    def __init__(self, database_path: Path | str, names: Collection[str]) -> None:
        self.names = tuple(names)
        self._connection = connect(database_path)
        with transaction(self._connection) as connection:
            connection.execute(_SCHEMA)

    def send(self, queue: str, body: str) -> str:
        """Put a message into a queue; returns its id once it is stored.

        Raises:
            UnknownQueueError: there is no such queue.
        """
        self._check(queue)
        message = Message(uuid.uuid4().hex.upper(), queue, time.time(), body)
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO queue_messages (message_id, queue, enqueued_at, body)"
                " VALUES (:message_id, :queue, :enqueued_at, :body)",
                vars(message),
            )
        return message.message_id

    def messages(self, queue: str) -> list[Message]:
        """What is in a queue, oldest first.

        Raises:
            UnknownQueueError: there is no such queue.
        """
        self._check(queue)
        with transaction(self._connection) as connection:
            rows = connection.execute(
                "SELECT message_id, queue, enqueued_at, body FROM queue_messages WHERE queue = ?"
                " ORDER BY number",
                (queue,),
            ).fetchall()
        return [Message(**dict(row)) for row in rows]

    def remove(self, message_id: str) -> bool:
        """Take a message out; whether there was one of this id."""
        with transaction(self._connection) as connection:
            done = connection.execute("DELETE FROM queue_messages WHERE message_id = ?", (message_id,))
        return bool(done.rowcount)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _check(self, queue: str) -> None:
        if queue not in self.names:
            known = ", ".join(self.names) or "none"
            raise UnknownQueueError(f"there is no queue {queue!r}; known are {known}")
