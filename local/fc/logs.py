"""What the functions wrote to stdout and stderr, and the platform about them, in the order it came.

Must not know what a line means.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ..base.database import connect, transaction

__all__ = ["PLATFORM_STREAM", "LogLine", "LogStore"]

PLATFORM_STREAM = "platform"
"""The stream of the lines that the platform writes itself."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    function TEXT NOT NULL,
    request_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    line TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class LogLine:
    """One line.

    Attributes:
        number: grows from line to line.
        at: when it came, in seconds since the epoch.
        function: the function's name.
        request_id: of the invocation that wrote it.
        stream: ``stdout``, ``stderr`` or ``platform``.
        line: without its end.
    """

    number: int
    at: float
    function: str
    request_id: str
    stream: str
    line: str


class LogStore:
    """The lines, in a database.

    Args:
        database_path: the SQLite file.
    """

    def __init__(self, database_path: Path | str) -> None:
        self._connection = connect(database_path)
        with transaction(self._connection) as connection:
            connection.execute(_SCHEMA)
        self._arrival = threading.Condition()

    def add(self, function: str, request_id: str, stream: str, line: str) -> None:
        """Keep a line, and wake who waits for one."""
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO log_lines (at, function, request_id, stream, line) VALUES (?, ?, ?, ?, ?)",
                (time.time(), function, request_id, stream, line),
            )
        with self._arrival:
            self._arrival.notify_all()

    def lines(self, *, after: int = 0, request_id: str | None = None) -> list[LogLine]:
        """Lines with a number above ``after``, oldest first; of one invocation, if its id is given."""
        query = "SELECT * FROM log_lines WHERE number > ? AND (? IS NULL OR request_id = ?) ORDER BY number"
        with transaction(self._connection) as connection:
            rows = connection.execute(query, (after, request_id, request_id)).fetchall()
        return [LogLine(**dict(row)) for row in rows]

    def wait(self, timeout_seconds: float) -> None:
        """Return when a line comes, or when the time is over; the caller then reads the lines."""
        with self._arrival:
            self._arrival.wait(timeout_seconds)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
