"""A record of every call, for a test that asks afterwards what was really sent. Holds no secret."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["SCHEMA", "Call", "calls", "clear", "record"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    method TEXT NOT NULL,
    action TEXT,
    parameters TEXT NOT NULL,
    status INTEGER,
    code TEXT,
    fault TEXT,
    request_id TEXT NOT NULL
);
"""

# By what a name holds and not by the documented names only: a misspelt password is one too.
_SECRET = re.compile(r"signature$|securitytoken|password|secret", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        at: when it came.
        method: the HTTP method.
        action: the action, known or not.
        parameters: without signature, security token and passwords.
        status: the HTTP status of the answer; None where none was sent.
        code: of an error answer.
        fault: the kind of the fault that happened to it.
        request_id: of the answer.
    """

    at: float
    method: str
    action: str | None
    parameters: Mapping[str, str]
    status: int | None
    code: str | None
    fault: str | None
    request_id: str


def record(connection: sqlite3.Connection, call: Call) -> None:
    """Add a call; its secrets are left out here."""
    row = asdict(call)
    row["parameters"] = json.dumps(
        {name: value for name, value in call.parameters.items() if not _SECRET.search(name)}
    )
    connection.execute(
        "INSERT INTO calls (at, method, action, parameters, status, code, fault, request_id)"
        " VALUES (:at, :method, :action, :parameters, :status, :code, :fault, :request_id)",
        row,
    )


def calls(connection: sqlite3.Connection, action: str | None = None) -> list[dict[str, Any]]:
    """All calls, or those of an action, oldest first."""
    rows = connection.execute(
        "SELECT * FROM calls WHERE action IS coalesce(?, action) ORDER BY number", (action,)
    )
    return [{**dict(row), "parameters": json.loads(row["parameters"])} for row in rows]


def clear(connection: sqlite3.Connection) -> None:
    """Forget all calls."""
    connection.execute("DELETE FROM calls")
