"""Message queues: what was given up waits here for a person, until it is sent again.

The document is the one that Function Compute sends to a destination (vendor page "Result callback"). Must not
know when an event is given up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..database import connect, transaction
from .deliveries import Delivery

__all__ = ["QueueMessage", "QueueStore", "failure_document"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue_messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    body TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class QueueMessage:
    """A message.

    Attributes:
        number: finds it again.
        queue: the queue's name.
        body: the document.
    """

    number: int
    queue: str
    body: dict[str, Any]


def failure_document(delivery: Delivery, error: str, function_arn: str, *, at: float) -> dict[str, Any]:
    """What the platform tells of an event that it gives up.

    Args:
        delivery: the event.
        error: of its last attempt: the error's type, and perhaps what the function answered.
        function_arn: of the function that it was for.
        at: now, in seconds since the epoch.
    """
    error_type, _, answer = error.partition(": ")
    return {
        "timestamp": int(at * 1000),
        "requestContext": {
            "requestId": delivery.request_id,
            "functionArn": function_arn,
            "condition": error_type,
            "approximateInvokeCount": delivery.attempts + 1,
        },
        "requestPayload": delivery.payload.decode("utf-8", errors="replace"),
        "responseContext": {"statusCode": 200, "functionError": error_type},
        "responsePayload": answer,
    }


class QueueStore:
    """All queues.

    Args:
        database_path: the SQLite file.
    """

    def __init__(self, database_path: Path | str) -> None:
        self._connection = connect(database_path)
        with transaction(self._connection) as connection:
            connection.execute(_SCHEMA)

    def send(self, queue: str, body: dict[str, Any]) -> None:
        """Put a message into a queue."""
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO queue_messages (queue, body) VALUES (?, ?)", (queue, json.dumps(body))
            )

    def messages(self) -> list[QueueMessage]:
        """All messages, oldest first."""
        with transaction(self._connection) as connection:
            rows = connection.execute("SELECT * FROM queue_messages ORDER BY number").fetchall()
        return [QueueMessage(row["number"], row["queue"], json.loads(row["body"])) for row in rows]

    def delete(self, number: int) -> None:
        """Take a message away; nothing happens when there is none of this number."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM queue_messages WHERE number = ?", (number,))

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
