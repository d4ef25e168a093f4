"""Who may do what: the functions as principals with their roles' statements, and a record of what they did.

One table says what each principal may do, another what each asked for and whether it was allowed, so that a
test can find which rights a function needs. An access key belongs to a principal or to nobody. A key of
nobody is one of the machine's own: it may do everything, and nothing is recorded. Must not know what an
action does.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from ..base.database import Connection, transaction
from .policies import Role, Statement, allows

__all__ = ["ACCOUNT_ID", "SCHEMA", "Call", "Permitted", "calls", "permitted", "replace_principals"]

ACCOUNT_ID = "1234567890123456"
"""The account that owns everything, unless another one is configured."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS principals (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    statements TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS access_calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    function TEXT NOT NULL,
    role TEXT,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    allowed INTEGER NOT NULL
);
"""

Permitted = Callable[[str | None, str, str], bool]
"""Takes a principal, an action and a resource; see ``permitted``."""


@dataclass(frozen=True)
class Call:
    """What a function asked for, or the platform in its name.

    Attributes:
        function: the function's name.
        role: the logical id of its role; None when it has none any more.
        action: such as ``eci:UpdateImageCache``.
        resource: on what.
        allowed: whether its role allows that.
    """

    function: str
    role: str | None
    action: str
    resource: str
    allowed: bool


def replace_principals(connection: Connection, roles: Mapping[str, Role]) -> None:
    """Set what each function may do; one that is not among them may do nothing.

    Args:
        connection: to the database.
        roles: by the names of the functions.
    """
    with transaction(connection):
        connection.execute("DELETE FROM principals")
        for name, role in roles.items():
            statements = json.dumps([asdict(one) for one in role.statements])
            connection.execute("INSERT INTO principals VALUES (?, ?, ?)", (name, role.logical_id, statements))


def permitted(connection: Connection, principal: str | None, action: str, resource: str) -> bool:
    """Whether a principal may do something; it is recorded that it asked.

    Args:
        connection: to the database.
        principal: the name of a function; None for a key of nobody, which may do everything.
        action: such as ``eci:UpdateImageCache``.
        resource: on what.
    """
    if principal is None:
        return True
    with transaction(connection):
        row: sqlite3.Row | None = connection.execute(
            "SELECT role, statements FROM principals WHERE name = ?", (principal,)
        ).fetchone()
        statements = [] if row is None else [_statement(one) for one in json.loads(row["statements"])]
        allowed = allows(statements, action, resource)
        connection.execute(
            "INSERT INTO access_calls (at, function, role, action, resource, allowed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (time.time(), principal, None if row is None else row["role"], action, resource, allowed),
        )
    return allowed


def calls(connection: Connection) -> list[Call]:
    """All that was recorded, oldest first."""
    with transaction(connection):
        rows = connection.execute(
            "SELECT function, role, action, resource, allowed FROM access_calls ORDER BY number"
        ).fetchall()
    return [Call(**{**dict(row), "allowed": bool(row["allowed"])}) for row in rows]


def _statement(stored: Mapping[str, str | list[str]]) -> Statement:
    return Statement(str(stored["effect"]), tuple(stored["actions"]), tuple(stored["resources"]))
