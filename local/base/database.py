"""SQLite as the memory of the local servers: one way to open it, one way to write to it.

Several servers, in several threads and processes, may share one file. Must not know what is stored.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["STATE_VERSION", "Connection", "StateVersionError", "connect", "empty", "transaction"]

STATE_VERSION = 2
"""One more with each change of a table, or of a document in one: an older state is not taken over."""

BUSY_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


class StateVersionError(RuntimeError):
    """Raised when a file was written by another version of the local cloud; the text names the file."""


class Connection(sqlite3.Connection):
    """A connection that several threads may use: ``transaction`` gives it to one thread at a time.

    Outside a transaction each statement commits by itself, and is for a connection that one thread owns.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lock = threading.RLock()


def connect(path: Path | str) -> Connection:
    """Open a database, creating the file and its folder where they are missing.

    Rows are ``sqlite3.Row``. Nothing begins a transaction implicitly: use ``transaction``.

    Args:
        path: the file, or ``":memory:"`` for one that ends with the connection.

    Raises:
        sqlite3.OperationalError: the file cannot be opened.
        sqlite3.DatabaseError: the file is not a database.
        StateVersionError: another version of the local cloud wrote it; nothing in it was changed.
    """
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    try:
        connection.row_factory = sqlite3.Row
        _write_ahead(connection)
        _check_version(connection, path)
        # A crash of the machine may lose the last commits, which is acceptable here; the file stays intact.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """Hold the connection, and the right to write, for the length of the block.

    Commits at its end, rolls back when it raises. Inside another transaction of the same thread it is part
    of that one. Fetch results inside the block.

    Raises:
        sqlite3.OperationalError: another connection has held the right to write for ten seconds.
    """
    with connection.lock:
        if connection.in_transaction:
            yield connection
            return
        # IMMEDIATE: a transaction that reads first and then writes could otherwise fail at the write, when
        # another connection wrote in between, and no busy timeout helps against that.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _check_version(connection: Connection, path: Path | str) -> None:
    """Write our version into a new file; a file of another version stays as it is."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            connection.execute(f"PRAGMA user_version = {STATE_VERSION}")
        elif version != STATE_VERSION:
            raise StateVersionError(
                f"{path} was written by another version of this program (its state has version {version}; "
                f"this program reads {STATE_VERSION}): delete the file to start with an empty state"
            )


def empty(connection: Connection, tables: Iterable[str]) -> None:
    """Delete all rows of tables; what they number begins at 1 again.

    Args:
        connection: to the file.
        tables: ours, each numbered by the database (``AUTOINCREMENT``) or not at all.
    """
    with transaction(connection):
        for table in tables:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from our own code
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))


def _write_ahead(connection: Connection) -> None:
    """Let readers and the writer not wait for each other, for as long as the file exists."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # Two connections that open a new file at once: here SQLite ignores its busy timeout.
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
