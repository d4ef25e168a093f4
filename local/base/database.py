"""SQLite as the memory of the local servers: one way to open it, one way to write to it.

Several servers, in several threads and processes, may share one file. Must not know what is stored.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Connection", "add_column", "connect", "transaction"]

BUSY_TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.01


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
        sqlite3.DatabaseError: it is no database.
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
    connection.row_factory = sqlite3.Row
    _write_ahead(connection)
    # A crash of the machine may lose the last commits, which a laptop's state can bear; the file stays sound.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
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


def add_column(connection: Connection, table: str, column: str) -> None:
    """Give a table of an older file a column that it lacks; its rows have NULL there.

    Args:
        connection: to the file.
        table: one of ours.
        column: its name and type, such as ``principal TEXT``.
    """
    with transaction(connection):
        names = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
        if column.split(maxsplit=1)[0] not in names:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


def _write_ahead(connection: Connection) -> None:
    """Let readers and the writer not wait for each other, for as long as the file exists."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # Two connections that open a new file at once: here SQLite does not heed its busy timeout.
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
