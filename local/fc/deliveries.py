"""Asynchronous invocations that are accepted and not yet done: a queue in SQLite, with its dead letters.

A delivery survives a restart: one that was being tried then is tried again, so it may be executed more than
once, as in the cloud. Must not know how a function is invoked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.database import connect, transaction

__all__ = ["Delivery", "DeliveryStore", "DuplicateTaskError", "NewDelivery"]

WAITING, RUNNING, DONE, DEAD = "waiting", "running", "done", "dead"

# The payload of a delivery that is done is dropped; its row stays, as a task id may be used only once.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    function TEXT NOT NULL,
    payload BLOB NOT NULL,
    source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    task_id TEXT,
    accepted_at REAL NOT NULL,
    due_at REAL NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    throttled INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    queue TEXT,
    UNIQUE (function, task_id)
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
"""


class DuplicateTaskError(ValueError):
    """Raised when a function was given a task of the same id before."""


@dataclass(frozen=True, kw_only=True)
class NewDelivery:
    """An asynchronous invocation that is not accepted yet.

    Attributes:
        function: the function's name.
        payload: the event.
        source: who wants it: ``api``, or a trigger's name.
        request_id: the same for every attempt.
        task_id: None, or the caller's own id of it.
        accepted_at: in seconds since the epoch.
        due_at: when it is tried next, in seconds since the epoch.
    """

    function: str
    payload: bytes
    source: str
    request_id: str
    task_id: str | None
    accepted_at: float
    due_at: float


@dataclass(frozen=True, kw_only=True)
class Delivery(NewDelivery):
    """One that was accepted.

    Attributes:
        number: grows from delivery to delivery.
        state: ``waiting``, ``running``, ``done`` or ``dead``.
        attempts: how often the function was invoked so far.
        throttled: how often no instance was free.
        error: what the last attempt failed with.
        queue: that it was sent to when it was given up.
    """

    number: int
    state: str
    attempts: int
    throttled: int
    error: str | None
    queue: str | None

    def to_json(self) -> dict[str, Any]:
        """All of it, the payload as text."""
        return {**vars(self), "payload": self.payload.decode("utf-8", errors="replace")}


class DeliveryStore:
    """The queue.

    Args:
        database_path: the SQLite file.
    """

    def __init__(self, database_path: Path | str) -> None:
        self._connection = connect(database_path)
        self._connection.executescript(_SCHEMA)
        with transaction(self._connection) as connection:
            connection.execute("UPDATE deliveries SET state = ? WHERE state = ?", (WAITING, RUNNING))

    def add(self, delivery: NewDelivery) -> None:
        """Accept a delivery.

        Raises:
            DuplicateTaskError: the function has or had a task of this id.
        """
        with transaction(self._connection) as connection:
            known = connection.execute(
                "SELECT 1 FROM deliveries WHERE function = ? AND task_id = ?",
                (delivery.function, delivery.task_id),
            ).fetchone()
            if known is not None:
                raise DuplicateTaskError(f"{delivery.function} was given a task {delivery.task_id!r} before")
            connection.execute(
                "INSERT INTO deliveries (function, payload, source, request_id, task_id, accepted_at, due_at,"
                " state) VALUES (:function, :payload, :source, :request_id, :task_id, :accepted_at, :due_at,"
                " 'waiting')",
                vars(delivery),
            )

    def take_due(self, now: float) -> Delivery | None:
        """The delivery that has been due for the longest time, marked as running; None when none is due."""
        with transaction(self._connection) as connection:
            row = connection.execute(
                "SELECT * FROM deliveries WHERE state = ? AND due_at <= ? ORDER BY due_at, number LIMIT 1",
                (WAITING, now),
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE deliveries SET state = ? WHERE number = ?", (RUNNING, row["number"]))
        return Delivery(**{**dict(row), "state": RUNNING})

    def next_due(self) -> float | None:
        """When the next waiting delivery is due, in seconds since the epoch."""
        with transaction(self._connection) as connection:
            row = connection.execute(
                "SELECT MIN(due_at) FROM deliveries WHERE state = ?", (WAITING,)
            ).fetchone()
        due_at: float | None = row[0]
        return due_at

    def finish(self, delivery: Delivery) -> None:
        """The function succeeded."""
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, payload = x'', attempts = attempts + 1, error = NULL"
                " WHERE number = ?",
                (DONE, delivery.number),
            )

    def retry(self, delivery: Delivery, error: str, due_at: float) -> None:
        """The function failed; try again at ``due_at``."""
        self._failed(delivery, WAITING, error, due_at, attempts=1)

    def postpone(self, delivery: Delivery, error: str, due_at: float) -> None:
        """No instance was free; that counts as no attempt."""
        self._failed(delivery, WAITING, error, due_at, attempts=0)

    def end_as_dead_letter(self, delivery: Delivery, error: str, *, attempts: int, queue: str | None) -> None:
        """Give up: the delivery becomes a dead letter.

        Args:
            delivery: it.
            error: what the last attempt failed with.
            attempts: 1 if the function was invoked now, else 0.
            queue: that it was sent to, if any.
        """
        with transaction(self._connection) as connection:
            self._failed(delivery, DEAD, error, delivery.due_at, attempts=attempts)
            connection.execute("UPDATE deliveries SET queue = ? WHERE number = ?", (queue, delivery.number))

    def release(self, delivery: Delivery) -> None:
        """Put back what was taken and not tried."""
        with transaction(self._connection) as connection:
            connection.execute("UPDATE deliveries SET state = ? WHERE number = ?", (WAITING, delivery.number))

    def list(self, state: str | None = None) -> list[Delivery]:
        """Deliveries, oldest first; of one state, if given."""
        with transaction(self._connection) as connection:
            rows = connection.execute(
                "SELECT * FROM deliveries WHERE ? IS NULL OR state = ? ORDER BY number", (state, state)
            ).fetchall()
        return [Delivery(**dict(row)) for row in rows]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _failed(self, delivery: Delivery, state: str, error: str, due_at: float, *, attempts: int) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, error = ?, due_at = ?, attempts = attempts + ?,"
                " throttled = throttled + ? WHERE number = ?",
                (state, error, due_at, attempts, 1 - attempts, delivery.number),
            )
